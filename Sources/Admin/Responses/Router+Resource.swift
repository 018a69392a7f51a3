internal import HTTPTypes
internal import Hummingbird

extension Router where Context == AdminContext {
    /// A path and what its methods do. All other methods are answered with 405 and what is allowed; HEAD goes with GET.
    func resource(
        _ path: RouterPath,
        _ handlers: [HTTPRequest.Method: @Sendable (Request, AdminContext) async throws -> Response]
    ) {
        for (method, handler) in handlers { on(path, method: method, use: handler) }
        let allowed = handlers[.get] == nil ? Array(handlers.keys) : [.head] + handlers.keys
        let allow = allowed.map(\.rawValue).sorted().joined(separator: ", ")
        for method in HTTPRequest.Method.usual where !allowed.contains(method) {
            on(path, method: method) { request, _ -> Response in
                let detail = "\(request.method.rawValue) is not possible here. Use \(allow)."
                var problem = Problem(.methodNotAllowed, detail)
                problem.headers[.allow] = allow
                throw problem
            }
        }
    }
}

extension HTTPRequest.Method {
    static let usual: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options, .trace]
}
