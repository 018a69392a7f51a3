internal import Postgres

extension ImportStore {
    /// What a monitoring system wants to know about all imports together.
    package struct Metrics: Sendable {
        package var byState: [String: Int] = [:]
        /// Of completed imports that were no dry runs.
        package var rows = ImportProgress.Rows()
        /// How many completed imports took at most so many seconds, for each of `Metrics.buckets`.
        package var durations: [Int] = []
        package var durationCount = 0
        package var durationSum = 0.0
        /// Seconds for which the oldest queued import has been waiting; 0 when none is.
        package var queueAge = 0.0

        package static let buckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800]

        package init() {}
    }

    package func metrics() throws -> Metrics {
        var metrics = Metrics()
        for state in ["queued", "completed", "failed", "cancelled"] { metrics.byState[state] = 0 }
        for row in try connection.query("SELECT state, count(*) FROM imports GROUP BY state") {
            metrics.byState[try row[0]] = try row[1]
        }
        let sums = try connection.query(
            """
            SELECT coalesce(sum(read), 0)::bigint, coalesce(sum(created), 0)::bigint, coalesce(sum(updated), 0)::bigint,
                coalesce(sum(unchanged), 0)::bigint, coalesce(sum(duplicates), 0)::bigint,
                coalesce(sum(rejected), 0)::bigint,
                (SELECT coalesce(extract(epoch FROM now() - min(received_at)), 0)::float8 FROM imports
                    WHERE state = 'queued')
            FROM imports WHERE state = 'completed' AND NOT dry_run
            """)[0]
        (metrics.rows.read, metrics.rows.created) = (try sums[0], try sums[1])
        (metrics.rows.updated, metrics.rows.unchanged) = (try sums[2], try sums[3])
        (metrics.rows.duplicates, metrics.rows.rejected) = (try sums[4], try sums[5])
        metrics.queueAge = try sums[6]
        try readDurations(into: &metrics)
        return metrics
    }

    private func readDurations(into metrics: inout Metrics) throws {
        var buckets = ArrayParameter.int8()
        for bucket in Metrics.buckets { buckets.append(Int(bucket * 1000)) }
        let rows = try connection.query(
            """
            WITH d AS (SELECT extract(epoch FROM finished_at - started_at)::float8 AS s FROM imports
                WHERE state = 'completed' AND started_at IS NOT NULL)
            SELECT (SELECT count(*) FROM d WHERE d.s * 1000 <= b.ms), (SELECT count(*) FROM d),
                (SELECT coalesce(sum(s), 0)::float8 FROM d)
            FROM unnest(\(buckets.parameter)) WITH ORDINALITY AS b(ms, n) ORDER BY b.n
            """)
        metrics.durations = try rows.map { try $0[0] }
        if let first = rows.first { (metrics.durationCount, metrics.durationSum) = (try first[1], try first[2]) }
    }

    /// Attempts to deliver webhooks by what came of them.
    package func webhookAttempts() throws -> [(outcome: String, count: Int)] {
        let isThere: Bool = try connection.query("SELECT to_regclass('webhook_attempts') IS NOT NULL")[0][0]
        guard isThere else { return [] }
        return try connection.query(
            "SELECT coalesce(error, 'ok'), count(*) FROM webhook_attempts GROUP BY 1 ORDER BY 1"
        ).map { (try $0[0], try $0[1]) }
    }
}
