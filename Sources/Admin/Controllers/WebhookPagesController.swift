internal import Catalog
internal import Hummingbird

/// `/webhooks` and `/webhooks/ID`: frames that scripts fill from the API.
struct WebhookPagesController {
    let pages: PageTemplates
    let database: BoundedDatabase

    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/webhooks", [.get: webhooks])
        router.resource("/webhooks/:id", [.get: webhook])
    }

    @Sendable private func webhooks(_ request: Request, _ context: AdminContext) throws -> Response {
        try pages.page("webhooks", request, ["title": "Webhooks"])
    }

    @Sendable private func webhook(_ request: Request, _ context: AdminContext) async throws -> Response {
        let id = try context.webhookID()
        let webhook = try await database.run(within: WebhooksController.patience) { try WebhookStore($0).find(id) }
        guard let webhook else { throw Problem.noWebhook }
        return try pages.page("webhook", request, ["title": webhook.url, "id": "\(id)"])
    }
}
