import Catalog
import FoundationEssentials
import Glibc
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Pipeline
import Testing

@testable import Admin

@Suite struct UploadTests {
    private struct Accepted: Decodable {
        var jobID: String
        var statusURL: String

        enum CodingKeys: String, CodingKey {
            case jobID = "job_id"
            case statusURL = "status_url"
        }
    }

    @Test func anUploadLandsInTheInboxUnderItsName() async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                let content = "sku\r\n" + String(repeating: "A-17,\"x\"\r\n", count: 200_000)
                let response = try await upload(client, content, "winter \"1\".csv")
                #expect(response.status == .accepted)
                let accepted = try JSONDecoder().decode(Accepted.self, from: response.data)
                #expect(accepted.statusURL == "/status/\(accepted.jobID)")
                let file = "\(fixture.inbox)/winter \"1\".csv"
                #expect(try String(contentsOfFile: file, encoding: .utf8) == content)
                #expect(try names(fixture.inbox) == [".uploads", "winter \"1\".csv"])
                // It waits: nobody watches. The id is answered all the same.
                let status = try await client.send(accepted.statusURL)
                #expect(status.status == .ok && status.text.contains(#""state":"waiting""#))
                #expect(status.text.contains(accepted.jobID))
                #expect(try await client.send("/imports/\(accepted.jobID)").status == .ok)
            }
        }
    }

    @Test func aDryRunGoesToThePreviewFolderWhereverItsFieldStands() async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                for (number, word) in ["true", "on", "1"].enumerated() {
                    #expect(try await upload(client, "sku\n", "a\(number).csv", after: word).status == .accepted)
                }
                #expect(try await upload(client, "sku\n", "b.csv", after: "false").status == .accepted)
                #expect(try names("\(fixture.inbox)/preview") == ["a0.csv", "a1.csv", "a2.csv"])
                let bad = try await upload(client, "sku\n", "c.csv", after: "perhaps")
                try expectProblem(bad, .unprocessableContent)
                #expect(try names(fixture.inbox) == [".uploads", "b.csv", "preview"])
            }
        }
    }

    @Test func aWaitingFileOfTheSameNameStays() async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                let first = try await upload(client, "sku\nA", "a.csv")
                let second = try await upload(client, "sku\nB", "a.csv")
                #expect(first.status == .accepted && second.status == .accepted)
                #expect(try String(contentsOfFile: "\(fixture.inbox)/a.csv", encoding: .utf8) == "sku\nA")
                #expect(try String(contentsOfFile: "\(fixture.inbox)/a-2.csv", encoding: .utf8) == "sku\nB")
            }
        }
    }

    @Test func whatIsNotWholeLeavesNothing() async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                let body = form("sku\n", "a.csv")
                for cut in [body.utf8.count - 6, body.utf8.count / 2, 10, 0] {
                    let response = try await client.json(
                        "/upload", .post, String(decoding: body.utf8.prefix(cut), as: UTF8.self),
                        "multipart/form-data; boundary=b")
                    try expectProblem(response, .badRequest)
                }
                let other = body.replacing("name=\"file\"", with: "name=\"other\"")
                try expectProblem(
                    try await client.json("/upload", .post, other, "multipart/form-data; boundary=b"),
                    .unprocessableContent)
                let twice = body.replacing("--b--", with: "") + body
                try expectProblem(
                    try await client.json("/upload", .post, twice, "multipart/form-data; boundary=b"),
                    .unprocessableContent)
                let none = try await upload(client, "", "")
                try expectProblem(none, .unprocessableContent)
                #expect(none.text.contains(#""field":"file""#))
                for type in ["application/json", "text/csv"] {
                    let response = try await client.json("/upload", .post, "{}", type)
                    try expectProblem(response, .unsupportedMediaType)
                    #expect(response.text.contains("multipart/form-data, in the field file"))
                }
                try expectProblem(try await client.json("/upload", .post, body, "multipart/form-data"), .badRequest)
                #expect(try names(fixture.inbox).filter { $0 != ".uploads" } == [])
                #expect(try names("\(fixture.inbox)/.uploads") == [])
            }
        }
    }

    @Test(arguments: [
        ("a.csv", "a.csv"), ("A.CSV", "A.CSV"), ("", "upload.csv"), ("dir/../a.csv", "a.csv"), ("../..", "_...csv"),
        (".csv", "_.csv"), (".a.csv", "_.a.csv"), ("a.txt", "a.txt.csv"), ("a.csv.part", "a.csv.part.csv"),
        ("a\u{0}b.csv", "ab.csv"), ("\n\u{1B}.csv", "\n\u{1B}.csv"), ("C:\\x\\a.csv", "C:\\x\\a.csv"),
        (String(repeating: "ü", count: 200) + ".csv", String(repeating: "ü", count: 125) + ".csv"),
    ])
    func onlyWhatCannotBeANameIsChanged(_ name: String, _ expected: String) {
        #expect(FileName(upload: Array(name.utf8)).description == expected)
        #expect(FileName(upload: Array(name.utf8)).bytes.count <= 255)
    }

    @Test func bytesThatAreNoTextAreKept() {
        #expect(FileName(upload: [0xFF, 0xFE] + Array(".csv".utf8)).bytes == [0xFF, 0xFE] + Array(".csv".utf8))
    }

    private func form(_ content: String, _ name: String, after dryRun: String? = nil) -> String {
        let escaped = name.replacing("\"", with: "%22")
        let field = dryRun.map { "--b\r\nContent-Disposition: form-data; name=\"dry_run\"\r\n\r\n\($0)\r\n" } ?? ""
        return "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\(escaped)\"\r\n"
            + "Content-Type: text/csv\r\n\r\n\(content)\r\n\(field)--b--\r\n"
    }

    private func upload(
        _ client: any TestClientProtocol, _ content: String, _ name: String, after dryRun: String? = nil
    ) async throws -> TestResponse {
        try await client.json(
            "/upload", .post, form(content, name, after: dryRun), "multipart/form-data; boundary=b")
    }

    private func names(_ folder: String) throws -> [String] {
        fileNames(in: folder).map(\.description).sorted()
    }
}
