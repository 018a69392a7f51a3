import Synchronization
import TestSupport
import Testing

@testable import Pipeline

@Suite struct WebhookDestinationsTests {

    private static func refusal(
        of url: String, by destinations: WebhookDestinations = WebhookDestinations()
    ) async throws -> WebhookDestinations.Refusal? {
        do {
            _ = try await destinations.check(url, until: .now + .seconds(300))
            return nil
        } catch let refusal as WebhookDestinations.Refusal {
            return refusal
        }
    }

    /// Hosts that lead to this machine or its network, however they are written.
    static let inside = [
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001",
        "127.0.0.1.", "localhost", "LOCALHOST", "0", "0.0.0.0", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "10.0.0.1",
        "0xA000001", "167772161", "172.16.1", "192.168.257", "169.254.169.254", "2852039166", "0xa9fea9fe",
        "[fd00:ec2::254]", "[fe80::1]", "100.64.0.1", "%31%32%37.0.0.1",
    ]

    @Test(arguments: inside)
    func refusesItInEverySpelling(host: String) async throws {
        // A spelling that the resolver does not know leads nowhere, which is as good.
        do {
            _ = try await WebhookDestinations().check("http://\(host):8123/hook", until: .now + .seconds(300))
            Issue.record("\(host) was let through")
        } catch let refusal as WebhookDestinations.Refusal where refusal.kind == .address {
            #expect(refusal.message.contains("IMPORTER_WEBHOOK_ALLOW="), "\(refusal)")
        } catch is HostResolver.NotFound {
            #expect(!["127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::1]", "localhost"].contains(host))
        } catch is WebhookDestinations.Refusal {
            #expect(host.hasPrefix("["))
        }
    }

    @Test(arguments: [
        "unix:///tmp/socket", "http+unix://%2Ftmp%2Fsocket/hook", "https+unix://%2Ftmp%2Fsocket/", "file:///etc/passwd",
        "ftp://example.com/", "gopher://example.com/", "javascript:alert(1)", "//example.com/", "example.com", "",
        "http:example.com", "http:/example.com", "http://", "http:///path", "http://user@1.1.1.1/",
        "http://user:word@1.1.1.1/", "http://1.1.1.1@127.0.0.1/", "http://127.0.0.1\\@1.1.1.1/", "http://1.1.1.1:0/",
        "http://1.1.1.1:70000/", "http://exa mple.com/", "http://例え.jp/", "http://1.1.1.1/\u{0}",
        "http://[fe80::1%25lo]/", "http://\(String(repeating: "a", count: 2100)).com/",
    ])
    func refusesWhatIsNoURLToSendTo(url: String) async throws {
        let refusal = try await WebhookDestinationsTests.refusal(of: url)
        #expect(refusal?.kind == .url, "\(url)")
        #expect(refusal?.message.isEmpty == false)
    }

    @Test(arguments: ["http://1.1.1.1/", "https://8.8.8.8:8443/a?b=c", "HTTPS://1.1.1.1/", "http://[2606:4700::1111]/"])
    func letsPublicAddressesThrough(url: String) async throws {
        #expect(try await WebhookDestinationsTests.refusal(of: url) == nil)
    }

    @Test func looksAtEveryAddressOfAName() async throws {
        let resolver = HostResolver { _, _ in [IPAddress("1.1.1.1")!, IPAddress("10.0.0.7")!] }
        let destinations = WebhookDestinations(allowed: [], resolver: resolver)
        let refusal = try await WebhookDestinationsTests.refusal(of: "http://two.example/", by: destinations)
        #expect(refusal?.message.contains("10.0.0.7") == true)
        #expect(refusal?.message.contains("IMPORTER_WEBHOOK_ALLOW=two.example") == true)
    }

    @Test(arguments: [
        ("127.0.0.1", "http://127.0.0.1:1/"), ("127.0.0.0/8", "http://127.9.9.9/"), ("LocalHost", "http://localhost/"),
        ("::1", "http://[::1]/"), ("10.0.0.0/8", "http://[::ffff:10.1.1.1]/"), ("fd00::/8", "http://[fd00:ec2::254]/"),
    ])
    func allowsWhatIsNamed(entry: String, url: String) async throws {
        let destinations = WebhookDestinations(allowed: [try #require(Allowance(entry))])
        #expect(try await WebhookDestinationsTests.refusal(of: url, by: destinations) == nil)
    }

    @Test func allowsNothingElse() async throws {
        let destinations = WebhookDestinations(allowed: [try #require(Allowance("127.0.0.1"))])
        #expect(try await WebhookDestinationsTests.refusal(of: "http://127.0.0.2/", by: destinations) != nil)
        #expect(try await WebhookDestinationsTests.refusal(of: "http://[::1]/", by: destinations) != nil)
    }

    @Test func keepsOurOwnListenerOutUnlessItIsNamedWithItsPort() async throws {
        for host in ["127.0.0.1", "0.0.0.0", "localhost"] {
            let listener = OwnListener(host: host, port: 0)
            let own = WebhookDestinations(allowed: ["127.0.0.0/8", "0.0.0.0/8"].map { Allowance($0)! }, own: listener)
            #expect(try await WebhookDestinationsTests.refusal(of: "http://127.0.0.1:8000/", by: own) == nil)
            listener.listens(on: 8000)
            #expect(try await WebhookDestinationsTests.refusal(of: "http://0.0.0.0:8000/", by: own) != nil)
            let refusal = try await WebhookDestinationsTests.refusal(of: "http://127.0.0.1:8000/upload", by: own)
            #expect(refusal?.message.contains("admin server") == true)
            #expect(try await WebhookDestinationsTests.refusal(of: "http://127.0.0.1:8001/", by: own) == nil)
            let named = WebhookDestinations(allowed: [Allowance("127.0.0.1:8000")!], own: listener)
            #expect(try await WebhookDestinationsTests.refusal(of: "http://127.0.0.1:8000/", by: named) == nil)
            #expect(try await WebhookDestinationsTests.refusal(of: "http://127.0.0.1:8001/", by: named) != nil)
        }
    }

    @Test func readsEntriesOfTheAllowList() {
        for text in ["crm.local", "10.0.0.0/8", "10.1.2.3", "::1", "fd00::/8", "crm.local:8080", "[::1]:8080", "a_b-c"]
        {
            #expect(Allowance(text) != nil, "\(text)")
        }
        for text in ["", "10.0.0.0/40", "a b", "crm.local:0", "crm.local:x", "http://crm.local", "[x]:80", "a/b"] {
            #expect(Allowance(text) == nil, "\(text)")
        }
    }

    @Test func aNameThatIsNotFoundNowCanBeSaved() async throws {
        let resolver = HostResolver { host, _ in throw HostResolver.NotFound(message: "no \(host)") }
        try await WebhookDestinations(allowed: [], resolver: resolver).checkForSaving("https://later.example/")
    }
}
