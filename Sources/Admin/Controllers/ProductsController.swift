internal import Catalog
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Postgres

/// `/api/products`: browsing, editing, and the export.
struct ProductsController {
    let database: BoundedDatabase
    let browser = ProductBrowser()
    let export: ProductExport

    /// How long who asks for a page waits; a search that the database cannot speed up may take a while.
    private static let patience = Duration.seconds(15)
    /// Deleting millions of products takes its time.
    private static let patienceForAll = Duration.seconds(600)

    func addRoutes(to router: Router<AdminContext>) {
        router.resource("/api/products", [.get: list, .post: create, .delete: deleteAll])
        router.resource("/api/products/:id", [.get: find, .put: update, .delete: delete])
        router.resource("/api/products.csv", [.get: exportCSV])
    }

    private struct Deleted: Encodable {
        let status: String
        var deleted: Int?
    }

    @Sendable private func list(_ request: Request, _ context: AdminContext) async throws -> Response {
        let page = try PageRequest(request, perPage: 10)
        let (filter, order) = (try ProductFilter(request), try ProductOrder(request))
        let (items, total) = try await database.run(within: Self.patience) { [browser] connection in
            try browser.page(connection, filter, order, offset: page.offset, limit: page.perPage)
        }
        return try Response(json: Page(items, total: total, of: page))
    }

    @Sendable private func create(_ request: Request, _ context: AdminContext) async throws -> Response {
        let new = try await request.json(ProductEdit.self).change(isNew: true)
        let product = try await edit { try ProductStore($0).create(new) }
        var response = try Response(status: .created, json: product)
        response.headers[.location] = "\(context.client.prefix)/api/products/\(product.id)"
        return response
    }

    @Sendable private func find(_ request: Request, _ context: AdminContext) async throws -> Response {
        let id = try Self.id(context)
        let product = try await database.run(within: Self.patience) { try ProductStore($0).find(id) }
        return try Response(json: Self.require(product, id))
    }

    @Sendable private func update(_ request: Request, _ context: AdminContext) async throws -> Response {
        let id = try Self.id(context)
        let change = try await request.json(ProductEdit.self).change(isNew: false)
        let product = try await edit { try ProductStore($0).update(id, change)?.product }
        return try Response(json: Self.require(product, id))
    }

    @Sendable private func delete(_ request: Request, _ context: AdminContext) async throws -> Response {
        let id = try Self.id(context)
        _ = try Self.require(await edit { try ProductStore($0).delete(id) }, id)
        return try Response(json: Deleted(status: "deleted"))
    }

    @Sendable private func deleteAll(_ request: Request, _ context: AdminContext) async throws -> Response {
        let count = try await edit(within: Self.patienceForAll) { try ProductStore($0).clear() }
        context.logger.notice("all products were deleted", metadata: ["products.count": "\(count)"])
        return try Response(json: Deleted(status: "all_deleted", deleted: count))
    }

    @Sendable private func exportCSV(_ request: Request, _ context: AdminContext) async throws -> Response {
        let (filter, order) = (try ProductFilter(request), try ProductOrder(request))
        // Whether the database answers is known before the answer begins.
        try await database.run(within: Self.patience) { _ = try $0.query("SELECT 1 FROM products LIMIT 1") }
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/csv; charset=utf-8", .cacheControl: "no-store",
                .contentDisposition: "attachment; filename=\"products.csv\"",
            ],
            body: request.method == .head ? ResponseBody() : export.body(filter, order))
    }

    // MARK: Pieces

    /// One transaction; what the catalogue has against it becomes a problem.
    private func edit<Output: Sendable>(
        within limit: Duration = patience, _ body: @escaping @Sendable (Connection) throws -> Output
    ) async throws -> Output {
        do {
            return try await database.run(within: limit) { connection in
                try connection.transaction { try body(connection) }
            }
        } catch let taken as ProductStore.SKUTaken {
            var problem = Problem(
                .conflict,
                "Another product has the SKU \(taken.sku), perhaps in another case. Choose another, or edit that product."
            )
            problem.errors = [Problem.FieldError(field: "sku", message: "Another product has this SKU.")]
            throw problem
        }
    }

    private static func id(_ context: AdminContext) throws -> Int {
        let text = String(context.parameters.get("id") ?? "")
        guard let id = Int(text), String(id) == text else {
            throw Problem(.notFound, "A product's ID is a whole number; \(text) is none.")
        }
        return id
    }

    private static func require(_ product: Product?, _ id: Int) throws -> Product {
        guard let product else { throw Problem(.notFound, "There is no product with the ID \(id).") }
        return product
    }
}

extension ProductFilter {
    /// Reads `sku`, `name`, `description`, `q` and `active` of the query.
    fileprivate init(_ request: Request) throws {
        func text(_ name: String) throws -> String {
            let text = request.queryText(name) ?? ""
            guard !text.utf8.contains(0) else { throw Problem(.badRequest, "\(name) must not contain a NUL.") }
            return text
        }
        self.init(
            sku: try text("sku"), name: try text("name"), description: try text("description"),
            anywhere: try text("q"))
        switch request.queryText("active")?.lowercased() {
        case nil, "": active = nil
        case "true": active = true
        case "false": active = false
        default: throw Problem(.badRequest, "active must be true or false.")
        }
    }
}

extension ProductOrder {
    /// Reads `sort` of the query.
    fileprivate init(_ request: Request) throws {
        guard let text = request.uri.queryParameters["sort"].map(String.init), !text.isEmpty else {
            self = .newestFirst
            return
        }
        guard let order = ProductOrder(text) else {
            let keys = ProductOrder.Key.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem(.badRequest, "sort must be one of \(keys), with a - before it for descending.")
        }
        self = order
    }
}
