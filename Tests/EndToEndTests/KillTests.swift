import Foundation
import Postgres
import TestSupport
import Testing

/// `kill -9` at any moment: an import is applied whole or not at all, once, and is taken up again.
@Suite(.serialized) struct KillTests {
    private static let rows = 60_000
    /// The statement while the catalogue is compared with the file.
    private static let readingBack = "COPY products % TO STDOUT%"

    private func text(_ version: Int) -> String {
        "sku,name,description\r\n"
            + (0..<KillTests.rows).map { "P-\($0),Name \($0 % 3 == 0 ? version : 0),\"some\ntext\"\r\n" }.joined()
    }

    /// The statement that fills the catalogue where it is.
    private static let copying = "COPY products % FROM STDIN%"

    /// Kills in the middle of a stage, seen from outside, and checks every invariant after the restart.
    @Test(arguments: [
        "claim", "COPY products_fresh % FROM STDIN%", "CREATE UNIQUE INDEX%", KillTests.copying, KillTests.readingBack,
        "committed",
    ])
    func isTakenUpAgain(moment: String) async throws {
        try await TestDatabase.with { database in
            try await withTemporaryFolder { folder in
                let program = Program(folder: folder, database: database.conninfo)
                // For the look at what is unchanged there must be something to look at.
                if moment == KillTests.readingBack {
                    try await importCompletely(program, database, text(1))
                }
                // What is built on the table keeps the program from putting another one in its place.
                if moment == KillTests.copying {
                    try await database.execute("CREATE VIEW theirs AS SELECT sku FROM products")
                }
                let first = try program.start("watch")
                try program.drop("products.csv", text(2))
                try await wait(for: moment, database, program)
                first.kill()
                let second = try program.start("watch")
                let end = try await program.end(of: "products.csv")
                try await waitUntilFiled(database)
                #expect(second.stop() < .seconds(10))
                #expect(second.process.terminationStatus == 0, "\(second.log)")

                #expect(end["state"] as? String == "completed", "\(end)")
                try await checkInvariants(program, database, imports: moment == KillTests.readingBack ? 2 : 1)
                let name = "SELECT count(*) FROM products WHERE name = 'Name 2'" as SQL
                #expect(try await database.value(name) == (KillTests.rows + 2) / 3)
            }
        }
    }

    /// Fewer kills than the five that make a crash loop.
    @Test func survivesKillsAtRandomMoments() async throws {
        try await TestDatabase.with { database in
            try await withTemporaryFolder { folder in
                let program = Program(folder: folder, database: database.conninfo)
                for round in 1...4 {
                    try program.drop("round-\(round).csv", text(round))
                    let running = try program.start("watch")
                    try await Task.sleep(for: .milliseconds(Int.random(in: 20...700)))
                    running.kill()
                }
                let last = try program.start("watch")
                for round in 1...4 { _ = try await program.end(of: "round-\(round).csv") }
                try await waitUntilFiled(database)
                _ = last.stop()
                try await checkInvariants(program, database, imports: 4)
                let name = "SELECT count(*) FROM products WHERE name = 'Name 4'" as SQL
                #expect(try await database.value(name) == (KillTests.rows + 2) / 3)
            }
        }
    }

    private func importCompletely(_ program: Program, _ database: TestDatabase, _ text: String) async throws {
        let running = try program.start("watch")
        try program.drop("before.csv", text)
        _ = try await program.end(of: "before.csv")
        try await waitUntilFiled(database)
        _ = running.stop()
    }

    private func wait(for moment: String, _ database: TestDatabase, _ program: Program) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            let seen: Bool
            switch moment {
            case "claim": seen = program.files(below: "inbox/.work").contains { $0.hasSuffix("products.csv") }
            case "committed":
                seen = try await database.value("SELECT count(*) > 0 FROM imports WHERE state = 'completed'")
            default:
                seen = try await database.value(
                    """
                    SELECT count(*) > 0 FROM pg_stat_activity
                    WHERE query LIKE \(moment) AND datname = current_database() AND pid <> pg_backend_pid()
                    """)
            }
            if seen { return }
        }
        Issue.record("the moment \(moment) was never seen")
    }

    private func waitUntilFiled(_ database: TestDatabase) async throws {
        let deadline = ContinuousClock.now + .seconds(40)
        while try await database.value("SELECT count(*) FROM imports WHERE filed_at IS NULL", as: Int.self) > 0 {
            try #require(ContinuousClock.now < deadline, "something was never filed away")
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func checkInvariants(_ program: Program, _ database: TestDatabase, imports: Int) async throws {
        #expect(try await database.value("SELECT count(*) FROM products") == KillTests.rows)
        #expect(try await database.value("SELECT count(*) FROM imports") == imports)
        #expect(
            try await database.value(
                "SELECT count(*) FROM imports WHERE state <> 'completed' OR attempt_open OR filed_at IS NULL") == 0)
        #expect(
            try await database.value(
                "SELECT bool_and(read = created + updated + unchanged + duplicates + rejected) FROM imports") == true)
        // The dropped files are in the outbox, each once; nothing temporary is left anywhere.
        let sources = program.files(below: "outbox").filter { $0.hasSuffix(".csv") && $0.contains("/") }
        #expect(sources.count == imports, "\(sources)")
        #expect(program.files(below: "inbox").filter { $0.hasSuffix(".csv") }.isEmpty)
        let work = Set(program.files(below: "inbox/.work"))
        #expect(work == [".id", ".lock", "preview"])
        #expect(program.files(below: "outbox").filter { $0.contains("tmp") || $0.contains("/.") }.isEmpty)
        let others =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'product-importer' AND datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
            as SQL
        #expect(try await database.value(others) == 0)
    }
}
