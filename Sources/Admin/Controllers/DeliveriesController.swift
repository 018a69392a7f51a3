internal import Catalog
internal import Hummingbird
internal import Postgres

/// What was sent, and sending it again: `/api/webhooks/ID/deliveries`, `/api/deliveries/ID`.
struct DeliveriesController {
    let database: BoundedDatabase

    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/api/webhooks/:id/deliveries", [.get: list])
        router.resource("/api/webhooks/:id/resend", [.post: resendFailed])
        router.resource("/api/deliveries/:id", [.get: find])
        router.resource("/api/deliveries/:id/resend", [.post: resend])
        router.resource("/api/imports/:id/deliveries", [.get: causedByImport])
    }

    /// `?page=1&per_page=20&state=failed`
    @Sendable private func list(_ request: Request, _ context: AdminContext) async throws -> Response {
        let id = try context.webhookID()
        let page = try PageRequest(request, perPage: 20)
        let state = try state(request)
        let found = try await database.run(within: WebhooksController.patience) { connection in
            try WebhookStore(connection).find(id).map { _ in
                try DeliveryLog(connection).page(webhook: id, state: state, offset: page.offset, limit: page.perPage)
            }
        }
        guard let found else { throw Problem.noWebhook }
        return try Response(json: Page(found.items.map { DeliveryAnswer(entry: $0) }, total: found.total, of: page))
    }

    private func state(_ request: Request) throws -> DeliveryLog.State? {
        guard let text = request.uri.queryParameters["state"].map(String.init), !text.isEmpty else { return nil }
        guard let state = DeliveryLog.State(rawValue: text) else {
            throw Problem(.badRequest, "state must be pending, delivered or failed.")
        }
        return state
    }

    @Sendable private func find(_ request: Request, _ context: AdminContext) async throws -> Response {
        let id = try deliveryID(context)
        let found = try await database.run(within: WebhooksController.patience) { try DeliveryLog($0).find(id) }
        guard let found else { throw DeliveriesController.unknown }
        return try Response(json: DeliveryAnswer(entry: found.entry, attempts: found.attempts, body: found.body))
    }

    /// What one import caused.
    @Sendable private func causedByImport(_ request: Request, _ context: AdminContext) async throws -> Response {
        guard let id = context.parameters.get("id").flatMap({ ImportID($0.lowercased()) }) else {
            throw Problem(.notFound, "There is no import with this ID.")
        }
        let page = try PageRequest(request, perPage: 100)
        let found = try await database.run(within: WebhooksController.patience) {
            try DeliveryLog($0).caused(by: id, offset: page.offset, limit: page.perPage)
        }
        return try Response(json: Page(found.items.map { DeliveryAnswer(entry: $0) }, total: found.total, of: page))
    }

    // MARK: Sending again

    private struct Queued: Encodable {
        let status = "queued"
        let deliveries: Int
    }

    @Sendable private func resend(_ request: Request, _ context: AdminContext) async throws -> Response {
        let id = try deliveryID(context)
        let outcome = try await database.run(within: WebhooksController.patience) { connection in
            try connection.transaction { try DeliveryLog(connection).resend(id) }
        }
        switch outcome {
        case .queued: return try Response(status: .accepted, json: Queued(deliveries: 1))
        case .isBeingSent: throw Problem(.conflict, "This delivery is being sent just now.")
        case .unknown: throw DeliveriesController.unknown
        }
    }

    @Sendable private func resendFailed(_ request: Request, _ context: AdminContext) async throws -> Response {
        let id = try context.webhookID()
        let since = try await request.json(ResendInput.self).since
        let count = try await database.run(within: WebhooksController.patience) { connection in
            try connection.transaction {
                try WebhookStore(connection).find(id).map { _ in
                    try DeliveryLog(connection).resendFailed(webhook: id, since: since)
                }
            }
        }
        guard let count else { throw Problem.noWebhook }
        return try Response(status: .accepted, json: Queued(deliveries: count))
    }

    private func deliveryID(_ context: AdminContext) throws -> Int {
        guard let id = context.parameters.get("id").flatMap({ Int($0) }) else { throw DeliveriesController.unknown }
        return id
    }

    private static var unknown: Problem {
        Problem(.notFound, "There is no such delivery. Those that arrived are kept for a week, others for a month.")
    }
}
