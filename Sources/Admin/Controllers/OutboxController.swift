internal import HTTPTypes
internal import Hummingbird

/// `/outbox/…`: the outbox's files, read-only.
struct OutboxController {
    /// The outbox's folder; it may itself be reached by a link, nothing in it may.
    let root: String

    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/outbox/**", [.get: file])
    }

    @Sendable private func file(_ request: Request, _ context: AdminContext) async throws -> Response {
        // The router's own splitting drops empty components, so the path is read here as it was sent.
        guard let path = OutboxPath(requestPath: request.uri.path),
            let file = try await offThread({ [root] in try OutboxFile.open(path, in: root) })
        else { throw Problem(.notFound, "The outbox has no such file.") }
        let presentation = OutboxPresentation(of: path)
        var response = Response(status: .ok, body: file.body)
        response.headers[.contentType] = presentation.type
        response.headers[.contentDisposition] = presentation.disposition
        response.headers[.contentSecurityPolicy] = OutboxPresentation.policy
        response.headers[.cacheControl] = "no-cache"
        return response
    }
}
