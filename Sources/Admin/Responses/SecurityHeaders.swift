internal import HTTPTypes
internal import Hummingbird

/// Puts the headers that browsers heed on every answer, errors included, and takes the body off answers to HEAD.
struct SecurityHeaders: RouterMiddleware {
    typealias Context = AdminContext

    /// Nothing inline and nothing from elsewhere; routes with foreign content set a stricter one themselves.
    static let pagePolicy = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

    func handle(_ request: Request, context: AdminContext, next: AdminNext) async throws -> Response {
        var response = try await next(request, context)
        SecurityHeaders.add(to: &response.headers)
        return request.method == .head ? response.createHeadResponse() : response
    }

    static func add(to headers: inout HTTPFields) {
        if headers[.contentSecurityPolicy] == nil { headers[.contentSecurityPolicy] = pagePolicy }
        headers[.xContentTypeOptions] = "nosniff"
        // Not no-referrer: with it Chromium sends `Origin: null` on a form's POST.
        headers[.referrerPolicy] = "same-origin"
    }
}

extension HTTPField.Name {
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}
