import FoundationEssentials
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@testable import Admin

@Suite struct OpenAPITests {
    private struct Description: Decodable {
        struct Operation: Decodable {}
        struct Path: Decodable {
            var get: Operation?
            var post: Operation?
            var put: Operation?
            var delete: Operation?

            var methods: Set<String> {
                var methods: Set<String> = []
                if get != nil { methods.formUnion(["GET", "HEAD"]) }
                if post != nil { methods.insert("POST") }
                if put != nil { methods.insert("PUT") }
                if delete != nil { methods.insert("DELETE") }
                return methods
            }
        }

        var openapi: String
        var paths: [String: Path]
    }

    /// Pages and their assets are for people.
    private static let pages = ["/", "/imports/{id}", "/products", "/webhooks", "/webhooks/{id}", "/login", "/logout"]

    @Test func theDescriptionHasEveryRouteWithItsMethodsAndNoOther() async throws {
        try await AdminFixture.with { fixture in
            let routes = Set(try AdminApplication.router(fixture.options()).routes.map { documented("\($0.path)") })
            try await fixture.serve { client in
                let response = try await client.send("/openapi.json")
                #expect(response.headers[.contentType] == "application/json")
                let description = try JSONDecoder().decode(Description.self, from: response.data)
                #expect(description.openapi == "3.1.0")
                let own = routes.filter { !Self.pages.contains($0) && !$0.hasPrefix("/static/") }
                #expect(own.subtracting(description.paths.keys) == [], "routes that are not described")
                #expect(Set(description.paths.keys).subtracting(own) == [], "descriptions without a route")
                for (path, described) in description.paths where routes.contains(path) {
                    let uri = path.replacing("{id}", with: "1").replacing("{path}", with: "x")
                    let response = try await client.send(uri, .options)
                    #expect(response.status == .methodNotAllowed, "\(path)")
                    let allowed = (response.headers[.allow] ?? "").split(separator: ", ").map(String.init)
                    #expect(Set(allowed) == described.methods, "\(path)")
                }
            }
        }
    }

    private func documented(_ path: String) -> String {
        path.replacing("**", with: "{path}").split(separator: "/", omittingEmptySubsequences: false)
            .map { $0.hasPrefix(":") ? "{\($0.dropFirst())}" : String($0) }.joined(separator: "/")
    }
}
