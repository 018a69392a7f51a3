import Catalog
import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import Logging
import Postgres
import SystemPackage
import Testing

@testable import Admin

/// With a real database. One cluster for all of it, because making one takes a second.
@Suite struct ImportsTests {
    @Test func theListMergesDatabaseAndOutbox() async throws {
        try await AdminFixture.with { fixture in
            let cluster = try await EmbeddedCluster.start(
                directory: FilePath("\(fixture.root)/postgres"), logger: Logger(label: "test"))
            do {
                try await scenario(fixture, cluster.connectionString)
                await cluster.stop()
            } catch {
                await cluster.stop()
                throw error
            }
        }
    }

    private func scenario(_ fixture: AdminFixture, _ conninfo: String) async throws {
        let options = fixture.options(conninfo)
        try await fixture.serve(options) { client in
            let unmigrated = try Answer(try await client.send("/ready"))
            #expect(unmigrated.checks?["database"]?.reason?.contains("product-importer migrate") == true)
            #expect(try Answer(try await client.send("/api/imports")).degraded == true)
        }
        try await options.database.withConnection { _ = try Schema.migrate($0) }
        let ids = (0..<7).map { ImportID.mint(at: Date(timeIntervalSinceNow: Double($0) - 100)) }
        try await options.database.withConnection { connection in
            let store = ImportStore(connection)
            for (number, id) in ids.enumerated() {
                let file = FileName("\(number).csv")
                try store.insert(id, inbox: nil, file: file, dryRun: false, bytes: 10, receivedAt: Date())
                guard number < 5 else { continue }
                var end = ImportProgress(
                    id: id, file: file, dryRun: false, state: .completed, message: "done", receivedAt: Date())
                end.percent = 100
                try store.end(id, end)
            }
        }
        // 4 has ended, though its progress file lags behind; 5 runs; 6 waits for its turn and has no file yet.
        try fixture.progress("4.csv", id: ids[4], state: .running) { $0.percent = 80 }
        try fixture.progress("5.csv", id: ids[5], state: .running) { $0.percent = 33 }
        try await fixture.serve(options) { client in
            #expect(try Answer(try await client.send("/ready")).status == .word("ready"))
            try await expectMergedList(client)
            try await expectSingleImports(client, ids)
        }
        try fixture.progress("w1.csv", id: nil, state: .waiting)
        try fixture.progress("w2.csv", id: nil, state: .failed) {
            $0.error = ImportFailure(.notRegular, "This is a link.")
        }
        try await fixture.serve(options) { try await expectPagesWithWaitingFiles($0) }
        await options.database.close()
    }

    private func expectMergedList(_ client: any TestClientProtocol) async throws {
        let answer = try Answer(try await client.send("/api/imports"))
        #expect(answer.items?.map(\.file) == (0..<7).reversed().map { "\($0).csv" })
        #expect(answer.items?.prefix(3).map(\.state) == ["queued", "running", "completed"])
        #expect(answer.items?.prefix(3).map(\.percent) == [0, 33, 100])
        #expect(answer.total == 7 && answer.degraded == nil)
        let beyond = try Answer(try await client.send("/api/imports?page=1000000000&per_page=200"))
        #expect(beyond.items?.isEmpty == true && beyond.total == 7)
    }

    private func expectSingleImports(_ client: any TestClientProtocol, _ ids: [ImportID]) async throws {
        for (number, state) in [(0, "completed"), (4, "completed"), (5, "running"), (6, "queued")] {
            for path in ["/status/\(ids[number])", "/api/imports/\(ids[number].description.uppercased())"] {
                let response = try await client.send(path)
                #expect(response.status == .ok)
                #expect(try ImportProgress(json: response.data).state.rawValue == state)
            }
        }
        try expectProblem(try await client.send("/status/\(ImportID.mint())"), .notFound)
        try expectProblem(try await client.send("/imports/\(ImportID.mint())"), .notFound)
    }

    /// Every page is full but the last, and nothing is missing or there twice.
    private func expectPagesWithWaitingFiles(_ client: any TestClientProtocol) async throws {
        let expected: [String] = try #require(try Answer(try await client.send("/api/imports")).items?.map(\.file))
        #expect(Set(expected.prefix(2)) == ["w1.csv", "w2.csv"])
        #expect(expected.dropFirst(2) == (0..<7).reversed().map { "\($0).csv" }[...])
        for perPage in 1...9 {
            var files: [String] = []
            let pages = (9 + perPage - 1) / perPage
            for page in 1...pages {
                let answer = try Answer(try await client.send("/api/imports?page=\(page)&per_page=\(perPage)"))
                #expect(answer.total == 9 && answer.pages == pages)
                files += answer.items?.map(\.file) ?? []
            }
            #expect(files == expected, "\(perPage) a page")
        }
    }
}
