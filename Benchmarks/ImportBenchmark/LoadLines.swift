/// The lines of the table about whole files, each loaded by a process of its own.
struct LoadLines {
    let bench: Workbench
    private var sizes: Sizes { bench.sizes }
    private var files: BenchmarkFiles { bench.files }
    private var manifest: BenchmarkFiles.Manifest { bench.files.manifest }

    // MARK: Into an empty catalogue

    /// Against `\copy` of the deduplicated file (A).
    func emptyAgainstCopy(_ results: inout Results) async throws {
        var last: ImporterRun?
        let times = try await PairedTimes.measure(sizes.pairs) {
            last = try await importIntoEmpty()
            return last!.seconds
        } theirs: {
            try await copyIntoEmpty(
                #"(name, sku, description) from '\#(files.deduplicated)' with (format csv, header)"#)
        }
        add("\(grouped(sizes.records)) records into an empty catalogue; \\copy", times, 0.60, &results)
        if let plan = last?.report.plan {
            let stages = plan.seconds.sorted { $0.value > $1.value }.map { "\($0) \(fixed($1, 3))" }
            results.notes.append(
                "stages of that import in seconds (\(plan.name ?? "no plan")): \(stages.joined(separator: ", "))")
        }
    }

    /// Against `\copy` of the sorted binary file (B), the floor of one COPY stream.
    func emptyAgainstSortedCopy(_ results: inout Results) async throws {
        let times = try await PairedTimes.measure(sizes.pairs) {
            try await importIntoEmpty().seconds
        } theirs: {
            try await copyIntoEmpty(#"(sku, name, description) from '\#(files.sorted)' with (format binary)"#)
        }
        add("the same; sorted binary \\copy", times, 1.15, &results)
    }

    private func importIntoEmpty(sampling: Bool = false) async throws -> ImporterRun {
        try await bench.empty()
        let rows = ImportReport.Rows(read: sizes.records, created: sizes.products, duplicates: sizes.repeats)
        let run = try bench.runImporter(files.records, expecting: rows, sampling: sampling)
        try await bench.check(manifest.records, state: "records")
        return run
    }

    private func copyIntoEmpty(_ what: String) async throws -> Double {
        try await bench.empty()
        let seconds = try bench.runPsql([#"\copy products "# + what])
        try await bench.check(manifest.records, state: "records")
        return seconds
    }

    // MARK: Into a catalogue that has most of it

    func sameAgain(_ results: inout Results) async throws {
        let rows = ImportReport.Rows(read: sizes.records, unchanged: sizes.products, duplicates: sizes.repeats)
        let times = try await PairedTimes.measure(sizes.slowPairs) {
            try await importAgain(files.records, rows, onto: files.sorted, manifest.records, "records")
        } theirs: {
            try await mergeByStaging(files.records, onto: files.sorted, manifest.records, "records")
        }
        add("the same file again, nothing changed; staging and merge", times, 0.25, &results)
    }

    func tenthChanged(_ results: inout Results) async throws {
        let changed = RecordSequence.changed(of: sizes.products)
        let rows = ImportReport.Rows(
            read: sizes.records, updated: changed, unchanged: sizes.products - changed, duplicates: sizes.repeats)
        let times = try await PairedTimes.measure(sizes.slowPairs) {
            try await importAgain(files.changed, rows, onto: files.sorted, manifest.changed, "changed")
        } theirs: {
            try await mergeByStaging(files.changed, onto: files.sorted, manifest.changed, "changed")
        }
        add("the same file, 10 % of rows changed; staging and merge", times, 0.45, &results)
    }

    func smallIntoLarge(_ results: inout Results) async throws {
        let small = SmallImport(sizes: sizes)
        let rows = ImportReport.Rows(
            read: sizes.smallRecords, created: small.created, updated: small.updated, unchanged: small.unchanged)
        let times = try await PairedTimes.measure(sizes.pairs) {
            try await importAgain(files.small, rows, onto: files.catalogue, manifest.small, "small")
        } theirs: {
            try await mergeByStaging(files.small, onto: files.catalogue, manifest.small, "small")
        }
        results.lines.append(
            ResultLine(
                work: "\(grouped(sizes.smallRecords)) rows into \(grouped(sizes.catalogue)); staging and merge",
                ours: "\(duration(times.ours.median)) \(spread(times.ours, duration))",
                theirs: duration(times.theirs.median), ratio: ratio(times), goal: "≤ 150 ms",
                isReached: times.ours.median <= 0.150))
    }

    private func importAgain(
        _ file: String, _ rows: ImportReport.Rows, onto catalogue: String, _ tally: Tally, _ state: String
    ) async throws -> Double {
        try await bench.restore(catalogue)
        let run = try bench.runImporter(file, expecting: rows)
        try await bench.check(tally, state: state)
        return run.seconds
    }

    /// How it is done well by hand: the last row of each SKU wins, and what is the same is not written.
    ///
    /// A temporary table is not logged, and sorting in the order of the index spares the merge jumping about in it.
    private func mergeByStaging(
        _ file: String, onto catalogue: String, _ tally: Tally, _ state: String
    ) async throws -> Double {
        try await bench.restore(catalogue)
        let seconds = try bench.runPsql([
            """
            CREATE TEMPORARY TABLE staging (
                number bigint GENERATED ALWAYS AS IDENTITY, name text, sku text, description text)
            """,
            #"\copy staging (name, sku, description) from '\#(file)' with (format csv, header)"#,
            """
            INSERT INTO products (sku, name, description)
            SELECT DISTINCT ON (lower(sku) COLLATE "C") sku, name, description FROM staging
            ORDER BY lower(sku) COLLATE "C", number DESC
            ON CONFLICT (lower(sku) COLLATE "C") DO UPDATE
            SET sku = excluded.sku, name = excluded.name, description = excluded.description, updated_at = now()
            WHERE (products.sku, products.name, products.description)
                IS DISTINCT FROM (excluded.sku, excluded.name, excluded.description)
            """,
        ])
        try await bench.check(tally, state: state)
        return seconds
    }

    // MARK: Size

    /// Ten times as many records, against the same program with the usual number: nothing may grow faster than the file.
    func large(_ results: inout Results) async throws {
        let rows = ImportReport.Rows(
            read: sizes.largeRecords, created: sizes.largeRecords - sizes.largeRepeats, duplicates: sizes.largeRepeats)
        var runs: [ImporterRun] = []
        let times = try await PairedTimes.measure(sizes.largeRuns) {
            try await bench.empty()
            runs.append(try bench.runImporter(files.large, expecting: rows, sampling: true))
            try await bench.check(manifest.large)
            return runs.last!.seconds
        } theirs: {
            try await importIntoEmpty().seconds
        }
        addMemory(sizes.largeRecords, runs, &results)
        let ratios = times.ratios.map { $0 * Double(sizes.records) / Double(sizes.largeRecords) }
        func perRow(_ seconds: [Double], _ records: Int) -> String {
            "\(fixed(seconds.median / Double(records) * 1e6, 2)) µs"
        }
        results.lines.append(
            ResultLine(
                work: "\(grouped(sizes.largeRecords)) records, per row; \(grouped(sizes.records)) of ours",
                ours: perRow(times.ours, sizes.largeRecords), theirs: perRow(times.theirs, sizes.records),
                ratio: "\(fixed(ratios.median, 2)) \(spread(ratios) { fixed($0, 2) })", goal: "≤ 1.30",
                isReached: ratios.median <= 1.30))
    }

    func memory(_ results: inout Results) async throws {
        addMemory(sizes.records, [try await importIntoEmpty(sampling: true)], &results)
    }

    private func addMemory(_ records: Int, _ runs: [ImporterRun], _ results: inout Results) {
        let peak = runs.map(\.process.memory.private).max()!
        let limit = 64_000_000 + 64 * records
        let bytes = Double(peak) / Double(records)
        results.lines.append(
            ResultLine(
                work: "peak private memory, \(grouped(records)) records", ours: megabytes(peak),
                ratio: "\(fixed(bytes, 0)) B a row", goal: "≤ \(megabytes(limit))", isReached: peak <= limit))
        let memory = runs.max { $0.process.memory.private < $1.process.memory.private }!.process
        results.notes.append(
            "memory at \(grouped(records)) records: anonymous \(megabytes(memory.memory.anonymous)), private dirty "
                + "\(megabytes(memory.memory.dirty)), resident \(megabytes(memory.maximumResident)) (ru_maxrss)")
    }

    // MARK: Lines

    private func add(_ work: String, _ times: PairedTimes, _ goal: Double, _ results: inout Results) {
        results.lines.append(
            ResultLine(
                work: work, ours: duration(times.ours.median), theirs: duration(times.theirs.median),
                ratio: ratio(times), goal: "≤ \(fixed(goal, 2))", isReached: times.ratios.median <= goal))
    }

    private func ratio(_ times: PairedTimes) -> String {
        "\(fixed(times.ratios.median, 2)) \(spread(times.ratios) { fixed($0, 2) })"
    }
}
