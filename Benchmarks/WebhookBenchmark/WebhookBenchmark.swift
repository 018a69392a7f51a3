import Catalog
import FoundationEssentials
import Glibc
import Logging
import Pipeline
import Postgres
import Synchronization
import TestSupport

/// How fast webhooks are delivered: many to one fast receiver on this machine, who checks each signature; and what a
/// healthy receiver notices of five that hang. Ends with 1 when a number is wrong or a goal is missed.
@main struct WebhookBenchmark {
    private static let deliveries = 10_000

    static func main() async throws {
        let rate = try await throughput()
        print("\(deliveries) deliveries to one receiver: \(Int(rate))/s, all signatures right (goal: 1,000/s or more)")
        let alone = try await medianLatency(besides: 0)
        let beside = try await medianLatency(besides: 5)
        let growth = Double(beside) / Double(alone) - 1
        print(
            "median latency of a receiver that takes 20 ms: \(alone) ms alone, \(beside) ms beside five that hang "
                + "(\(Int((growth * 100).rounded())) %; goal: less than 20 %)")
        exit(rate >= 1000 && growth < 0.2 ? 0 : 1)
    }

    // MARK: Throughput

    private static func throughput() async throws -> Double {
        try await TestDatabase.with { database in
            let secret = WebhookSecret.random()
            let wrong = Mutex(0)
            return try await Receiver.with { _, request in
                if !isRight(request, secret) { wrong.withLock { $0 += 1 } }
                return .answer(200)
            } _: { receiver in
                var options = WebhookOptions()
                options.limits.perWebhook = options.limits.total
                let hook = try await addWebhook(receiver.url, secret, database)
                try await enqueue(deliveries, database)
                let seconds = try await deliver(options, database) {
                    "SELECT count(*) = \(deliveries) FROM webhook_deliveries WHERE state = 'delivered' AND webhook_id = \(hook)"
                }
                let ids = Set(receiver.requests.map { $0.headers["webhook-id"] })
                guard wrong.withLock({ $0 }) == 0, ids.count == deliveries, receiver.requests.count == deliveries else {
                    throw WrongResult(message: "\(receiver.requests.count) requests with \(ids.count) ids")
                }
                return Double(deliveries) / seconds
            }
        }
    }

    private static func isRight(_ request: Receiver.Request, _ secret: WebhookSecret) -> Bool {
        guard let id = request.headers["webhook-id"],
            let time = request.headers["webhook-timestamp"].flatMap({ Int($0) })
        else { return false }
        return request.headers["webhook-signature"] == secret.signature(id: id, timestamp: time, body: request.body)
    }

    // MARK: Latency

    private static func medianLatency(besides hanging: Int) async throws -> Int {
        try await TestDatabase.with { database in
            try await Receiver.with(.hang) { deaf in
                try await Receiver.with(.answer(200, after: .milliseconds(20))) { healthy in
                    for _ in 0..<hanging { _ = try await addWebhook(deaf.url, .random(), database) }
                    let hook = try await addWebhook(healthy.url, .random(), database)
                    try await enqueue(200, database)
                    var options = WebhookOptions()
                    options.drainSeconds = 0.1
                    _ = try await deliver(options, database) {
                        "SELECT count(*) = 200 FROM webhook_deliveries WHERE state = 'delivered' AND webhook_id = \(hook)"
                    }
                    return try await database.value(
                        """
                        SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY response_time_ms) FROM webhook_attempts
                        WHERE webhook_id = \(hook)
                        """)
                }
            }
        }
    }

    // MARK: Work

    private static func addWebhook(_ url: String, _ secret: WebhookSecret, _ database: TestDatabase) async throws -> Int
    {
        try await database.session.run {
            try WebhookStore($0).insert(url: url, events: .all, isEnabled: true, secret: secret.text).id
        }
    }

    private static func enqueue(_ count: Int, _ database: TestDatabase) async throws {
        try await database.session.run { connection in
            try connection.transaction {
                for number in 0..<count {
                    _ = try EventStore(connection).enqueue(.productUpdated, data: ["number": number])
                }
            }
        }
    }

    /// Delivers until the condition holds.
    ///
    /// - Returns: how many seconds that took.
    private static func deliver(
        _ options: WebhookOptions, _ database: TestDatabase, until condition: () -> SQL
    ) async throws -> Double {
        var options = options
        options.allowed = [Allowance("127.0.0.1")!]
        var logger = Logger(label: "benchmark")
        logger.logLevel = .error
        let service = WebhookDelivery(options, conninfo: database.conninfo, logger: logger)
        let start = ContinuousClock.now
        let running = Task { try await service.run() }
        while try await !database.value(condition(), as: Bool.self) { try await Task.sleep(for: .milliseconds(20)) }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        running.cancel()
        _ = try? await running.value
        return seconds
    }

    struct WrongResult: Error { let message: String }
}
