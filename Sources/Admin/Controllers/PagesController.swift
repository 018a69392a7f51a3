internal import HTTPTypes
internal import Hummingbird

/// The pages for people. They are frames that scripts fill from the API, so that there is one source of the numbers.
struct PagesController {
    let pages: PageTemplates
    let overview: ImportOverview
    let inboxPath: String

    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/", [.get: imports])
        router.resource("/imports/:id", [.get: importDetails])
        router.resource("/products", [.get: products])
        // Where the pages used to be. Relative, so that it is right wherever a proxy puts the server.
        router.resource("/static/products.html", [.get: { _, _ in Self.moved(to: "../products") }])
        router.resource("/static/webhooks.html", [.get: { _, _ in Self.moved(to: "../webhooks") }])
    }

    private static func moved(to location: String) -> Response {
        .redirect(to: location, type: .normal)
    }

    @Sendable private func products(_ request: Request, _ context: AdminContext) throws -> Response {
        try pages.page("products", request, ["title": "Products"])
    }

    @Sendable private func imports(_ request: Request, _ context: AdminContext) throws -> Response {
        try pages.imports(request, inboxPath: inboxPath)
    }

    @Sendable private func importDetails(_ request: Request, _ context: AdminContext) async throws -> Response {
        try await pages.importDetails(request, overview.require(request, context))
    }
}
