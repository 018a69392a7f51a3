internal import Catalog
internal import HTTPTypes
internal import Hummingbird
internal import Mustache

/// The pages, each a template within the common frame. Mustache escapes every value.
struct PageTemplates: Sendable {
    private let library: MustacheLibrary
    /// Whether a password is asked for, so that somebody who is signed in may want to sign out.
    private let asksPassword: Bool

    /// - Throws: when a template has a mistake, so that it is found at the start and not by a visitor.
    init(asksPassword: Bool) throws {
        self.asksPassword = asksPassword
        var library = MustacheLibrary()
        let templates: [(String, [UInt8])] = [
            ("frame", PackageResources.frame_mustache), ("imports", PackageResources.imports_mustache),
            ("import", PackageResources.import_mustache), ("problem", PackageResources.problem_mustache),
            ("login", PackageResources.login_mustache), ("products", PackageResources.products_mustache),
            ("webhooks", PackageResources.webhooks_mustache), ("webhook", PackageResources.webhook_mustache),
        ]
        for (name, bytes) in templates { try library.register(String(decoding: bytes, as: UTF8.self), named: name) }
        self.library = library
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
        let root = PageTemplates.root(from: request.uri.path)
        var values = values.merging(["root": root]) { given, _ in given }
        if asksPassword, name != "login" { values["signOut"] = "\(root)logout" }
        guard let html = library.render(values, withTemplate: name) else {
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
