internal import HTTPTypes
internal import Hummingbird

/// Lets a request that changes something through only when no foreign page can have sent it (contract §7).
///
/// A browser says where a request comes from by `Origin` and `Sec-Fetch-Site`; both must name this server when they are
/// there. A form of a foreign page can send only three kinds of body, none of them JSON: a body that is neither JSON nor
/// multipart is refused, whoever sends it. A multipart body could be a form's, so the origin decides. Programs that are
/// no browsers send neither header, and need neither for what has no body.
struct ChangeGuard: RouterMiddleware {
    typealias Context = AdminContext

    /// The one form of ours that is sent as a form, so that it works without scripts.
    private static let formPath = "/login"

    func handle(_ request: Request, context: AdminContext, next: AdminNext) async throws -> Response {
        guard ![.get, .head, .options, .trace].contains(request.method) else {
            return try await next(request, context)
        }
        try checkOrigin(request, context)
        if request.uri.path != ChangeGuard.formPath { try checkType(request) }
        return try await next(request, context)
    }

    private func checkOrigin(_ request: Request, _ context: AdminContext) throws {
        if let site = request.headers[.secFetchSite], site != "same-origin", site != "none" {
            throw Problem(
                .forbidden, "Another site's page sent this. Only this server's own pages may change something.")
        }
        guard let origin = request.headers[.origin] else { return }
        // Not the scheme: a proxy that ends TLS may not have told it.
        guard let scheme = origin.firstRange(of: "://"),
            origin[scheme.upperBound...].lowercased() == context.client.host.lowercased()
        else {
            throw Problem(
                .forbidden,
                "A page of \(origin) sent this, but this server is \(context.client.host). "
                    + "Behind a reverse proxy, set IMPORTER_TRUSTED_PROXIES.")
        }
    }

    private func checkType(_ request: Request) throws {
        switch request.mediaType {
        case "application/json", "multipart/form-data": return
        case nil where !request.hasBody: return
        default:
            throw Problem(
                .unsupportedMediaType,
                "Send JSON, with the header Content-Type: application/json; or, to /upload, a file as "
                    + "multipart/form-data, in the field file.")
        }
    }
}

extension HTTPField.Name {
    static let secFetchSite = HTTPField.Name("Sec-Fetch-Site")!
}
