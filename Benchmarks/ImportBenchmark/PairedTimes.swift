/// Seconds of two competitors that ran in turn.
struct PairedTimes {
    private(set) var ours: [Double] = []
    private(set) var theirs: [Double] = []

    /// One for each pair: whatever slows the machine for a while slows both.
    var ratios: [Double] { zip(ours, theirs).map { $0 / $1 } }

    /// Runs both in turn, changing who is first, since the first of two could have it better or worse.
    static func measure(
        _ pairs: Int, ours: () async throws -> Double, theirs: () async throws -> Double
    ) async throws -> PairedTimes {
        var times = PairedTimes()
        for pair in 0..<pairs {
            if pair % 2 == 0 { times.ours.append(try await ours()) }
            times.theirs.append(try await theirs())
            if pair % 2 == 1 { times.ours.append(try await ours()) }
            announce("  \(duration(times.ours[pair])) against \(duration(times.theirs[pair]))")
        }
        return times
    }
}

extension [Double] {
    var median: Double {
        precondition(!isEmpty)
        let sorted = sorted()
        return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
    }
}
