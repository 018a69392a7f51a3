import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import Testing

@testable import Admin

@Suite struct RouteTests {
    private static let paths = ["/", "/health", "/ready", "/api/imports", "/static/admin.css"]

    @Test(arguments: [HTTPRequest.Method.post, .put, .patch, .delete, .options])
    func otherMethodsAreToldWhatIsAllowed(_ method: HTTPRequest.Method) async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                for path in Self.paths + ["/status/x", "/api/imports/x", "/imports/x", "/outbox/x"] {
                    let response = try await client.send(path, method)
                    try expectProblem(response, .methodNotAllowed)
                    #expect(response.headers[.allow] == "GET, HEAD", "\(path)")
                }
                try expectProblem(try await client.send("/nowhere", method), .notFound)
            }
        }
    }

    @Test func headIsGetWithoutTheBody() async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                for path in Self.paths + ["/nowhere", "/status/x"] {
                    let (get, head) = (try await client.send(path), try await client.send(path, .head))
                    #expect(head.status == get.status, "\(path)")
                    #expect(head.headers[.contentType] == get.headers[.contentType], "\(path)")
                    #expect(head.data.count == 0, "\(path)")
                }
            }
        }
    }

    @Test(arguments: ["/nowhere", "/api", "/api/nothing", "/static/", "/static/nothing.js", "/static/.."])
    func whatIsNotThereIsAProblem(_ path: String) async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in try expectProblem(try await client.send(path), .notFound) }
        }
    }

    @Test func aBrowserSeesAPageInstead() async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                let accept = [("Accept", "text/html,application/xhtml+xml")]
                let response = try await client.send("/nowhere", .get, accept)
                #expect(response.status == .notFound)
                #expect(response.headers[.contentType] == "text/html; charset=utf-8")
                expectSafeHeaders(response)
                try expectProblem(try await client.send("/api/nowhere", .get, accept), .notFound)
            }
        }
    }

    @Test func thePageEscapesTheInboxAndHasNothingInline() async throws {
        try await AdminFixture.with { fixture in
            var options = fixture.options()
            options.inboxPath = "/data/<script>alert(1)</script>&\"in"
            try await fixture.serve(options) { client in
                let response = try await client.send("/")
                let html = response.text
                #expect(response.headers[.contentType] == "text/html; charset=utf-8")
                #expect(html.contains("Drop CSV files on this page"))
                #expect(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;"))
                #expect(!html.contains("<style") && !html.contains("style=") && !html.contains("<script>"))
                expectSafeHeaders(response)
            }
        }
    }

    @Test(arguments: ["admin.css", "format.js", "row.js", "imports.js", "import.js", "health.js", "icon.svg"])
    func assetsAreKeptByBrowsersUntilTheyChange(_ name: String) async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                let first = try await client.send("/static/\(name)")
                #expect(first.status == .ok && first.data.count > 100)
                let tag = try #require(first.headers[.eTag])
                let again = try await client.send("/static/\(name)", .get, [("If-None-Match", "\"other\", W/\(tag)")])
                #expect(again.status == .notModified && again.data.count == 0)
                #expect(again.headers[.eTag] == tag)
                #expect(try await client.send("/static/\(name)", .get, [("If-None-Match", "\"other\"")]).status == .ok)
            }
        }
    }

    /// The style sheet, the scripts and the templates name each other; a name that leads nowhere is found here.
    @Test func everyAssetThatIsNamedIsThere() async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                var named: Set<Substring> = []
                for path in [
                    "/", "/nowhere", "/products", "/static/imports.js", "/static/import.js", "/static/row.js",
                    "/static/health.js",
                    "/static/upload.js", "/static/products.js", "/static/product-row.js", "/static/server.js",
                ] {
                    let text = try await client.send(path, .get, [("Accept", "text/html")]).text
                    named.formUnion(text.matches(of: /(?:\/static\/|from "\.\/)([\w.-]+)"/).map(\.1))
                }
                #expect(named.contains("imports.js") && named.contains("row.js"))
                for name in named { #expect(try await client.send("/static/\(name)").status == .ok, "\(name)") }
            }
        }
    }

    @Test func oldAddressesLeadToThePages() async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                for name in ["products", "webhooks"] {
                    let response = try await client.send("/static/\(name).html")
                    #expect(response.status == .seeOther)
                    #expect(response.headers[.location] == "../\(name)")
                }
            }
        }
    }
}
