internal import Catalog
internal import HTTPTypes
internal import Hummingbird

/// Imports as JSON: `/api/imports`, one of them, its events, its cancellation, and the short form for scripts that wait
/// for one.
struct ImportsController {
    let overview: ImportOverview
    let database: BoundedDatabase

    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/api/imports", [.get: list])
        router.resource("/api/imports/:id", [.get: find])
        router.resource("/api/imports/:id/events", [.get: events])
        router.resource("/api/imports/:id/cancel", [.post: cancel])
        router.resource("/status/:id", [.get: find])
    }

    @Sendable private func list(_ request: Request, _ context: AdminContext) async throws -> Response {
        try await Response(json: overview.page(PageRequest(request, perPage: 20)))
    }

    @Sendable private func find(_ request: Request, _ context: AdminContext) async throws -> Response {
        try await Response(json: overview.details(of: overview.require(request, context)))
    }

    @Sendable private func events(_ request: Request, _ context: AdminContext) async throws -> Response {
        let first = try await overview.require(request, context)
        let wasTold = request.headers[HTTPField.Name("Last-Event-ID")!] == ImportEvents.lastID
        guard !wasTold, let id = first.importID else { return Response(status: .noContent) }
        return ImportEvents(overview: overview).response(first, id: id)
    }

    /// Asks for the cancellation, which the watcher carries out within a second unless the commit is under way.
    @Sendable private func cancel(_ request: Request, _ context: AdminContext) async throws -> Response {
        let progress = try await overview.require(request, context)
        let isAsked = try await database.run(within: .seconds(5)) { connection in
            try progress.importID.map { try ImportStore(connection).requestCancel($0) } ?? false
        }
        guard isAsked else {
            throw Problem(
                .conflict,
                progress.state == .waiting
                    ? "This file has not been taken yet. Remove it from the inbox instead."
                    : "This import has ended; there is nothing to cancel.")
        }
        return try Response(status: .accepted, json: progress)
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
