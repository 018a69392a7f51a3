import Catalog
import FoundationEssentials
import Logging
import Postgres
import ServiceLifecycleTestKit
import TestSupport

@testable import Pipeline

/// A database with webhooks, and the service that delivers to them.
struct DeliveryRun: Sendable {
    let database: TestDatabase
    var options: WebhookOptions

    static func with<Output>(_ body: (DeliveryRun) async throws -> Output) async throws -> Output {
        try await TestDatabase.with { database in
            var options = WebhookOptions()
            options.allowed = [Allowance("127.0.0.0/8")!]
            options.retries = RetryPolicy(schedule: [0.05, 0.05])
            options.timeoutSeconds = 20
            return try await body(DeliveryRun(database: database, options: options))
        }
    }

    func addWebhook(
        _ url: String, events: [String] = ["*"], secret: WebhookSecret = .random()
    ) async throws -> Int {
        let events = try EventSelection(events)
        return try await database.session.run {
            try WebhookStore($0).insert(url: url, events: events, isEnabled: true, secret: secret.text).id
        }
    }

    /// Makes events of a product each, one transaction each.
    func enqueue(_ count: Int = 1, _ type: EventType = .productCreated) async throws {
        for number in 1...count {
            try await database.session.run { connection in
                try connection.transaction {
                    _ = try EventStore(connection).enqueue(type, data: ["number": number])
                }
            }
        }
    }

    /// Runs the service while `body` runs, then shuts it down in order.
    func delivering<Output: Sendable>(
        destinations: WebhookDestinations? = nil, _ body: @escaping @Sendable () async throws -> Output
    ) async throws -> Output {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let sender = WebhookSender(options, destinations: destinations ?? options.destinations)
        let service = WebhookDelivery(options, conninfo: database.conninfo, sender: sender, logger: logger)
        return try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await service.run() }
                defer { trigger.triggerGracefulShutdown() }
                return try await body()
            }
        }
    }

    // MARK: What can be seen

    struct Delivery: Sendable, Equatable {
        var state: String
        var attempts: Int
        var status: Int?
        var error: String?
    }

    func deliveries() async throws -> [Delivery] {
        try await database.session.run { connection in
            try connection.query("SELECT state, attempts, status, error FROM webhook_deliveries ORDER BY id").map {
                Delivery(
                    state: try $0[0], attempts: try $0[1], status: try $0[optional: 2], error: try $0[optional: 3])
            }
        }
    }

    /// Waits until no delivery is on its way.
    func end(seconds: Double = 60) async throws -> [Delivery] {
        try await wait(seconds) { $0.allSatisfy { $0.state != "pending" } }
    }

    /// Waits until what can be seen is as it should be.
    @discardableResult
    func wait(
        _ seconds: Double = 60, until isRight: ([Delivery]) -> Bool
    ) async throws -> [Delivery] {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            let deliveries = try await deliveries()
            if isRight(deliveries) { return deliveries }
            guard ContinuousClock.now < deadline else { throw NotSo(deliveries: Array(deliveries.prefix(5))) }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    struct NotSo: Error { let deliveries: [Delivery] }

    func webhook(_ id: Int) async throws -> Webhook {
        try await database.session.run { try WebhookStore($0).find(id) }!
    }

    func log(_ delivery: Int = 1) async throws -> [DeliveryLog.Attempt] {
        try await database.session.run { try DeliveryLog($0).find(delivery)?.attempts } ?? []
    }
}
