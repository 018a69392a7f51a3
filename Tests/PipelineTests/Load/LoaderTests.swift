import Catalog
@testable import Pipeline
import Postgres
import TestSupport
import Testing

/// What an import does to the catalogue, and that its counts are exact, whichever plan it chooses.
@Suite struct LoaderTests {
    @Test func countsCreatedUpdatedUnchangedAndDuplicates() async throws {
        try await ImportRun.with { run in
            let first = try await run("sku,name,description,active\nA,1,x,yes\nB,2,y,no\nb,3,z,yes\nC,4,,\n")
            #expect(first.rows.created == 3 && first.rows.duplicates == 1 && first.rows.read == 4)
            #expect(first.plan?.name == "copy")
            let second = try await run("sku,name,description,active\nA,1,x,yes\nB,3,z,yes\nD,5,,no\nC,changed,,\n")
            #expect(second.rows.created == 1)
            #expect(second.rows.unchanged == 1)
            #expect(second.rows.updated == 2, "B's spelling and C's name differ")
            #expect(try await run.products() == ["A|1|x|t", "B|3|z|t", "C|changed||t", "D|5||f"])
        }
    }

    @Test func unchangedRowsAreNotWritten() async throws {
        try await ImportRun.with { run in
            let text = "sku,name\n" + (0..<500).map { "P-\($0),Name \($0)\n" }.joined()
            try await run(text)
            let before = try await run.database.value(
                "SELECT string_agg(xmin::text || ctid::text || updated_at, ',' ORDER BY id) FROM products",
                as: String.self)
            let again = try await run(text)
            #expect(again.rows.unchanged == 500)
            #expect(again.plan?.name == "scan")
            let after = try await run.database.value(
                "SELECT string_agg(xmin::text || ctid::text || updated_at, ',' ORDER BY id) FROM products",
                as: String.self)
            #expect(before == after)
        }
    }

    @Test func fewRowsAreLookedUpByKey() async throws {
        try await ImportRun.with { run in
            try await run("sku,name\n" + (0..<2000).map { "P-\($0),Name \($0)\n" }.joined())
            try await run.database.execute("ANALYZE products")
            let end = try await run("sku,name\nP-1,Name 1\np-2,Name 2\nP-3,other\nNEW,n\nÄ,ä\n")
            #expect(end.plan?.name == "probe")
            #expect(end.rows.unchanged == 1 && end.rows.updated == 2 && end.rows.created == 2)
        }
    }

    @Test(arguments: [3, 3000]) func columnsThatTheFileLacksAreLeftAlone(size: Int) async throws {
        try await ImportRun.with { run in
            let filler = (0..<size).map { "F-\($0),,,\n" }.joined()
            try await run("sku,name,description,active\nA,Lamp,bright,no\nB,Cup,blue,yes\n" + filler)
            try await run.database.execute("ANALYZE products")
            let end = try await run("sku,name\nA,Light\nB,Cup\nN,New\n")
            #expect(end.rows.updated == 1 && end.rows.unchanged == 1 && end.rows.created == 1)
            let rest = try await run("sku,active\nA,\nB,no\n")
            #expect(rest.rows.unchanged == 1 && rest.rows.updated == 1, "a blank cell leaves active alone")
            let cleared = try await run("sku,description,active\nA, ,\n")
            #expect(cleared.rows.updated == 1, "a blank cell clears the description")
            #expect(
                try await run.products().filter { !$0.hasPrefix("F") } == ["A|Light||f", "B|Cup|blue|f", "N|New||t"])
        }
    }

    @Test func dryRunCountsAndChangesNothing() async throws {
        try await ImportRun.with { run in
            try await run("sku,name\nA,1\nB,2\n")
            let text = "sku,name\nA,1\nB,other\nC,3\n"
            let dry = try await run(text, dryRun: true)
            #expect(dry.state == .completed && dry.dryRun)
            #expect(try await run.products() == ["A|1||t", "B|2||t"])
            let real = try await run(text)
            #expect(real.rows == dry.rows)
        }
    }

    /// Keys that only the database can fold are read back in a second stream.
    @Test(arguments: TestDatabase.Locale.allCases) func keysOfAnyKindMeetTheirProducts(locale: TestDatabase.Locale)
        async throws
    {
        try await ImportRun.with(locale) { run in
            // The Kelvin sign's small letter is an ASCII one.
            let skus = ["kelvin-1", "KELVIN-2", "\u{212A}elvin-3", "ÄRGER", "straße", "ІЇ", "TITLE", "titel-i", "Ａ１"]
            func file(_ name: String, _ change: (String) -> String) -> String {
                "sku,name\n" + skus.map { "\(change($0)),\(name)\n" }.joined()
            }
            #expect(try await run(file("1") { $0 }).rows.created == skus.count)
            let same = try await run(file("1") { $0 })
            #expect(same.plan?.name == "scan" && same.rows.unchanged == skus.count)
            let lower = skus.map { $0.lowercased() }
            let expected = try await run.database.session.run { connection in
                try zip(skus, lower).count { pair in
                    try connection.query("SELECT lower(\(pair.0)) = lower(\(pair.1))")[0][0, as: Bool.self]
                }
            }
            let spelled = try await run(file("2") { $0.lowercased() })
            #expect(spelled.rows.updated == expected && spelled.rows.created == skus.count - expected)
        }
    }

    // MARK: Ids

    @Test func aFirstLoadReservesItsIDsAtOnce() async throws {
        try await ImportRun.with { run in
            let count = 12_000
            let end = try await run("sku,name\n" + (0..<count).map { "P-\($0),n\n" }.joined())
            #expect(end.rows.created == count)
            try await run.database.execute("INSERT INTO products (sku) VALUES ('after')")
            let ids = try await run.database.session.run { connection in
                let row = try connection.query(
                    "SELECT min(id), max(id), count(DISTINCT id) FROM products WHERE sku <> 'after'")[0]
                return [try row[0, as: Int.self], try row[1], try row[2]]
            }
            #expect(ids == [1, count, count])
            #expect(try await run.database.value("SELECT id FROM products WHERE sku = 'after'") == count + 1)
        }
    }

    @Test func idsAreDrawnOneByOneWhileAnotherTransactionDraws() async throws {
        try await ImportRun.with { run in
            let other = Session(run.database.conninfo)
            let release = Handoff<Void>()
            let holder = Task {
                try await other.run { connection in
                    try connection.transaction {
                        try connection.query("INSERT INTO products (sku) VALUES ('theirs')")
                        _ = release.take()
                    }
                }
            }
            try await run.waitUntil(
                """
                SELECT count(*) > 0 FROM pg_locks WHERE relation = 'products_id_seq'::regclass
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """)
            let end = try await run("sku,name\n" + (0..<12_000).map { "P-\($0),n\n" }.joined())
            release.put(())
            try await holder.value
            await other.close()
            #expect(end.state == .completed && end.rows.created == 12_000)
            #expect(try await run.database.value("SELECT count(DISTINCT id) FROM products") == 12_001)
        }
    }

    @Test func skusAreStoredByteForByte() async throws {
        try await ImportRun.with { run in
            let skus = [
                "0017", "90.750", "1E5", "cafe\u{301}", "café", "Ａ１", "=1+1", "' OR 1=1 --", "a\"b", "50%", "ﬁ",
            ]
            let text = "sku\n" + skus.map { "\" \($0.replacing("\"", with: "\"\""))\u{A0}\"\n" }.joined()
            #expect(try await run(text).rows.created == skus.count)
            let stored = try await run.database.session.run {
                try $0.query("SELECT sku FROM products").map { try $0[0, as: [UInt8].self] }
            }
            #expect(Set(stored) == Set(skus.map { Array($0.utf8) }))
        }
    }

    // MARK: Beside other sessions

    @Test func aConcurrentInsertNeitherFailsNorIsLost() async throws {
        try await ImportRun.with { run in
            let text = "sku,name\n" + (0..<4000).map { "P-\($0),mine\n" }.joined()
            // The other session inserts one of our SKUs, commits while our COPY waits for it.
            let other = Session(run.database.conninfo)
            try await run("sku,name\nX,x\n")
            let holder = Task {
                try await other.run { connection in
                    try connection.transaction {
                        try connection.query(
                            "INSERT INTO products (sku, name) VALUES ('p-2000', 'theirs'), ('Q', 'theirs')")
                        try connection.query("SELECT pg_sleep(1)")
                    }
                }
            }
            try await run.waitUntil(
                "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1)%' AND pid <> pg_backend_pid()"
            )
            let end = try await run(text)
            try await holder.value
            #expect(end.state == .completed)
            #expect(end.rows.created == 3999 && end.rows.updated == 1)
            #expect(end.plan?.merged == 4000)
            #expect(try await run.database.value("SELECT count(*) FROM products WHERE name = 'mine'") == 4000)
            #expect(try await run.database.value("SELECT name FROM products WHERE sku = 'Q'") == "theirs")
            await other.close()
        }
    }

    @Test(arguments: [false, true]) func aConcurrentDeleteAllLeavesNoHalfImport(asProbe: Bool) async throws {
        try await ImportRun.with { run in
            let count = asProbe ? 20 : 3000
            try await run("sku,name\n" + (0..<6000).map { "P-\($0),same\n" }.joined())
            try await run.database.execute("ANALYZE products")
            // A trigger holds the import between reading the catalogue and its end, until everything is deleted.
            let hold = try await holdImport(run)
            let text = "sku,name\n" + (0..<count).map { "P-\($0),same\n" }.joined() + "NEW-1,new\n"
            let running = Task { try await run(text) }
            try await run.waitUntil(LoaderTests.importIsHeld)
            try await run.withoutWaiting("DELETE FROM products")
            await hold.close()
            let end = try await running.value
            #expect(end.state == .completed)
            #expect(end.plan?.name == (asProbe ? "probe" : "scan"))
            #expect(try await run.products().count == count + 1, "all of the file is there, and nothing else")
            #expect(end.rows.created == count + 1 && end.rows.unchanged == 0)
        }
    }

    /// What the server knows about a table that is being emptied must not make it read all of it for every row.
    @Test(arguments: [false, true]) func manyChangesBesideADeleteAllTakeNoLonger(afterwards: Bool) async throws {
        try await ImportRun.with { run in
            let count = 20_000
            func file(_ name: String) -> String { "sku,name\n" + (0..<count).map { "P-\($0),\(name)\n" }.joined() }
            try await run(file("old"))
            try await run.database.execute("ANALYZE products")
            if afterwards {
                // Emptied, counted, filled again, and not counted since.
                try await run.database.execute("DELETE FROM products")
                try await run.database.execute("ANALYZE products")
                try await run(file("older"))
            }
            let hold = try await holdImport(run)
            let running = Task { try await run(file("new") + "NEW-1,new\n") }
            try await run.waitUntil(LoaderTests.importIsHeld)
            if !afterwards { try await run.withoutWaiting("DELETE FROM products") }
            let time = try await ContinuousClock().measure {
                await hold.close()
                let end = try await running.value
                #expect(end.rows.created == (afterwards ? 1 : count + 1))
                #expect(end.rows.updated == (afterwards ? count : 0))
            }
            #expect(try await run.database.value("SELECT count(*) FROM products WHERE name = 'new'") == count + 1)
            #expect(time < .seconds(20), "one batch alone would take longer")
        }
    }

    @Test func anotherSessionsEditDoesNotWait() async throws {
        try await ImportRun.with { run in
            try await run("sku,name\n" + (0..<3000).map { "P-\($0),same\n" }.joined() + "EDIT,1\n")
            let hold = try await holdImport(run)
            let text = "sku,name\n" + (0..<3000).map { "P-\($0),same\n" }.joined() + "EDIT,2\nNEW-1,new\n"
            let running = Task { try await run(text) }
            try await run.waitUntil(LoaderTests.importIsHeld)
            try await run.withoutWaiting("UPDATE products SET name = 'theirs' WHERE sku IN ('EDIT', 'P-5')")
            await hold.close()
            let end = try await running.value
            #expect(end.rows.updated == 1)
            #expect(
                try await run.database.value("SELECT name FROM products WHERE sku = 'EDIT'") == "2",
                "the import came last")
        }
    }

    @Test func aVanishedProductIsInsertedAgain() async throws {
        try await ImportRun.with { run in
            try await run("sku,name\nA,1\nB,1\nC,1\n")
            let hold = try await holdImport(run)
            let running = Task { try await run("sku,name\nA,2\nB,2\nC,2\nNEW-1,x\n") }
            try await run.waitUntil(LoaderTests.importIsHeld)
            try await run.withoutWaiting("DELETE FROM products WHERE sku = 'A'")
            try await run.withoutWaiting("UPDATE products SET sku = 'renamed' WHERE sku = 'B'")
            await hold.close()
            let end = try await running.value
            #expect(end.rows.updated == 1 && end.rows.created == 3)
            #expect(try await run.products() == ["A|2||t", "B|2||t", "C|2||t", "NEW-1|x||t", "renamed|1||t"])
        }
    }

    @Test func cancellingLeavesEverythingAsItWas() async throws {
        try await ImportRun.with { run in
            try await run("sku,name\nA,1\n")
            let hold = try await holdImport(run)
            let cancellation = ImportCancellation()
            let running = Task { try await run("sku,name\nA,2\nNEW-1,x\n", cancellation: cancellation) }
            try await run.waitUntil(LoaderTests.importIsHeld)
            cancellation.request()
            let end = try await running.value
            await hold.close()
            #expect(end.state == .cancelled)
            #expect(end.percent == 100)
            #expect(end.sha256?.count == 64)
            #expect(try await run.products() == ["A|1||t"])
            #expect(
                try await run.database.value("SELECT count(*) FROM pg_locks WHERE relation = 'products'::regclass") == 0
            )
        }
    }

    @Test func aTerminatedBackendIsTriedAgain() async throws {
        try await ImportRun.with { run in
            let hold = try await holdImport(run)
            let running = Task { try await run("sku,name\nA,2\nNEW-1,x\n") }
            try await run.waitUntil(LoaderTests.importIsHeld)
            try await run.database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY products%' AND datname = current_database()"
            )
            await hold.close()
            let end = try await running.value
            #expect(end.state == .completed)
            #expect(end.rows.created == 2)
            #expect(try await run.database.value("SELECT attempts::bigint FROM imports") == 2)
            #expect(try await run.database.value("SELECT crashes::bigint FROM imports") == 0)
        }
    }

    /// Stops the COPY of the product NEW-1, so that other sessions can act in the middle of an import, until the
    /// session that this gives back is closed.
    private func holdImport(_ run: ImportRun) async throws -> Session {
        let hold = Session(run.database.conninfo)
        try await hold.run {
            try $0.execute(
                script: """
                    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                        IF NEW.sku = 'NEW-1' THEN PERFORM pg_advisory_xact_lock_shared(4711); END IF; RETURN NEW; END $$;
                    CREATE TRIGGER hold BEFORE INSERT ON products FOR EACH ROW EXECUTE FUNCTION hold();
                    SELECT pg_advisory_lock(4711);
                    """)
        }
        return hold
    }

    private static let importIsHeld: SQL = """
        SELECT count(*) > 0 FROM pg_stat_activity
        WHERE query LIKE 'COPY products%' AND wait_event = 'advisory' AND datname = current_database()
        """
}
