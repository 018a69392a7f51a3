internal import HTTPTypes
internal import Hummingbird

/// Finds out who asks, and answers only requests that were meant for this server by name, so that a foreign page cannot
/// reach it by pointing its own name at a loopback address (DNS rebinding).
struct HostGuard: RouterMiddleware {
    typealias Context = AdminContext

    private let allowed: Set<HostName>
    private let proxies: [Network]

    init(_ options: AdminOptions) {
        allowed = Set(([options.host] + options.allowedHosts).map(HostName.init))
        proxies = options.trustedProxies.compactMap { Network($0) }
    }

    func handle(_ request: Request, context: AdminContext, next: AdminNext) async throws -> Response {
        let forwarded = Forwarded(request, trusting: proxies, peer: context.peer?.ipAddress)
        // A second Host field stays among the headers; it must be as good as the first.
        let names = [request.head.authority].compactMap(\.self) + request.headers[values: .host]
        guard let name = forwarded?.host ?? names.first else {
            throw Problem(.badRequest, "The request has no Host header.")
        }
        // What a proxy that we trust was asked for counts, not what it calls us.
        guard (forwarded?.host.map { [$0] } ?? names).allSatisfy({ isAllowed(HostName($0)) }) else {
            throw Problem(
                .misdirectedRequest,
                "This server does not answer to the name \(name). Add it to IMPORTER_ALLOWED_HOSTS if it should.")
        }
        var context = context
        context.client.host = name
        context.client.scheme = forwarded?.scheme ?? "http"
        context.client.address = forwarded?.address ?? context.peer?.ipAddress ?? ""
        context.client.prefix = forwarded?.prefix ?? ""
        return try await next(request, context)
    }

    private func isAllowed(_ name: HostName) -> Bool { name.isLoopback || allowed.contains(name) }
}

extension HTTPField.Name {
    /// HTTPTypes keeps the first Host field as the authority and has no name for the others.
    static let host = HTTPField.Name("Host")!
}
