/// How much work each line of the table is.
struct Sizes: Codable, Equatable {
    /// Records of the file that most lines are about.
    var records: Int
    /// How many of them repeat an earlier SKU in another case.
    var repeats: Int
    /// Records of the file that shows how the time grows; as many of them repeat, in proportion.
    var largeRecords: Int
    /// Products that are there when something small arrives.
    var catalogue: Int
    var smallRecords: Int
    var drops: Int
    var recordsPerDrop: Int
    var files: Int
    var recordsPerFile: Int
    var idleSeconds: Double
    /// Runs of each competitor, in turn.
    var pairs: Int
    /// The same where a run takes long.
    var slowPairs: Int
    var largeRuns: Int

    var products: Int { records - repeats }
    var largeRepeats: Int { largeRecords / records * repeats }

    static let full = Sizes(
        records: 500_000, repeats: 33_307, largeRecords: 5_000_000, catalogue: 500_000, smallRecords: 1_000,
        drops: 20, recordsPerDrop: 10, files: 1_000, recordsPerFile: 100, idleSeconds: 10,
        pairs: 5, slowPairs: 3, largeRuns: 3)

    /// Shows in a minute that everything works. Its times mean nothing: starting a process weighs too much in them.
    static let quick = Sizes(
        records: 20_000, repeats: 1_332, largeRecords: 100_000, catalogue: 20_000, smallRecords: 1_000,
        drops: 5, recordsPerDrop: 10, files: 50, recordsPerFile: 100, idleSeconds: 2,
        pairs: 1, slowPairs: 1, largeRuns: 1)
}

/// A run that cannot go on, or gave a wrong answer.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
