import Catalog
import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import Testing

@testable import Admin

/// The database is away: the outbox alone answers, and says so.
@Suite struct ImportsWithoutDatabaseTests {
    @Test func theListComesFromTheOutboxAndSaysWhy() async throws {
        try await AdminFixture.with { fixture in
            let old = try fixture.progress("old.csv", id: .mint(at: Date(timeIntervalSinceNow: -60)), state: .completed)
            let running = try fixture.progress("new.csv", state: .running) { $0.percent = 40 }
            try fixture.progress("half.csv", id: nil, state: .waiting, message: "Still being written.")
            try fixture.write("not json", to: "broken.json")
            try await fixture.serve { client in
                let response = try await client.send("/api/imports")
                #expect(response.status == .ok)
                let answer = try Answer(response)
                #expect(answer.degraded == true)
                #expect(answer.reason?.contains("cannot be reached") == true)
                #expect(answer.items?.map(\.file) == ["half.csv", "new.csv", "old.csv"])
                #expect(answer.items?.map(\.id) == [nil, running.id, old.id])
                #expect(try await shortestTime { _ = try await client.send("/api/imports") } < .seconds(1))
                #expect(answer.total == 3 && answer.pages == 1 && answer.page == 1 && answer.perPage == 20)
            }
        }
    }

    @Test func oneImportComesFromTheOutbox() async throws {
        try await AdminFixture.with { fixture in
            let running = try fixture.progress("new.csv", state: .running) { $0.percent = 40 }
            try await fixture.serve { client in
                for path in ["/status/\(running.id!)", "/api/imports/\(running.id!)"] {
                    let response = try await client.send(path)
                    #expect(response.status == .ok)
                    #expect(try ImportProgress(json: response.data).percent == 40)
                }
                let page = try await client.send("/imports/\(running.id!)")
                #expect(page.status == .ok && page.text.contains("new.csv"))
                try expectProblem(try await client.send("/status/\(ImportID.mint())"), .serviceUnavailable)
            }
        }
    }

    @Test(arguments: ["x", "0197e5a0", "..", "%2e%2e", "0197e5a0-3c1d-7b52-9f60-2f1c7f6f0a1g", "{0197e5a0}"])
    func whatIsNoIDIsNotFound(_ id: String) async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                try expectProblem(try await client.send("/status/\(id)"), .notFound)
                try expectProblem(try await client.send("/api/imports/\(id)"), .notFound)
            }
        }
    }

    @Test(arguments: [
        "page=0", "page=-1", "page=x", "page=", "page=99999999999999999999", "per_page=0", "per_page=201",
    ])
    func badPagesAreRefusedByName(_ query: String) async throws {
        try await AdminFixture.with { fixture in
            try await fixture.serve { client in
                let response = try await client.send("/api/imports?\(query)")
                try expectProblem(response, .badRequest)
                let name = String(query.prefix { $0 != "=" })
                #expect(try Answer(response).detail?.hasPrefix(name) == true)
            }
        }
    }

    @Test func aPointerIsReadAgainOnlyWhenItChanged() async throws {
        try await AdminFixture.with { fixture in
            let files = WaitingFiles(outbox: fixture.outbox)
            try fixture.progress("a.csv", id: nil, state: .waiting, message: "one")
            #expect(files.scan().map(\.message) == ["one"])
            try fixture.progress("a.csv", id: nil, state: .waiting, message: "two")
            #expect(files.scan().map(\.message) == ["two"])
            try fixture.progress("a.csv", state: .running)
            #expect(files.scan().isEmpty)
        }
    }
}
