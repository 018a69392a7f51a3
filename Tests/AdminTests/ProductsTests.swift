import Catalog
import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import Postgres
import TestSupport
import Testing

@testable import Admin

@Suite struct ProductsTests {
    @Test func aProductIsMadeReadChangedAndDeleted() async throws {
        try await withServer { client, _ in
            let made = try await client.json("/api/products", .post, #"{"sku":" A-17 \u00a0","name":"Scarf"}"#)
            #expect(made.status == .created)
            let product = try made.product
            #expect(product.sku == "A-17" && product.name == "Scarf" && product.description == "" && product.active)
            #expect(made.headers[.location] == "/api/products/\(product.id)")
            #expect(try await client.send("/api/products/\(product.id)").product == product)

            let changed = try await client.json("/api/products/\(product.id)", .put, #"{"active":false,"name":" "}"#)
            #expect(changed.status == .ok)
            let after = try changed.product
            #expect(after.name == "" && !after.active && after.sku == "A-17")
            // Nothing differs: nothing is written.
            let same = try await client.json("/api/products/\(product.id)", .put, #"{"sku":"A-17"}"#)
            #expect(try same.product == after)
            #expect(try await client.json("/api/products/\(product.id)", .put, "{}").status == .ok)

            let deleted = try await client.send("/api/products/\(product.id)", .delete)
            #expect(deleted.text == #"{"status":"deleted"}"#)
            try expectProblem(try await client.send("/api/products/\(product.id)"), .notFound)
            try expectProblem(try await client.send("/api/products/\(product.id)", .delete), .notFound)
            try expectProblem(try await client.json("/api/products/\(product.id)", .put, "{}"), .notFound)
        }
    }

    /// Only what has changed is announced, and each change once.
    @Test func everyChangeIsAnnouncedToWebhooks() async throws {
        try await withServer { client, database in
            try await database.session.run {
                _ = try WebhookStore($0).insert(
                    url: "https://example.com/", events: .all, isEnabled: true, secret: "whsec_AAAA")
            }
            let product = try await client.json("/api/products", .post, #"{"sku":"A"}"#).product
            _ = try await client.json("/api/products", .post, #"{"sku":"a"}"#)
            _ = try await client.json("/api/products/\(product.id)", .put, #"{"name":"Scarf"}"#)
            _ = try await client.json("/api/products/\(product.id)", .put, #"{"name":"Scarf"}"#)
            _ = try await client.send("/api/products/\(product.id)", .delete)
            _ = try await client.send("/api/products", .delete)
            let told = try await database.session.run { connection in
                try connection.query(
                    """
                    SELECT e.type, convert_from(e.body, 'UTF8') FROM webhook_events e
                    JOIN webhook_deliveries d ON d.event_id = e.id ORDER BY e.id
                    """
                ).map { (try $0[0, as: String.self], try $0[1, as: String.self]) }
            }
            #expect(told.map(\.0) == ["product.created", "product.updated", "product.deleted", "products.cleared"])
            #expect(told[1].1.contains(#""name":"Scarf""#) && told[3].1.contains(#""data":{"deleted":0}"#))
        }
    }

    @Test func aSKUIsTakenInAnyCase() async throws {
        try await withServer { client, _ in
            #expect(try await client.json("/api/products", .post, #"{"sku":"Ärmel-1"}"#).status == .created)
            #expect(try await client.json("/api/products", .post, #"{"sku":"b"}"#).status == .created)
            let twice = try await client.json("/api/products", .post, #"{"sku":"äRMEL-1"}"#)
            try expectProblem(twice, .conflict)
            #expect(twice.text.contains(#""field":"sku""#))
            try expectProblem(try await client.json("/api/products/2", .put, #"{"sku":"ÄRMEL-1"}"#), .conflict)
            // Another spelling of its own SKU is no conflict.
            #expect(try await client.json("/api/products/1", .put, #"{"sku":"ÄRMEL-1"}"#).status == .ok)
        }
    }

    @Test(arguments: [
        (#"{}"#, "sku"), (#"{"sku":""}"#, "sku"), (#"{"sku":" \u200b "}"#, "sku"), (#"{"sku":"a\tb"}"#, "sku"),
        (#"{"sku":"a\u0085b"}"#, "sku"), (#"{"sku":7}"#, "sku"), (#"{"sku":null}"#, "sku"),
        (#"{"sku":"\#(String(repeating: "ü", count: 256))"}"#, "sku"),
        (#"{"sku":"a","name":"\#(String(repeating: "x", count: 1001))"}"#, "name"),
        (#"{"sku":"a","name":"a\u0000b"}"#, "name"), (#"{"sku":"a","description":"\u0000"}"#, "description"),
        (#"{"sku":"a","active":"yes"}"#, "active"), (#"{"sku":"a","active":null}"#, "active"), (#"[]"#, "body"),
        (#""text""#, "body"),
    ])
    func aFieldThatIsWrongIsNamed(_ body: String, _ field: String) async throws {
        try await withServer { client, _ in
            let response = try await client.json("/api/products", .post, body)
            try expectProblem(response, .unprocessableContent)
            #expect(response.text.contains(#""field":"\#(field)""#), "\(response.text)")
        }
    }

    @Test func allFieldsOfTheWrongKindAreNamed() async throws {
        try await withServer { client, _ in
            let response = try await client.json("/api/products", .post, #"{"active":"maybe","name":7,"sku":"A"}"#)
            try expectProblem(response, .unprocessableContent)
            #expect(response.text.contains(#"{"field":"active","message":"This must be true or false."}"#))
            #expect(response.text.contains(#"{"field":"name","message":"This must be a text."}"#))
        }
    }

    @Test func textsOfAnyKindComeBackAsTheyWere() async throws {
        let name = "<script>alert('\"&')</script>\u{1B}[31m\u{202E}עברית\r\nline\u{0007}"
        try await withServer { client, _ in
            let long = String(repeating: "ü", count: 255)
            let body = try JSONEncoder().encode(["sku": long, "name": name, "description": name])
            let made = try await client.json("/api/products", .post, String(decoding: body, as: UTF8.self))
            #expect(try made.product.sku == long)
            #expect(try made.product.name.utf8.elementsEqual(name.utf8))
            #expect(try made.product.description.utf8.elementsEqual(name.utf8))
        }
    }

    @Test func whatIsNoJSONObjectIsRefused() async throws {
        try await withServer { client, _ in
            for body in ["", "{", "{\"sku\":}", "\u{FEFF}x"] {
                try expectProblem(try await client.json("/api/products", .post, body), .badRequest)
            }
            let large = #"{"sku":"a","description":"\#(String(repeating: "x", count: 1 << 20))"}"#
            try expectProblem(try await client.json("/api/products", .post, large), .contentTooLarge)
            for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
                let response = try await client.json("/api/products", .post, #"{"sku":"a"}"#, type)
                try expectProblem(response, .unsupportedMediaType)
            }
            for id in ["x", "0x1", "1.5", "99999999999999999999", "-", "01"] {
                try expectProblem(try await client.send("/api/products/\(id)"), .notFound)
            }
        }
    }

    @Test func filtersAreSubstringsWithoutCaseOrWildcards() async throws {
        try await withServer { client, database in
            try await database.execute(
                """
                INSERT INTO products (sku, name, description, active) VALUES
                    ('A-1', 'Wool Scarf', 'Grey', true), ('A-2', '100% wool_hat', 'blue \\ red', false),
                    ('B-1', 'MÜTZE aus Wolle', 'ΑΒΓ и Ж', true), ('B-2', 'Gloves', E'two\\nlines wool', true)
                """)
            for (query, expected) in [
                ("name=WOOL", ["A-2", "A-1"]), ("name=100%25", ["A-2"]), ("name=l_h", ["A-2"]), ("name=%25", ["A-2"]),
                ("description=%5C", ["A-2"]), ("name=m%C3%BCtze", ["B-1"]), ("description=%D0%B6", ["B-1"]),
                ("description=%CE%B2", ["B-1"]), ("q=wool", ["B-2", "A-2", "A-1"]), ("q=b-", ["B-2", "B-1"]),
                ("q=wool&active=true", ["B-2", "A-1"]), ("active=false", ["A-2"]), ("active=FALSE", ["A-2"]),
                ("sku=a&name=scarf", ["A-1"]),
                ("q=nothing", []), ("q=", ["B-2", "B-1", "A-2", "A-1"]), ("sort=sku", ["A-1", "A-2", "B-1", "B-2"]),
                ("sort=-name", ["A-1", "B-1", "B-2", "A-2"]), ("q=wool+scarf", ["A-1"]), ("q=wool%20scarf", ["A-1"]),
                ("q=wool%2Bscarf", []),
                ("q=1%0AWool", []), ("q=%27%20OR%201=1", []),
            ] {
                let answer = try await client.send("/api/products?\(query)").page
                #expect(answer.items.map(\.sku) == expected, "\(query)")
                #expect(answer.total == expected.count && answer.pages == 1, "\(query)")
            }
            for query in ["active=maybe", "sort=secret", "page=0", "per_page=0", "per_page=201", "page=x"] {
                try expectProblem(try await client.send("/api/products?\(query)"), .badRequest)
            }
        }
    }

    @Test func everyPageIsRightFromBothEndsAndInBetween() async throws {
        try await withServer { client, database in
            try await database.execute(
                "INSERT INTO products (sku) SELECT 'S' || n FROM generate_series(1, 12007) n")
            let ids = Array((1...12007).reversed())
            for page in [1, 2, 600, 601, 300, 301, 299, 302, 900, 450, 1200, 1201, 1202] {
                let answer = try await client.send("/api/products?page=\(page)&per_page=10").page
                let expected = page > 1201 ? [] : Array(ids.dropFirst((page - 1) * 10).prefix(10))
                #expect(answer.items.map(\.id) == expected, "\(page)")
                #expect(answer.total == 12007 && answer.pages == 1201)
                let upwards = try await client.send("/api/products?sort=id&page=\(page)&per_page=10").page
                #expect(
                    upwards.items.map(\.id)
                        == (page > 1201 ? [] : Array((1...12007).dropFirst((page - 1) * 10).prefix(10))),
                    "\(page)")
            }
            // A write is seen at once, in the total and in pages that were known before.
            #expect(try await client.send("/api/products/12007", .delete).status == .ok)
            let after = try await client.send("/api/products?page=301&per_page=10").page
            #expect(after.items.first?.id == 12006 - 3000 && after.total == 12006)
            let rare = try await client.send("/api/products?sku=s1200&per_page=3&page=2").page
            #expect(rare.items.map(\.sku) == ["S12003", "S12002", "S12001"] && rare.total == 8)
            #expect(
                try await client.send("/api/products", .delete).text == #"{"deleted":12006,"status":"all_deleted"}"#)
            #expect(try await client.send("/api/products").page.total == 0)
        }
    }

    @Test func theExportIsWhatAnImportTakesAndNoSpreadsheetRuns() async throws {
        try await withServer { client, database in
            try await database.execute(
                """
                INSERT INTO products (sku, name, description, active) VALUES
                    ('1', '=1+1', '+49 30 1', true), ('2', '-5,5', '@x', false), ('3', 'a "b", c', E'x\\r\\ny', true),
                    ('4', E'\\tt', ' outer ', true), ('5', '＝1', '-', true)
                """)
            let response = try await client.send("/api/products.csv?sort=id")
            #expect(response.headers[.contentType] == "text/csv; charset=utf-8")
            #expect(response.headers[.contentDisposition] == #"attachment; filename="products.csv""#)
            #expect(
                response.text == """
                    sku,name,description,active\r
                    1,'=1+1,'+49 30 1,true\r
                    2,"-5,5",'@x,false\r
                    3,"a ""b"", c","x\r\ny",true\r
                    4,'\tt," outer ",true\r
                    5,'＝1,-,true\r

                    """)
            let some = try await client.send("/api/products.csv?active=false").text
            #expect(some == "sku,name,description,active\r\n2,\"-5,5\",'@x,false\r\n")
        }
    }

    @Test func withoutADatabaseEveryRouteSaysSo() async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                for path in ["/api/products", "/api/products/1", "/api/products.csv", "/api/products?q=x"] {
                    let response = try await client.send(path)
                    try expectProblem(response, .serviceUnavailable)
                    #expect(response.headers[.retryAfter] == "5")
                }
                try expectProblem(try await client.json("/api/products", .post, #"{"sku":"a"}"#), .serviceUnavailable)
                try expectProblem(try await client.send("/api/products", .delete), .serviceUnavailable)
            }
        }
    }

    private func withServer(
        _ body: @escaping @Sendable (any TestClientProtocol, TestDatabase) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            try await AdminFixture.with { fixture in
                try await fixture.serve(fixture.options(database.conninfo)) { try await body($0, database) }
            }
        }
    }
}

private struct ProductPage: Decodable {
    let items: [Product]
    let pages: Int
    let total: Int
}

extension TestResponse {
    private static let decoder: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let text = try decoder.singleValueContainer().decode(String.self)
            return try Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        }
        return decoder
    }()

    fileprivate var product: Product { get throws { try Self.decoder.decode(Product.self, from: data) } }
    fileprivate var page: ProductPage { get throws { try Self.decoder.decode(ProductPage.self, from: data) } }
}
