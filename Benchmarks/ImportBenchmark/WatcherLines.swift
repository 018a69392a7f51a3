import FoundationEssentials
import Glibc

/// The lines of the table about a watcher that runs, and the files that are dropped into its inbox.
struct WatcherLines {
    private let bench: Workbench
    private let watcher: MeasuredProcess
    /// Where drops are written, on the file system of the inbox, before they are moved in.
    private let drops: String
    private var sizes: Sizes { bench.sizes }
    /// What the catalogue must contain after the drops so far.
    private var expected: Tally

    /// Starts a watcher on a catalogue that is as large as those of the other lines, and waits until it works.
    static func with(
        _ bench: Workbench, _ body: (inout WatcherLines) async throws -> Void
    ) async throws {
        try await bench.restore(bench.files.catalogue)
        var lines = try WatcherLines(bench)
        defer { lines.watcher.stop() }
        try lines.warmUp()
        try await body(&lines)
        try await bench.check(lines.expected)
    }

    private init(_ bench: Workbench) throws {
        self.bench = bench
        expected = bench.files.manifest.catalogue
        drops = "\(bench.scratch)/drops"
        for folder in [drops, "\(bench.scratch)/inbox", "\(bench.scratch)/outbox"] {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        watcher = try MeasuredProcess(
            bench.importer, ["watch"], environment: bench.importerEnvironment,
            output: "\(bench.scratch)/watch.out", errors: "\(bench.scratch)/watch.log")
    }

    private mutating func warmUp() throws {
        for number in 0..<2 {
            try write("warm-\(number).csv", newRows(1_000 + number * sizes.recordsPerDrop, sizes.recordsPerDrop))
            try moveIn("warm-\(number).csv")
            try waitForEnd("warm-\(number).csv").check(allCreated, of: "the watcher's first file")
        }
    }

    // MARK: Lines

    mutating func drop(_ results: inout Results) throws {
        var seconds: [Double] = []
        for number in 0..<sizes.drops {
            let name = "drop-\(number).csv"
            try write(name, newRows(10_000 + number * sizes.recordsPerDrop, sizes.recordsPerDrop))
            // Different pauses, so that no drop profits from the rhythm of something else.
            usleep(UInt32(150_000 + number * 37_003 % 97_000))
            let start = ContinuousClock.now
            try moveIn(name)
            let report = try waitForEnd(name)
            seconds.append((ContinuousClock.now - start) / .seconds(1))
            try report.check(allCreated, of: name)
        }
        results.lines.append(
            ResultLine(
                work: "drop of a \(sizes.recordsPerDrop)-row file to completed", ours: duration(seconds.median),
                ratio: spread(seconds, duration), goal: "≤ 100 ms", isReached: seconds.median <= 0.100))
    }

    mutating func manyFiles(_ results: inout Results) throws {
        let (files, half) = (sizes.files, sizes.recordsPerFile / 2)
        let names = (0..<files).map { "many-\($0).csv" }
        for (number, name) in names.enumerated() {
            let changed = (number * half..<(number + 1) * half).map {
                ProductRow(record: $0, key: $0, isRevised: true)
            }
            try write(name, newRows(100_000 + number * half, half) + changed)
        }
        let start = ContinuousClock.now
        for name in names { try moveIn(name) }
        let rows = ImportReport.Rows(read: 2 * half, created: half, updated: half)
        for name in names { try waitForEnd(name).check(rows, of: name) }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        results.lines.append(
            ResultLine(
                work: "\(grouped(files)) files of \(2 * half) rows dropped at once", ours: duration(seconds),
                ratio: "\(grouped(Int(Double(files) / seconds))) files/s", goal: "≤ 10 s", isReached: seconds <= 10))
    }

    /// After all that work, which is when memory would not have been given back.
    func idle(_ results: inout Results) throws {
        sleep(3)
        let (start, used) = (ContinuousClock.now, try processorSeconds(watcher.id))
        usleep(UInt32(sizes.idleSeconds * 1e6))
        let share = try (processorSeconds(watcher.id) - used) / ((ContinuousClock.now - start) / .seconds(1)) * 100
        let resident = residentBytes(watcher.id)
        guard watcher.isRunning else { throw BenchmarkError("The watcher has ended while it was idle.") }
        results.lines.append(
            ResultLine(
                work: "watcher idle, processor", ours: "\(fixed(share, 2)) %", ratio: "–", goal: "< 0.2 %",
                isReached: share < 0.2))
        results.lines.append(
            ResultLine(
                work: "watcher idle, resident", ours: megabytes(resident), ratio: "–", goal: "≤ 60 MB",
                isReached: resident <= 60_000_000))
    }

    // MARK: Drops

    private var allCreated: ImportReport.Rows {
        ImportReport.Rows(read: sizes.recordsPerDrop, created: sizes.recordsPerDrop)
    }

    private func newRows(_ first: Int, _ count: Int) -> [ProductRow] {
        (first..<first + count).map { .new($0, beyond: sizes) }
    }

    /// Writes a file to be dropped, and reckons with its effect.
    private mutating func write(_ name: String, _ rows: [ProductRow]) throws {
        let file = try CSVWriter("\(drops)/\(name)")
        for row in rows {
            let text = ProductText(row)
            try file.append(text)
            if row.key >= sizes.catalogue { expected.add(text, row) }
            if row.isRevised { expected.bytes += ProductText.revision.count }
        }
        _ = try file.finish()
    }

    private func moveIn(_ name: String) throws {
        guard rename("\(drops)/\(name)", "\(bench.scratch)/inbox/\(name)") == 0 else {
            throw BenchmarkError("\(name) cannot be dropped: \(String(cString: strerror(errno)))")
        }
    }

    /// Polls the file that scripts are told to poll.
    private func waitForEnd(_ name: String) throws -> ImportReport {
        let path = "\(bench.scratch)/outbox/\(name).json"
        let deadline = ContinuousClock.now + .seconds(120)
        var seen: (UInt, Int)?
        while ContinuousClock.now < deadline {
            var status = stat()
            // Each new version is another file.
            if stat(path, &status) == 0, seen.map({ $0 != (UInt(status.st_ino), status.st_mtim.tv_nsec) }) ?? true {
                seen = (UInt(status.st_ino), status.st_mtim.tv_nsec)
                let report = try JSONDecoder().decode(ImportReport.self, from: Data((readTextFile(path) ?? "").utf8))
                if report.hasEnded { return report }
            }
            usleep(2000)
            try Interruption.check()
            guard watcher.isRunning else {
                throw BenchmarkError(
                    "The watcher has ended: \((readTextFile("\(bench.scratch)/watch.log") ?? "").suffix(2000))")
            }
        }
        throw BenchmarkError("\(name) was dropped, and has not ended after two minutes.")
    }
}
