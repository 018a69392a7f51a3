internal import HTTPTypes
internal import Hummingbird

/// Answers only requests that were meant for this server by name, so that a foreign page cannot reach it by pointing
/// its own name at a loopback address (DNS rebinding).
struct HostGuard: RouterMiddleware {
    typealias Context = AdminContext

    private let allowed: Set<HostName>

    init(_ options: AdminOptions) {
        allowed = Set(([options.host] + options.allowedHosts).map(HostName.init))
    }

    func handle(_ request: Request, context: AdminContext, next: AdminNext) async throws -> Response {
        // A second Host field stays among the headers; it must be as good as the first.
        let names = [request.head.authority].compactMap(\.self) + request.headers[values: .host]
        guard let name = names.first else {
            throw Problem(.badRequest, "The request has no Host header.")
        }
        guard names.allSatisfy({ isAllowed(HostName($0)) }) else {
            throw Problem(
                .misdirectedRequest,
                "This server does not answer to the name \(name). Add it to IMPORTER_ALLOWED_HOSTS if it should.")
        }
        return try await next(request, context)
    }

    private func isAllowed(_ name: HostName) -> Bool { name.isLoopback || allowed.contains(name) }
}

extension HTTPField.Name {
    /// HTTPTypes keeps the first Host field as the authority and has no name for the others.
    static let host = HTTPField.Name("Host")!
}
