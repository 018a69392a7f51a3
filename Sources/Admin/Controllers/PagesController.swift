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
        router.resource("/static/products.html", [.get: moved])
    }

    /// Relative, so that it is right wherever a proxy puts the server.
    @Sendable private func moved(_ request: Request, _ context: AdminContext) throws -> Response {
        .redirect(to: "../products", type: .normal)
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
