/// Makes the files of ``BenchmarkFiles``, one after the other.
struct FileGenerator {
    private let folder: String
    private let sizes: Sizes
    private(set) var manifest: BenchmarkFiles.Manifest
    /// Reused for all rows.
    private var text = ProductText()

    init(folder: String, sizes: Sizes) {
        self.folder = folder
        self.sizes = sizes
        manifest = BenchmarkFiles.Manifest(sizes: sizes)
    }

    /// The file that most lines are about, with all that is derived from it.
    mutating func generateRecords() throws {
        let sequence = RecordSequence(records: sizes.records, repeats: sizes.repeats)
        let winners = sequence.winners()
        let all = try CSVWriter("\(folder)/records.csv")
        let changed = try CSVWriter("\(folder)/changed.csv")
        let deduplicated = try CSVWriter("\(folder)/deduplicated.csv")
        for record in 0..<sizes.records {
            var row = sequence.row(record)
            let wins = winners[row.key] == Int32(record)
            text.make(row)
            try all.append(text)
            if wins {
                try deduplicated.append(text)
                manifest.records.add(text, row)
            }
            if RecordSequence.isChanged(row.key) {
                row.isRevised = true
                text.make(row)
            }
            try changed.append(text)
            if wins { manifest.changed.add(text, row) }
        }
        manifest.bytes["records.csv"] = try all.finish()
        manifest.bytes["changed.csv"] = try changed.finish()
        manifest.bytes["deduplicated.csv"] = try deduplicated.finish()
        try writeSorted(winners.map { sequence.row(Int($0)) }, to: "sorted.bin")
    }

    mutating func generateCatalogue() throws {
        let rows = (0..<sizes.catalogue).map { ProductRow(record: $0, key: $0) }
        for row in rows {
            text.make(row)
            manifest.catalogue.add(text, row)
        }
        try writeSorted(rows, to: "catalogue.bin")
    }

    mutating func generateSmall() throws {
        let file = try CSVWriter("\(folder)/small.csv")
        manifest.small = manifest.catalogue
        for number in 0..<sizes.smallRecords {
            let row = SmallImport(sizes: sizes).row(number)
            text.make(row)
            try file.append(text)
            if row.key >= sizes.catalogue { manifest.small.add(text, row) }
            if row.isRevised { manifest.small.bytes += ProductText.revision.count }
        }
        manifest.bytes["small.csv"] = try file.finish()
    }

    /// Written as it is made, so that any size fits into memory; only who wins is kept, four bytes a product.
    mutating func generateLarge() throws {
        let sequence = RecordSequence(records: sizes.largeRecords, repeats: sizes.largeRepeats)
        let winners = sequence.winners()
        let file = try CSVWriter("\(folder)/large.csv")
        for record in 0..<sizes.largeRecords {
            let row = sequence.row(record)
            text.make(row)
            try file.append(text)
            if winners[row.key] == Int32(record) { manifest.large.add(text, row) }
        }
        manifest.bytes["large.csv"] = try file.finish()
    }

    /// Writes rows in the order of their SKUs in lower case.
    private mutating func writeSorted(_ rows: [ProductRow], to name: String) throws {
        var entries: [(key: SortKey, row: ProductRow)] = []
        entries.reserveCapacity(rows.count)
        for row in rows {
            text.make(ProductRow(record: row.record, key: row.key))
            entries.append((SortKey(text.sku), row))
        }
        entries.sort { $0.key < $1.key }
        let file = try BinaryCopyWriter("\(folder)/\(name)")
        for (_, row) in entries {
            text.make(row)
            try file.append(text)
        }
        manifest.bytes[name] = try file.finish()
    }
}

/// The rows of the small file and of the file drops: new, revised and unchanged ones of a catalogue.
struct SmallImport {
    let sizes: Sizes

    var created: Int { sizes.smallRecords / 10 * 4 }
    var updated: Int { sizes.smallRecords / 10 * 3 }
    var unchanged: Int { sizes.smallRecords / 10 * 3 }

    func row(_ number: Int) -> ProductRow {
        if number % 10 < 4 { return .new(number, beyond: sizes) }
        // A prime step spreads them over the whole catalogue.
        let key = number * 499 % sizes.catalogue
        return ProductRow(record: key, key: key, isRevised: number % 10 < 7)
    }
}

extension ProductRow {
    /// A product that no generated file has, by its number.
    static func new(_ number: Int, beyond sizes: Sizes) -> ProductRow {
        let key = sizes.catalogue + sizes.largeRecords + number
        return ProductRow(record: key, key: key)
    }
}

/// The order of short byte strings, in four comparisons at most.
private struct SortKey: Comparable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    init(_ bytes: [UInt8]) {
        precondition(bytes.count <= 32)
        // Zero is below every byte of a SKU, so that the shorter of two comes first.
        func word(_ index: Int) -> UInt64 {
            (8 * index..<8 * index + 8).reduce(0) { $0 << 8 | UInt64($1 < bytes.count ? bytes[$1] : 0) }
        }
        words = (word(0), word(1), word(2), word(3))
    }

    static func == (left: SortKey, right: SortKey) -> Bool { left.words == right.words }
    static func < (left: SortKey, right: SortKey) -> Bool { left.words < right.words }
}
