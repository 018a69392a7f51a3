internal import Catalog
internal import FoundationEssentials
internal import Hummingbird
internal import Pipeline
internal import Postgres

/// Webhooks as JSON: `/api/webhooks`, one of them, its secret, its test.
struct WebhooksController {
    static let patience = Duration.seconds(5)

    private let database: BoundedDatabase
    private let destinations: WebhookDestinations
    private let test: WebhookTest

    init(database: BoundedDatabase, options: WebhookOptions) {
        self.database = database
        destinations = options.destinations
        test = WebhookTest(
            database: database, sender: WebhookSender(options), leaseSeconds: options.leaseSeconds)
    }

    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/api/webhooks", [.get: list, .post: create])
        router.resource("/api/webhooks/:id", [.get: find, .put: update, .delete: delete])
        router.resource("/api/webhooks/:id/secret", [.post: rotate])
        router.resource("/api/webhooks/:id/test", [.post: sendTest])
    }

    @Sendable private func list(_ request: Request, _ context: AdminContext) async throws -> Response {
        let (webhooks, recent) = try await database.run(within: WebhooksController.patience) { connection in
            (try WebhookStore(connection).all(), try DeliveryLog(connection).recentAttempts())
        }
        return try Response(json: webhooks.map { WebhookAnswer(webhook: $0, recent: recent[$0.id] ?? []) })
    }

    @Sendable private func create(_ request: Request, _ context: AdminContext) async throws -> Response {
        let input = try await request.json(WebhookInput.self).checked(destinations, needsURL: true)
        let secret = WebhookSecret.random().text
        let webhook = try await database.run(within: WebhooksController.patience) { connection in
            try WebhookStore(connection).insert(
                url: input.url ?? "", events: input.events ?? .all, isEnabled: input.isEnabled ?? true, secret: secret)
        }
        return try Response(status: .created, json: WebhookAnswer(webhook: webhook, secret: secret))
    }

    @Sendable private func find(_ request: Request, _ context: AdminContext) async throws -> Response {
        let id = try context.webhookID()
        let found = try await database.run(within: WebhooksController.patience) { connection in
            try WebhookStore(connection).find(id).map {
                WebhookAnswer(webhook: $0, recent: try DeliveryLog(connection).recentAttempts(of: id)[id] ?? [])
            }
        }
        return try Response(json: existing(found))
    }

    @Sendable private func update(_ request: Request, _ context: AdminContext) async throws -> Response {
        let id = try context.webhookID()
        let input = try await request.json(WebhookInput.self).checked(destinations, needsURL: false)
        let found = try await database.run(within: WebhooksController.patience) { connection in
            try connection.transaction {
                let updated = try WebhookStore(connection).update(
                    id, url: input.url, events: input.events, isEnabled: input.isEnabled)
                return try updated.map {
                    WebhookAnswer(webhook: $0, recent: try DeliveryLog(connection).recentAttempts(of: id)[id] ?? [])
                }
            }
        }
        return try Response(json: existing(found))
    }

    @Sendable private func delete(_ request: Request, _ context: AdminContext) async throws -> Response {
        let id = try context.webhookID()
        let isDeleted = try await database.run(within: WebhooksController.patience) { try WebhookStore($0).delete(id) }
        guard isDeleted else { throw Problem.noWebhook }
        return try Response(json: ["status": "deleted"])
    }

    @Sendable private func rotate(_ request: Request, _ context: AdminContext) async throws -> Response {
        let id = try context.webhookID()
        let secret = WebhookSecret.random().text
        let found = try await database.run(within: WebhooksController.patience) { connection in
            try WebhookStore(connection).rotate(id, to: secret).map { WebhookAnswer(webhook: $0, secret: secret) }
        }
        return try Response(json: existing(found))
    }

    @Sendable private func sendTest(_ request: Request, _ context: AdminContext) async throws -> Response {
        try await Response(json: existing(test.run(context.webhookID())))
    }

    private func existing<Answer>(_ answer: Answer?) throws -> Answer {
        guard let answer else { throw Problem.noWebhook }
        return answer
    }
}

extension AdminContext {
    /// The number in a route's `:id`.
    ///
    /// - Throws: a 404 problem when it is none.
    func webhookID() throws -> Int {
        guard let id = parameters.get("id").flatMap({ Int($0) }) else { throw Problem.noWebhook }
        return id
    }
}

extension Problem {
    static var noWebhook: Problem { Problem(.notFound, "There is no such webhook. It may have been deleted.") }
}
