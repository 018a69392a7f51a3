import FoundationEssentials
import Glibc

/// The generated files, and what they lead to. They are made once and used again by later runs.
struct BenchmarkFiles {
    /// What must hold after a file was loaded.
    struct Manifest: Codable, Equatable {
        /// Goes up with every change to what is generated.
        var version = 1
        var sizes: Sizes
        var bytes: [String: Int] = [:]
        /// After `records`, `deduplicated` or `sorted` into an empty catalogue.
        var records = Tally()
        /// After `changed` on top of that.
        var changed = Tally()
        var catalogue = Tally()
        /// After `small` into that catalogue.
        var small = Tally()
        var large = Tally()
    }

    let folder: String
    let manifest: Manifest

    /// The file to import.
    var records: String { "\(folder)/records.csv" }
    /// The same without the rows that lose, for `\copy`.
    var deduplicated: String { "\(folder)/deduplicated.csv" }
    /// The same again, in the order of the unique index and in PostgreSQL's binary format.
    var sorted: String { "\(folder)/sorted.bin" }
    /// The file to import, with one product in ten revised.
    var changed: String { "\(folder)/changed.csv" }
    /// Products that are there when something small arrives; sorted and binary.
    var catalogue: String { "\(folder)/catalogue.bin" }
    /// Something small: four rows in ten are new, three revised and three the same.
    var small: String { "\(folder)/small.csv" }
    var large: String { "\(folder)/large.csv" }

    /// The files in a folder, if they are all there.
    init(reading folder: String, sizes: Sizes) throws {
        self.folder = folder
        guard let data = FileManager.default.contents(atPath: "\(folder)/manifest.json"),
            let manifest = try? JSONDecoder().decode(Manifest.self, from: data),
            manifest.version == Manifest(sizes: sizes).version, manifest.sizes.describesSameFiles(as: sizes),
            manifest.bytes.allSatisfy({ size(of: "\(folder)/\($0)") == $1 })
        else { throw BenchmarkError("The files in \(folder) are not those of this benchmark.") }
        self.manifest = manifest
    }

    /// Makes all files, unless they are there.
    static func generate(in folder: String, sizes: Sizes, announce: (String) -> Void) throws {
        if (try? BenchmarkFiles(reading: folder, sizes: sizes)) != nil { return }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try? FileManager.default.removeItem(atPath: "\(folder)/manifest.json")
        var generator = FileGenerator(folder: folder, sizes: sizes)
        announce("Generating \(grouped(sizes.records)) records and their variants ...")
        try generator.generateRecords()
        try generator.generateCatalogue()
        try generator.generateSmall()
        announce("Generating \(grouped(sizes.largeRecords)) records ...")
        try generator.generateLarge()
        try JSONEncoder().encode(generator.manifest).write(to: URL(filePath: "\(folder)/manifest.json"))
    }
}

extension Sizes {
    /// Numbers of runs and the like do not matter to the files.
    fileprivate func describesSameFiles(as other: Sizes) -> Bool {
        records == other.records && repeats == other.repeats && largeRecords == other.largeRecords
            && catalogue == other.catalogue && smallRecords == other.smallRecords
    }
}

private func size(of path: String) -> Int? {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : nil
}
