internal import HTTPTypes
internal import Hummingbird

/// `/outbox/…`: the outbox's files, read-only.
struct OutboxController {
    /// The outbox's folder; it may itself be reached by a link, nothing in it may.
    let root: String

    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/outbox", [.get: overview])
        router.resource("/outbox/**", [.get: file])
    }

    /// The folder itself leads to the overview in it. Relative, so that it is right wherever a proxy puts the server.
    @Sendable private func overview(_ request: Request, _ context: AdminContext) throws -> Response {
        let folder = request.uri.path.hasSuffix("/") ? "./" : "./outbox/"
        return .redirect(to: "\(folder)index.html", type: .normal)
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
