import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import Testing

@testable import Admin

@Suite struct AccessTests {
    // MARK: Options

    @Test(arguments: ["127.0.0.1", "127.8.9.10", "localhost", "LOCALHOST.", "::1", "[::1]"])
    func loopbackNeedsNoPassword(_ host: String) async throws {
        try await AdminFixture.with { fixture in
            var options = fixture.options()
            options.host = host
            try options.validate()
        }
    }

    @Test(arguments: ["0.0.0.0", "::", "192.168.1.5", "importer.example", "127.0.0.1.example", "1270.0.0.1", ""])
    func otherHostsNeedAPassword(_ host: String) async throws {
        try await AdminFixture.with { fixture in
            var options = fixture.options()
            options.host = host
            let error = #expect(throws: AdminOptionsError.passwordNeeded(host: host)) { try options.validate() }
            #expect(error?.description.contains("IMPORTER_ADMIN_PASSWORD") == true)
            options.password = "secret"
            try options.validate()
        }
    }

    @Test func anEmptyPasswordIsNone() async throws {
        try await AdminFixture.with { fixture in
            let options = AdminOptions(
                host: "0.0.0.0", password: "", inboxPath: fixture.inbox, outboxPath: fixture.outboxPath,
                database: fixture.options().database)
            #expect(throws: AdminOptionsError.self) { try options.validate() }
        }
    }

    // MARK: Host

    @Test(arguments: [
        "localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LocalHost.", "admin.example",
        "ADMIN.example:443",
        "10.0.0.9:8000",
    ])
    func ownNamesAreAnswered(_ host: String) async throws {
        #expect(try await status(host: host) == .ok)
    }

    @Test(arguments: [
        "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "admin.example.evil", "10.0.0.10", "",
        "[::2]",
        "127.0.0.1:80:80",
    ])
    func foreignNamesAreNot(_ host: String) async throws {
        #expect(try await status(host: host).code == 421)
    }

    private func status(host: String) async throws -> HTTPResponse.Status {
        try await AdminFixture.with { fixture in
            var options = fixture.options()
            (options.host, options.allowedHosts, options.password) = ("10.0.0.9", ["admin.example"], nil)
            return try await fixture.serve(options) { client in
                let response = try await client.send("/health", .get, [("Host", host)])
                if response.status != .ok { try expectProblem(response, .misdirectedRequest) }
                return response.status
            }
        }
    }

    // MARK: Password and token

    @Test func withAPasswordOnlyHealthIsOpen() async throws {
        try await withPassword { client in
            #expect(try await client.send("/health").status == .ok)
            for path in [
                "/", "/ready", "/api/imports", "/status/x", "/outbox/x", "/static/admin.css", "/nowhere", "/health/",
            ] {
                let response = try await client.send(path)
                if path == "/health/" && response.status == .ok { continue }
                try expectProblem(response, .unauthorized)
                #expect(response.headers[.wwwAuthenticate]?.hasPrefix("Basic realm=") == true, "\(path)")
            }
        }
    }

    @Test(arguments: [
        basic("any:päss:wörd"), basic(":päss:wörd"), "bAsIc " + basic("x:päss:wörd").dropFirst(6), "Bearer tok-en",
        "bearer tok-en",
    ])
    func rightCredentialsComeIn(_ header: String) async throws {
        try await withPassword { client in
            let response = try await client.send("/static/admin.css", .get, [("Authorization", header)])
            #expect(response.status == .ok)
        }
    }

    @Test(arguments: [
        basic("any:wrong"), basic("päss:wörd"), basic("any:"), basic("no colon"), basic("any:päss:wörd "), "Basic !!!",
        "Basic",
        "Bearer päss:wörd", "Bearer ", "Bearer tok-en2", "Digest tok-en", basic("any:tok-en"),
    ])
    func wrongCredentialsDoNot(_ header: String) async throws {
        try await withPassword { client in
            try expectProblem(
                try await client.send("/static/admin.css", .get, [("Authorization", header)]), .unauthorized)
        }
    }

    @Test func aTokenThatIsNotSetLetsNobodyIn() async throws {
        try await withPassword(token: nil) { client in
            let response = try await client.send("/", .get, [("Authorization", "Bearer ")])
            try expectProblem(response, .unauthorized)
        }
    }

    private func withPassword(
        token: String? = "tok-en", _ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void
    ) async throws {
        try await AdminFixture.with { fixture in
            var options = fixture.options()
            (options.password, options.apiToken) = ("päss:wörd", token)
            try await fixture.serve(options, body)
        }
    }
}

private func basic(_ pair: String) -> String { "Basic " + Data(pair.utf8).base64EncodedString() }
