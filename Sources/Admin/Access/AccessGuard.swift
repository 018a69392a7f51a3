internal import HTTPTypes
internal import Hummingbird

/// Asks for the log-in, the password or the token on everything but `/health` and the log-in itself, when there is a
/// password.
struct AccessGuard: RouterMiddleware {
    typealias Context = AdminContext

    /// Guessing is slowed down; who mistyped hardly notices.
    static let delayOfWrongAnswer = Duration.milliseconds(300)

    private let password: Secret?
    private let token: Secret?
    private let cookie: SessionCookie?
    private let throttle: LoginThrottle

    init(_ options: AdminOptions, throttle: LoginThrottle) {
        password = options.password.map(Secret.init)
        token = options.apiToken.map(Secret.init)
        cookie = options.password.map(SessionCookie.init)
        self.throttle = throttle
    }

    func handle(_ request: Request, context: AdminContext, next: AdminNext) async throws -> Response {
        guard password != nil, !isOpen(request.uri.path) else { return try await next(request, context) }
        if cookie?.isValid(in: request) == true { return try await next(request, context) }
        guard let credentials = Credentials(authorization: request.headers[.authorization]) else {
            return try askToSignIn(request, context)
        }
        do {
            try check(credentials, from: context.client.address)
        } catch {
            try await Task.sleep(for: AccessGuard.delayOfWrongAnswer)
            throw error
        }
        return try await next(request, context)
    }

    /// A right token comes in whoever else guesses from its address: behind a proxy or a router many have the same one.
    ///
    /// - Throws: a 401 problem; a 429 problem while the address has to wait.
    private func check(_ credentials: Credentials, from address: String) throws {
        if case .bearer(let given) = credentials, token?.matches(given) == true { return }
        try throttle.check(address)
        if case .basic(let given) = credentials, password?.matches(given) == true { return }
        throttle.failed(address)
        throw AccessGuard.unauthorized("The password or token is wrong.")
    }

    /// What the log-in page needs, and what tells a supervisor that the process lives.
    private func isOpen(_ path: String) -> Bool { ["/health", "/login"].contains(path) || path.hasPrefix("/static/") }

    /// A person is led to the log-in page and back; a program is told.
    private func askToSignIn(_ request: Request, _ context: AdminContext) throws -> Response {
        guard request.method == .get, request.wantsPage else {
            throw AccessGuard.unauthorized("Sign in at /login, or send the API token as Authorization: Bearer.")
        }
        let here = request.uri.string.drop { $0 == "/" }
        let target = "\(PageTemplates.root(from: request.uri.path))login?next=\(here.percentEncoded)"
        return Response(status: .seeOther, headers: [.location: target, .cacheControl: "no-store"])
    }

    private static func unauthorized(_ detail: String) -> Problem {
        var problem = Problem(.unauthorized, detail)
        // Not Basic, although it is understood: browsers would ask with a window of their own.
        problem.headers[.wwwAuthenticate] = #"Bearer realm="Product Importer""#
        return problem
    }
}

extension Substring {
    /// For the value of a query parameter.
    fileprivate var percentEncoded: String {
        utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                String(Unicode.Scalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
