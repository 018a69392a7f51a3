internal import Catalog
internal import HTTPTypes
internal import Hummingbird
internal import Mustache

/// The pages, each a template within the common frame. Mustache escapes every value.
struct PageTemplates: Sendable {
    private let library: MustacheLibrary

    /// - Throws: when a template has a mistake, so that it is found at the start and not by a visitor.
    init() throws {
        var library = MustacheLibrary()
        let templates: [(String, [UInt8])] = [
            ("frame", PackageResources.frame_mustache), ("imports", PackageResources.imports_mustache),
            ("import", PackageResources.import_mustache), ("problem", PackageResources.problem_mustache),
        ]
        for (name, bytes) in templates { try library.register(String(decoding: bytes, as: UTF8.self), named: name) }
        self.library = library
    }

    func imports(inboxPath: String) throws -> Response {
        try page("imports", ["title": "Imports", "inbox": inboxPath])
    }

    func importDetails(_ progress: ImportProgress) throws -> Response {
        try page("import", ["title": progress.file, "id": progress.id ?? ""])
    }

    func problem(_ problem: Problem) throws -> Response {
        var response = try page("problem", ["title": problem.title, "detail": problem.detail], status: problem.status)
        response.headers.append(contentsOf: problem.headers)
        return response
    }

    private func page(
        _ name: String, _ values: [String: String], status: HTTPResponse.Status = .ok
    ) throws -> Response {
        guard let html = library.render(values, withTemplate: name) else {
            throw Problem(.internalServerError, "This page cannot be shown.")
        }
        return Response(
            status: status, headers: [.contentType: "text/html; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: html)))
    }
}
