internal import HTTPTypes
internal import Hummingbird

/// Asks for the password or the token on everything but `/health`, when there is a password.
struct AccessGuard: RouterMiddleware {
    typealias Context = AdminContext

    /// Guessing is slowed down; who mistyped hardly notices.
    static let delayOfWrongAnswer = Duration.milliseconds(300)

    private let password: Secret?
    private let token: Secret?

    init(_ options: AdminOptions) {
        password = options.password.map(Secret.init)
        token = options.apiToken.map(Secret.init)
    }

    func handle(_ request: Request, context: AdminContext, next: AdminNext) async throws -> Response {
        guard let password, request.uri.path != "/health" else { return try await next(request, context) }
        switch Credentials(authorization: request.headers[.authorization]) {
        case .basic(let given) where password.matches(given):
            return try await next(request, context)
        case .bearer(let given) where token?.matches(given) == true:
            return try await next(request, context)
        case .basic, .bearer:
            try await Task.sleep(for: AccessGuard.delayOfWrongAnswer)
            throw AccessGuard.unauthorized("The password or token is wrong.")
        case nil:
            throw AccessGuard.unauthorized("Sign in with the admin password (any user name), or send the API token.")
        }
    }

    private static func unauthorized(_ detail: String) -> Problem {
        var problem = Problem(.unauthorized, detail)
        problem.headers[.wwwAuthenticate] = #"Basic realm="Product Importer", charset="UTF-8""#
        return problem
    }
}
