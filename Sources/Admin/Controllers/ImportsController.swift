internal import Catalog
internal import Hummingbird

/// Imports as JSON: `/api/imports`, one of them, and the short form for scripts that wait for one.
struct ImportsController {
    let overview: ImportOverview

    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/api/imports", [.get: list])
        router.resource("/api/imports/:id", [.get: find])
        router.resource("/status/:id", [.get: find])
    }

    @Sendable private func list(_ request: Request, _ context: AdminContext) async throws -> Response {
        try await Response(json: overview.page(PageRequest(request, perPage: 20)))
    }

    @Sendable private func find(_ request: Request, _ context: AdminContext) async throws -> Response {
        try await Response(json: overview.require(request, context))
    }
}

extension ImportOverview {
    /// The import that a route's `:id` names.
    ///
    /// - Throws: a 404 problem when there is none, or the id is not one.
    func require(_ request: Request, _ context: AdminContext) async throws -> ImportProgress {
        let text = context.parameters.get("id") ?? ""
        guard let id = ImportID(text.lowercased()) else {
            throw Problem(.notFound, "An import's ID looks like 0197e5a0-3c1d-7b52-9f60-2f1c7f6f0a11; this is none.")
        }
        if let progress = try await find(id) { return progress }
        throw Problem(.notFound, "There is no import with the ID \(id).")
    }
}
