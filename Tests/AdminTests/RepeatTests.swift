import Catalog
import FoundationEssentials
import Glibc
import HTTPTypes
import HummingbirdTesting
import Logging
import Pipeline
import Postgres
import SystemPackage
import Testing

@testable import Admin

/// The kept file goes into the inbox once more: again, or a preview for real.
@Suite struct RepeatTests {
    private func names(_ folder: String) -> [String] { fileNames(in: folder).map(\.description).sorted() }

    private func post(_ client: any TestClientProtocol, _ path: String, _ json: String) async throws -> TestResponse {
        try await client.json(path, .post, json)
    }

    /// An import that has ended, with its kept file.
    private func end(
        _ fixture: AdminFixture, dryRun: Bool = false, _ state: ImportProgress.State = .completed,
        content: String = "sku\nA\n", sha256: String? = nil
    ) throws -> ImportID {
        let id = ImportID.mint()
        try fixture.progress("winter.csv", id: id, state: state) {
            $0.dryRun = dryRun
            $0.files.source = "\(id)/winter.csv"
            $0.sha256 = sha256
        }
        try Data(content.utf8).write(to: URL(filePath: "\(fixture.outboxPath)/\(id)/winter.csv"))
        return id
    }

    @Test func theKeptFileIsDroppedAgain() async throws {
        try await AdminFixture.with { fixture in
            let id = try end(fixture, sha256: "4a3f5b2d")
            let preview = try end(fixture, dryRun: true)
            let running = try end(fixture, .running)
            try await fixture.serve { client in
                let changed = try await post(client, "/api/imports/\(id)/again", "{}")
                #expect(changed.status == .conflict, "the bytes are not those that were imported")
                #expect(names(fixture.inbox).filter { $0.hasSuffix(".csv") }.isEmpty)
                let again = try await post(client, "/api/imports/\(preview)/again", "{}")
                #expect(again.status == .accepted)
                #expect(names("\(fixture.inbox)/preview") == ["winter.csv"])
                let real = try await post(client, "/api/imports/\(preview)/apply", #"{"anyway":true}"#)
                #expect(real.status == .accepted)
                let file = "\(fixture.inbox)/winter.csv"
                #expect(try String(contentsOfFile: file, encoding: .utf8) == "sku\nA\n")
                #expect(try await post(client, "/api/imports/\(running)/again", "{}").status == .conflict)
                #expect(try await post(client, "/api/imports/\(id)/apply", "{}").status == .conflict, "no preview")
                unlink("\(fixture.outboxPath)/\(preview)/winter.csv")
                #expect(try await post(client, "/api/imports/\(preview)/again", "{}").status == .gone)
                #expect(try await post(client, "/api/imports/\(ImportID.mint())/again", "{}").status != .accepted)
            }
        }
    }

    @Test func applyingWarnsWhenTheCatalogueHasChanged() async throws {
        try await AdminFixture.with { fixture in
            let cluster = try await EmbeddedCluster.start(
                directory: FilePath("\(fixture.root)/postgres"), logger: Logger(label: "test"))
            do {
                try await applied(fixture, fixture.options(cluster.connectionString))
                await cluster.stop()
            } catch {
                await cluster.stop()
                throw error
            }
        }
    }

    private func applied(_ fixture: AdminFixture, _ options: AdminOptions) async throws {
        try await options.database.withConnection { _ = try Schema.migrate($0) }
        let mark = try await options.database.withConnection { connection in
            try connection.query("INSERT INTO products (sku) VALUES ('B')")
            return try ProductStore(connection).mark()
        }
        let id = try end(fixture, dryRun: true)
        var facts = ImportFacts()
        facts.catalogue = mark
        try JSONEncoder().encode(facts).write(to: URL(filePath: "\(fixture.outboxPath)/\(id)/facts.json"))
        try await fixture.serve(options) { client in
            #expect(try await post(client, "/api/imports/\(id)/apply", "{}").status == .accepted)
            unlink("\(fixture.inbox)/winter.csv")
            try await options.database.withConnection { _ = try $0.query("DELETE FROM products") }
            let refused = try await post(client, "/api/imports/\(id)/apply", "{}")
            #expect(refused.status == .conflict && refused.text.contains("has changed since this preview"))
            #expect(refused.text.contains(#""field":"anyway""#))
            #expect(try await post(client, "/api/imports/\(id)/apply", #"{"anyway":true}"#).status == .accepted)
        }
        await options.database.close()
    }
}
