internal import HTTPTypes
internal import Hummingbird

/// Puts the headers that browsers heed on every answer, errors included, and takes the body off answers to HEAD.
struct SecurityHeaders: RouterMiddleware {
    typealias Context = AdminContext

    /// Nothing inline and nothing from elsewhere; routes with foreign content set a stricter one themselves.
    static let pagePolicy = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

    func handle(_ request: Request, context: AdminContext, next: AdminNext) async throws -> Response {
        var response = try await next(request, context)
        if response.headers[.contentSecurityPolicy] == nil {
            response.headers[.contentSecurityPolicy] = SecurityHeaders.pagePolicy
        }
        response.headers[.xContentTypeOptions] = "nosniff"
        // Not no-referrer: with it Chromium sends `Origin: null` on a form's POST.
        response.headers[.referrerPolicy] = "same-origin"
        return request.method == .head ? response.createHeadResponse() : response
    }
}

extension HTTPField.Name {
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}
