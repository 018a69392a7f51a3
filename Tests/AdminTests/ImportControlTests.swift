import Catalog
import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import Pipeline
import Postgres
import TestSupport
import Testing

@testable import Admin

@Suite struct ImportControlTests {
    @Test func aQueuedImportIsCancelledAndAnEndedOneIsNot() async throws {
        try await TestDatabase.with { database in
            try await AdminFixture.with { fixture in
                let (queued, ended) = (ImportID.mint(), ImportID.mint())
                try await database.session.run { connection in
                    let store = ImportStore(connection)
                    for id in [queued, ended] {
                        try store.insert(
                            id, inbox: nil, file: FileName("a.csv"), dryRun: false, bytes: 1, receivedAt: Date())
                    }
                    var end = ImportProgress(
                        id: ended, file: FileName("a.csv"), dryRun: false, state: .completed, message: "",
                        receivedAt: Date())
                    end.percent = 100
                    try store.end(ended, end)
                }
                try await fixture.serve(fixture.options(database.conninfo)) { client in
                    let response = try await client.send("/api/imports/\(queued)/cancel", .post)
                    #expect(response.status == .accepted && response.text.contains(#""state":"queued""#))
                    let isRequested = try await database.session.run { try ImportStore($0).isCancelRequested(queued) }
                    #expect(isRequested)
                    try expectProblem(try await client.send("/api/imports/\(ended)/cancel", .post), .conflict)
                    let unknown = "/api/imports/\(ImportID.mint())/cancel"
                    try expectProblem(try await client.send(unknown, .post), .notFound)
                    try expectProblem(try await client.send("/api/imports/x/cancel", .post), .notFound)
                    let metrics = try await client.send("/metrics").text
                    #expect(metrics.contains(#"importer_imports{state="queued"} 1"#))
                    #expect(metrics.contains(#"importer_imports{state="completed"} 1"#))
                    #expect(
                        metrics.contains(
                            #"duration_seconds_count{route="/api/imports/{id}/cancel",method="POST",status="409"} 1"#))
                }
            }
        }
    }

    @Test func eventsEndWithTheEnd() async throws {
        try await AdminFixture.with { fixture in
            let id = ImportID.mint()
            try fixture.progress("a.csv", id: id, state: .running) { $0.percent = 40 }
            try await fixture.serve { client in
                async let answer = client.send("/api/imports/\(id)/events")
                // Whether the events begin before or after, they end with this.
                try fixture.progress("a.csv", id: id, state: .completed)
                let response = try await answer
                #expect(response.headers[.contentType] == "text/event-stream")
                #expect(response.text.contains("id: end\ndata: {") && response.text.hasSuffix("}\n\n"))
                #expect(response.text.contains(#""state":"completed""#))
                let again = try await client.send("/api/imports/\(id)/events", .get, [("Last-Event-ID", "end")])
                #expect(again.status == .noContent)
                try expectProblem(try await client.send("/api/imports/x/events"), .notFound)
            }
        }
    }

    @Test func metricsAreThereWithoutTheDatabase() async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                let response = try await client.send("/metrics")
                #expect(response.status == .ok && response.text.contains("importer_database_up 0\n"))
                #expect(response.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
            }
        }
    }
}
