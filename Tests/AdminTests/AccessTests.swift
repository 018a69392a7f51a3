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
                "/", "/ready", "/api/imports", "/status/x", "/outbox/x", "/nowhere", "/health/",
            ] {
                let response = try await client.send(path)
                if path == "/health/" && response.status == .ok { continue }
                try expectProblem(response, .unauthorized)
                #expect(response.headers[.wwwAuthenticate]?.hasPrefix("Bearer realm=") == true, "\(path)")
            }
        }
    }

    @Test(arguments: [
        basic("any:päss:wörd"), basic(":päss:wörd"), "bAsIc " + basic("x:päss:wörd").dropFirst(6), "Bearer tok-en",
        "bearer tok-en",
    ])
    func rightCredentialsComeIn(_ header: String) async throws {
        try await withPassword { client in
            let response = try await client.send("/api/imports", .get, [("Authorization", header)])
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
                try await client.send("/api/imports", .get, [("Authorization", header)]), .unauthorized)
        }
    }

    @Test func aTokenThatIsNotSetLetsNobodyIn() async throws {
        try await withPassword(token: nil) { client in
            let response = try await client.send("/", .get, [("Authorization", "Bearer ")])
            try expectProblem(response, .unauthorized)
        }
    }

    // MARK: Log-in

    @Test func aBrowserIsLedToTheLogInAndBack() async throws {
        try await withPassword { client in
            let asked = try await client.send("/imports/x?page=2", .get, [("Accept", "text/html")])
            #expect(asked.status == .seeOther)
            #expect(asked.headers[.location] == "../login?next=imports%2Fx%3Fpage%3D2")
            let page = try await client.send("/login?next=%22%3E%3Cscript%3E")
            #expect(page.status == .ok && page.text.contains("&quot;&gt;&lt;script&gt;"))
            let signedIn = try await client.json(
                "/login", .post, "password=p%C3%A4ss%3Aw%C3%B6rd&next=imports%3Fpage%3D2", form)
            #expect(signedIn.status == .seeOther && signedIn.headers[.location] == "./imports?page=2")
            let cookie = try #require(signedIn.headers[.setCookie])
            #expect(cookie.hasSuffix("; HttpOnly; SameSite=Strict") && cookie.contains("; Path=/;"))
            let pair = String(cookie.prefix { $0 != ";" })
            #expect(try await client.send("/api/imports", .get, [("Cookie", "a=b; \(pair)")]).status == .ok)
            for wrong in [
                pair + "0", "importer_session=9999999999." + String(repeating: "0", count: 64), "importer_session=",
            ] {
                try expectProblem(try await client.send("/api/imports", .get, [("Cookie", wrong)]), .unauthorized)
            }
        }
    }

    @Test(arguments: ["//evil.example", "https://evil.example", "\\\\evil.example", "a\nb", "/x"])
    func theLogInLeadsNowhereElse(_ next: String) async throws {
        try await withPassword { client in
            let encoded = next.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            let response = try await client.json(
                "/login", .post, "password=p%C3%A4ss%3Aw%C3%B6rd&next=\(encoded)", form)
            #expect(response.headers[.location]?.hasPrefix("./") == true)
            #expect(response.headers[.location]?.hasPrefix(".//") == false)
        }
    }

    @Test func whoeverGuessesHasToWait() async throws {
        try await withPassword { client in
            var statuses: [Int] = []
            for _ in 0..<6 { statuses.append(try await client.json("/login", .post, "password=x", form).status.code) }
            #expect(statuses == [401, 401, 401, 401, 401, 429])
            let page = try await client.json("/login", .post, "password=x&next=a", form)
            #expect(page.status == .tooManyRequests && page.headers[.retryAfter] != nil)
            #expect(page.text.contains("Too many wrong answers. Try again in 1 second.") && page.text.contains("<form"))
            let wrong = try await client.send("/api/imports", .get, [("Authorization", "Bearer wrong")])
            try expectProblem(wrong, .tooManyRequests)
            #expect(wrong.headers[.retryAfter] != nil)
            // Who has the token waits for nobody else's mistakes.
            let right = try await client.send("/api/imports", .get, [("Authorization", "Bearer tok-en")])
            #expect(right.status == .ok)
        }
    }

    // MARK: Foreign pages

    @Test(
        arguments: [
            ([("Sec-Fetch-Site", "same-origin")], true), ([("Sec-Fetch-Site", "none")], true), ([], true),
            ([("Origin", "http://localhost")], true), ([("Origin", "https://LOCALHOST")], true),
            ([("Sec-Fetch-Site", "cross-site")], false), ([("Sec-Fetch-Site", "same-site")], false),
            ([("Origin", "http://evil.example")], false), ([("Origin", "null")], false),
            ([("Origin", "http://localhost:81")], false),
            ([("Origin", "http://localhost"), ("Sec-Fetch-Site", "cross-site")], false),
        ] as [([(String, String)], Bool)])
    func onlyOwnPagesChangeSomething(_ headers: [(String, String)], _ isAllowed: Bool) async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                let response = try await client.send("/api/products/1", .delete, headers)
                // There is no database, but the guard comes before.
                #expect(response.status == (isAllowed ? .serviceUnavailable : .forbidden))
                #expect(try await client.send("/api/imports", .get, headers).status == .ok)
            }
        }
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.1.2.3", true), ("10.0.0.0/8", "11.1.2.3", false), ("127.0.0.1", "::ffff:127.0.0.1", true),
        ("10.128.0.0/9", "10.127.0.1", false), ("fd00::/8", "fd12::1", true), ("::1", "127.0.0.1", false),
        ("0.0.0.0/0", "8.8.8.8", true), ("10.0.0.0/8", "", false),
    ])
    func networksContainAddresses(_ network: String, _ address: String, _ isInside: Bool) throws {
        let network = try #require(Network(network))
        #expect(network.contains(address) == isInside)
    }

    @Test(arguments: ["", "10", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "x/8", "::1/129"])
    func whatIsNoNetworkIsRefused(_ text: String) async throws {
        #expect(Network(text) == nil)
        try await AdminFixture.with { fixture in
            var options = fixture.options()
            options.trustedProxies = [text]
            #expect(throws: AdminOptionsError.proxy(text)) { try options.validate() }
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

private let form = "application/x-www-form-urlencoded"
private func basic(_ pair: String) -> String { "Basic " + Data(pair.utf8).base64EncodedString() }
