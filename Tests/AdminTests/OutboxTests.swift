import Catalog
import FoundationEssentials
import Glibc
import HTTPTypes
import HummingbirdTesting
import Testing

@testable import Admin

@Suite struct OutboxTests {
    static let id = "0197e5a0-3c1d-7b52-9f60-2f1c7f6f0a11"

    @Test func filesComeWithTheirTypes() async throws {
        try await AdminFixture.with { fixture in
            try fixture.write("<p>r</p>", to: "\(Self.id)/report.html")
            try fixture.write("<p>i</p>", to: "index.html")
            try fixture.write("{}", to: "a b%ä.csv.json")
            try fixture.write("sku\nA\n", to: "\(Self.id)/Ärger \"x\".CSV")
            try fixture.write("<script>", to: "\(Self.id)/foreign.html")
            try await fixture.serve { client in
                let expected: [(String, String, String)] = [
                    ("\(Self.id)/report.html", "text/html; charset=utf-8", "inline"),
                    ("index.html", "text/html; charset=utf-8", "inline"),
                    ("a%20b%25%C3%A4.csv.json", "application/json", "inline"),
                    (
                        "\(Self.id)/%C3%84rger%20%22x%22.CSV", "text/csv",
                        "attachment; filename=\"_rger _x_.CSV\"; filename*=UTF-8''%C3%84rger%20%22x%22.CSV"
                    ),
                    (
                        "\(Self.id)/foreign.html", "application/octet-stream",
                        "attachment; filename=\"foreign.html\"; filename*=UTF-8''foreign.html"
                    ),
                ]
                for (path, type, disposition) in expected {
                    let response = try await client.send("/outbox/\(path)")
                    #expect(response.status == .ok, "\(path)")
                    #expect(response.headers[.contentType] == type, "\(path)")
                    #expect(response.headers[.contentDisposition] == disposition, "\(path)")
                    #expect(response.headers[.contentSecurityPolicy]?.hasPrefix("default-src 'none'") == true)
                    expectSafeHeaders(response)
                }
                #expect(try await client.send("/outbox/index.html").text == "<p>i</p>")
            }
        }
    }

    @Test func aLargeFileComesWholeAndInPieces() async throws {
        try await AdminFixture.with { fixture in
            let text = String((0..<60_000).map { "\($0),x\n" }.joined())
            try fixture.write(text, to: "\(Self.id)/big.csv")
            try await fixture.serve { client in
                let response = try await client.send("/outbox/\(Self.id)/big.csv")
                #expect(response.headers[.contentLength] == "\(text.utf8.count)")
                #expect(response.data.count > 3 * 131_072)
                #expect(response.text == text)
                let head = try await client.send("/outbox/\(Self.id)/big.csv", .head)
                #expect(head.headers[.contentLength] == "\(text.utf8.count)")
                #expect(head.data.count == 0)
            }
        }
    }

    /// A secret lies beside the outbox, behind links in it and in hidden files; nothing may bring it out.
    @Test(arguments: [
        "../secret.csv", "%2e%2e/secret.csv", "%2E%2E%2Fsecret.csv", "..%2fsecret.csv", "%252e%252e/secret.csv",
        "ID/../../secret.csv", "ID/%2e%2e/%2e%2e/secret.csv", "./index.html", "ID/./report.html", "//index.html",
        "/index.html", "ID//report.html", "ID/", "ID", ".hidden.csv", "%2ehidden.csv", "ID/.progress.1.tmp",
        "link.csv", "linked/secret.csv", "ID/link.csv", "pipe.csv", "index.html%00", "index.html%00.csv", "index.html%",
        "index.html%2", "index.html%zz", "index.html/", "ID%2freport.html", "ID\\report.html", "..\\secret.csv",
        "ID/report.html/x", "ID/a/b", "%c0%ae%c0%ae/secret.csv", "%u002e%u002e/secret.csv", "nothing.csv", "INDEX.HTML",
        "preview",
    ])
    func nothingOutsideComesOut(_ path: String) async throws {
        try await AdminFixture.with { fixture in
            let outbox = fixture.outboxPath
            try Data("SECRET".utf8).write(to: URL(filePath: "\(fixture.root)/secret.csv"))
            for name in ["index.html", "\(Self.id)/report.html", ".hidden.csv", "\(Self.id)/.progress.1.tmp"] {
                try fixture.write("SECRET", to: name)
            }
            #expect(symlink("../secret.csv", "\(outbox)/link.csv") == 0)
            #expect(symlink("../../secret.csv", "\(outbox)/\(Self.id)/link.csv") == 0)
            #expect(symlink("..", "\(outbox)/linked") == 0)
            #expect(mkfifo("\(outbox)/pipe.csv", 0o600) == 0)
            try await fixture.serve { client in
                let uri =
                    "/outbox/"
                    + path.split(separator: "ID", omittingEmptySubsequences: false).joined(separator: Self.id)
                for method in [HTTPRequest.Method.get, .head] {
                    let response = try await client.send(uri, method)
                    #expect(response.status == .notFound)
                    #expect(!response.text.contains("SECRET"))
                    expectSafeHeaders(response)
                }
            }
        }
    }

    @Test(arguments: [("/outbox", "./outbox/index.html"), ("/outbox/", "./index.html")])
    func theFolderLeadsToItsOverview(_ path: String, _ location: String) async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                let response = try await client.send(path)
                #expect(response.status == .seeOther && response.headers[.location] == location)
            }
        }
    }

    @Test func pathsAreDecodedOnceAndByByte() {
        #expect(OutboxPath(requestPath: "/outbox/a%FFb.csv")?.components == [[0x61, 0xFF, 0x62] + Array(".csv".utf8)])
        #expect(OutboxPath(requestPath: "/outbox/%2541.csv")?.fileName == Array("%41.csv".utf8))
        #expect(OutboxPath(requestPath: "/outbox/+.csv")?.fileName == Array("+.csv".utf8))
        #expect(OutboxPath(requestPath: "/outbox/" + String(repeating: "a", count: 256)) == nil)
        #expect(OutboxPath(requestPath: "/other/a.csv") == nil)
    }
}
