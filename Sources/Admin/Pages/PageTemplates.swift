internal import Catalog
internal import HTTPTypes
internal import Hummingbird

/// The pages, each a template within the common frame. Every value is escaped.
struct PageTemplates: Sendable {
    private let pages: [String: PageTemplate]
    /// Whether a password is asked for, so that somebody who is signed in may want to sign out.
    private let asksPassword: Bool

    /// - Throws: when a template has a mistake, so that it is found at the start and not by a visitor.
    init(asksPassword: Bool) throws {
        self.asksPassword = asksPassword
        let frame = PackageResources.frame_html
        pages = try [
            "imports": PackageResources.imports_html, "import": PackageResources.import_html,
            "problem": PackageResources.problem_html, "login": PackageResources.login_html,
            "products": PackageResources.products_html, "webhooks": PackageResources.webhooks_html,
            "webhook": PackageResources.webhook_html,
        ]
        .mapValues { try PageTemplate(String(decoding: $0, as: UTF8.self), in: String(decoding: frame, as: UTF8.self)) }
    }

    func imports(_ request: Request, inboxPath: String) throws -> Response {
        try page("imports", request, ["title": "Imports", "inbox": inboxPath])
    }

    func importDetails(_ request: Request, _ progress: ImportProgress) throws -> Response {
        try page("import", request, ["title": progress.file, "id": progress.id ?? ""])
    }

    func problem(_ request: Request, _ problem: Problem) throws -> Response {
        let values = ["title": problem.title, "detail": problem.detail]
        var response = try page("problem", request, values, status: problem.status)
        response.headers.append(contentsOf: problem.headers)
        return response
    }

    /// A page by its template's name. `root` is added to the values: the way from the page to the server's first page,
    /// so that links are right wherever a proxy puts the server.
    func page(
        _ name: String, _ request: Request, _ values: [String: String], status: HTTPResponse.Status = .ok
    ) throws -> Response {
        let canSignOut = asksPassword && name != "login"
        let common = ["root": PageTemplates.root(from: request.uri.path), "signOutHidden": canSignOut ? "" : "hidden"]
        guard let html = pages[name]?.render(values.merging(common) { given, _ in given }) else {
            throw Problem(.internalServerError, "This page cannot be shown.")
        }
        return Response(
            status: status, headers: [.contentType: "text/html; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: html)))
    }

    /// `/products` → `./`, `/imports/ID` → `../`
    static func root(from path: String) -> String {
        let depth = path.utf8.count { $0 == UInt8(ascii: "/") } - 1
        return depth < 1 ? "./" : String(repeating: "../", count: depth)
    }
}
