internal import Catalog
internal import FoundationEssentials
internal import Pipeline
internal import Postgres

/// Sends `webhook.test` to one webhook and waits for what comes of it. It is in the log like any other delivery, and
/// counts for nothing.
struct WebhookTest: Sendable {
    let database: BoundedDatabase
    let sender: WebhookSender
    let leaseSeconds: Double

    struct Answer: Encodable {
        let delivered: Bool
        let status: Int?
        let milliseconds: Int?
        let error: String?
        let message: String?

        func encode(to encoder: any Encoder) throws {
            var values = encoder.container(keyedBy: CodingKeys.self)
            try values.encode(delivered, forKey: .delivered)
            try values.encode(status, forKey: .status)
            try values.encode(milliseconds, forKey: .milliseconds)
            try values.encode(error, forKey: .error)
            try values.encode(message, forKey: .message)
        }

        enum CodingKeys: String, CodingKey {
            case delivered, status, error, message
            case milliseconds = "response_time_ms"
        }
    }

    private struct TestData: Encodable {
        let webhook: Int
        let message = "This is a test. Nothing happened."

        enum CodingKeys: String, CodingKey {
            case message
            case webhook = "webhook_id"
        }
    }

    /// - Returns: nil when there is no such webhook.
    func run(_ webhook: Int) async throws -> Answer? {
        let leaseSeconds = leaseSeconds
        let delivery = try await database.run(within: WebhooksController.patience) { connection in
            try connection.transaction {
                try EventStore(connection).makeTest(
                    webhook: webhook, data: TestData(webhook: webhook), lease: UUID(), seconds: leaseSeconds)
            }
        }
        guard let delivery else { return nil }
        let result = await sender.attempt(delivery)
        // Also when the database has gone meanwhile, who asked is told; the log then calls it interrupted.
        try? await database.run(within: WebhooksController.patience) { connection in
            try connection.transaction { _ = try DeliveryStore(connection).record([result]) }
        }
        return Answer(
            delivered: result.error == nil, status: result.status, milliseconds: result.responseMilliseconds,
            error: result.error, message: result.message)
    }
}
