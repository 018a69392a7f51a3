internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// `/login`: the page that asks for the password, and the form it sends. Works without scripts.
struct LoginController {
    let pages: PageTemplates
    let throttle: LoginThrottle
    private let password: Secret?
    private let cookie: SessionCookie?

    init(_ options: AdminOptions, pages: PageTemplates, throttle: LoginThrottle) {
        self.pages = pages
        self.throttle = throttle
        password = options.password.map(Secret.init)
        cookie = options.password.map(SessionCookie.init)
    }

    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/login", [.get: show, .post: signIn])
        router.resource("/logout", [.post: signOut])
    }

    @Sendable private func show(_ request: Request, _ context: AdminContext) throws -> Response {
        guard password != nil else { return Self.redirect(to: "./") }
        return try page(request, next: request.uri.queryParameters["next"].map(String.init) ?? "")
    }

    @Sendable private func signIn(_ request: Request, _ context: AdminContext) async throws -> Response {
        let form = try await Self.form(request)
        let next = form["next"].map { String(decoding: $0, as: UTF8.self) } ?? ""
        guard let password, let cookie else { return Self.redirect(to: "./") }
        do {
            try throttle.check(context.client.address)
        } catch let problem as Problem {
            return try page(request, next: next, problem)
        }
        guard password.matches(form["password"] ?? []) else {
            throttle.failed(context.client.address)
            try await Task.sleep(for: AccessGuard.delayOfWrongAnswer)
            return try page(request, next: next, Problem(.unauthorized, "This is not the password. Try again."))
        }
        throttle.succeeded(context.client.address)
        var response = Self.redirect(to: Self.local(next))
        response.headers[.setCookie] = cookie.header(context.client)
        return response
    }

    @Sendable private func signOut(_ request: Request, _ context: AdminContext) throws -> Response {
        var response = Self.redirect(to: "./login")
        response.headers[.setCookie] = SessionCookie.end(context.client)
        return response
    }

    /// The form, with what is wrong under its field.
    private func page(_ request: Request, next: String, _ problem: Problem? = nil) throws -> Response {
        let values = ["title": "Sign in", "next": next, "error": problem?.detail ?? ""]
        var response = try pages.page("login", request, values, status: problem?.status ?? .ok)
        response.headers.append(contentsOf: problem?.headers ?? [:])
        return response
    }

    /// A path of this server: what stands behind `./` is never the name of another.
    private static func local(_ next: String) -> String {
        let isPlain = next.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        return isPlain ? "./\(next.drop { $0 == "/" || $0 == "\\" })" : "./"
    }

    private static func redirect(to location: String) -> Response {
        Response(status: .seeOther, headers: [.location: location, .cacheControl: "no-store"])
    }

    /// An `application/x-www-form-urlencoded` body (URL Standard §5.1), values as bytes.
    private static func form(_ request: Request) async throws -> [String: [UInt8]] {
        guard request.mediaType == "application/x-www-form-urlencoded" else {
            throw Problem(.unsupportedMediaType, "Send the form as application/x-www-form-urlencoded.")
        }
        var bytes: [UInt8] = []
        for try await piece in request.body {
            bytes += piece.readableBytesView
            guard bytes.count <= 16 << 10 else { throw Problem(.contentTooLarge, "The form is too large.") }
        }
        var form: [String: [UInt8]] = [:]
        for pair in bytes.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = parts.map { part in
                decodePercent(part.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }) ?? Array(part)
            }
            if decoded.count == 2 { form[String(decoding: decoded[0], as: UTF8.self)] = decoded[1] }
        }
        return form
    }
}
