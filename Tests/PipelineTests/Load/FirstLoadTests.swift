import Catalog
@testable import Pipeline
import Postgres
import TestSupport
import Testing

/// A long load into an empty catalogue, which fills a table of its own and puts it in the place of `products`, unless
/// something would get lost by that or somebody is in the way.
@Suite struct FirstLoadTests {
    private static let count = 12_000
    private static let text = "sku,name\n" + (0..<count).map { "P-\($0),mine\n" }.joined() + "p-7,last\n"

    @Test func theNewTableIsLikeTheOldOne() async throws {
        try await ImportRun.with { run in
            try await run.database.execute("INSERT INTO products (sku) VALUES ('first'), ('second')")
            try await run.database.execute("TRUNCATE products")
            let (before, old) = (try await description(run), try await oid(run))
            let end = try await run(FirstLoadTests.text)
            #expect(end.rows.created == FirstLoadTests.count && end.rows.duplicates == 1)
            #expect(end.plan?.name == "copy" && end.plan?.seconds["index"] != nil)
            #expect(try await oid(run) != old, "the test is about another table")
            #expect(try await description(run) == before)
            #expect(try await run.database.value("SELECT name FROM products WHERE lower(sku) = 'p-7'") == "last")
            #expect(
                try await run.database.value("INSERT INTO products (sku) VALUES ('after') RETURNING id")
                    == FirstLoadTests.count + 4, "ids go on")
            await #expect(throws: PostgresError.self) {
                try await run.database.execute("INSERT INTO products (sku) VALUES ('P-8')")
            }
        }
    }

    /// Also by statements that were prepared before.
    @Test func otherSessionsFindTheNewTable() async throws {
        try await ImportRun.with { run in
            let other = Session(run.database.conninfo)
            let count: SQL = "SELECT count(*) FROM products WHERE lower(sku) COLLATE \"C\" = 'p-1'"
            #expect(try await other.run { try $0.query(count, prepared: true)[0][0] } == 0)
            try await run(FirstLoadTests.text)
            #expect(try await other.run { try $0.query(count, prepared: true)[0][0] } == 1)
            await other.close()
        }
    }

    @Test(
        arguments: [SQL]([
            "CREATE VIEW theirs AS SELECT sku FROM products",
            "GRANT SELECT ON products TO pg_monitor",
            "GRANT SELECT (sku) ON products TO pg_monitor",
            "GRANT USAGE ON SEQUENCE products_id_seq TO pg_monitor",
            "CREATE INDEX theirs ON products (name)",
            "CREATE PUBLICATION theirs FOR TABLE products",
            "CREATE TABLE theirs (product bigint REFERENCES products)",
            "CREATE POLICY theirs ON products USING (true)",
            "ALTER TABLE products SET (fillfactor = 90)",
            "ALTER TABLE products ALTER name SET STATISTICS 500",
            "COMMENT ON TABLE products IS 'theirs'",
            "ALTER TABLE products OWNER TO pg_monitor",
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor",
            "CREATE STATISTICS theirs ON name, active FROM products",
            "ALTER INDEX ux_products_sku_lower SET (fillfactor = 50)",
            """
            CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
            CREATE TRIGGER theirs AFTER INSERT ON products EXECUTE FUNCTION theirs()
            """,
        ])) func whatOthersBuiltOnTheTableStays(statement: SQL) async throws
    {
        try await ImportRun.with { run in
            try await run.database.session.run { try $0.execute(script: statement) }
            let before = try await oid(run)
            let end = try await run(FirstLoadTests.text)
            #expect(end.state == .completed && end.rows.created == FirstLoadTests.count)
            #expect(try await oid(run) == before)
            #expect(try await run.database.value("SELECT count(*) FROM products") == FirstLoadTests.count)
        }
    }

    /// Who began before the products were deleted still reads them, also when others have come in their place.
    @Test func anOlderSnapshotKeepsItsProducts() async throws {
        try await ImportRun.with { run in
            try await run("sku\nA\nB\n")
            let reader = Session(run.database.conninfo)
            let (begun, imported) = (Handoff<Void>(), Handoff<Void>())
            let holder = Task {
                try await reader.run { connection -> Int in
                    try connection.transaction {
                        try connection.execute(script: "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                        try connection.query("SELECT count(*) FROM imports")
                        begun.put(())
                        _ = imported.take()
                        return try connection.query("SELECT count(*) FROM products")[0][0]
                    }
                }
            }
            _ = await Task.detached { begun.take() }.value
            try await run.database.execute("DELETE FROM products")
            let end = try await run(FirstLoadTests.text)
            #expect(end.plan?.name == "copy" && end.rows.created == FirstLoadTests.count)
            imported.put(())
            #expect(try await holder.value == 2)
            await reader.close()
        }
    }

    /// Before the first row, and when all are there.
    @Test(arguments: ["CREATE TABLE", "CREATE INDEX"]) func whatTheServerRefusesIsDoneWithout(command: String)
        async throws
    {
        try await ImportRun.with { run in
            try await run.database.session.run {
                try $0.execute(
                    script: SQL(
                        verbatim: """
                            CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS
                                $$ BEGIN RAISE 'not here'; END $$;
                            CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('\(command)')
                                EXECUTE FUNCTION refuse()
                            """))
            }
            let before = try await oid(run)
            let end = try await run(FirstLoadTests.text)
            #expect(end.state == .completed && end.rows.created == FirstLoadTests.count && end.rows.duplicates == 1)
            #expect(try await oid(run) == before)
            #expect(try await run.database.value("SELECT count(DISTINCT id) FROM products") == FirstLoadTests.count)
        }
    }

    @Test func aProductThatSomebodyStoresMeanwhileIsNotLost() async throws {
        try await ImportRun.with { run in
            let before = try await oid(run)
            let end = try await beside(run) {
                try await run.withoutWaiting(
                    "INSERT INTO products (sku, name) VALUES ('p-9', 'theirs'), ('Q', 'theirs')")
            }
            #expect(end.rows.created == FirstLoadTests.count - 1 && end.rows.updated == 1)
            #expect(try await oid(run) == before)
            #expect(try await run.database.value("SELECT count(*) FROM products") == FirstLoadTests.count + 1)
            #expect(try await run.database.value("SELECT name FROM products WHERE sku = 'P-9'") == "mine")
            #expect(try await run.database.value("SELECT count(DISTINCT id) FROM products") == FirstLoadTests.count + 1)
        }
    }

    @Test func whatSomebodyBuildsMeanwhileStays() async throws {
        try await ImportRun.with { run in
            let before = try await oid(run)
            let end = try await beside(run) { try await run.withoutWaiting("GRANT SELECT ON products TO pg_monitor") }
            #expect(end.rows.created == FirstLoadTests.count)
            #expect(try await oid(run) == before)
            #expect(try await run.database.value("SELECT has_table_privilege('pg_monitor', 'products', 'SELECT')"))
        }
    }

    /// Neither does the import wait for a reader that does not end, nor others for the import.
    @Test func aReaderThatStaysIsNotWaitedFor() async throws {
        try await ImportRun.with { run in
            let reader = Session(run.database.conninfo)
            let release = Handoff<Void>()
            let reading = Handoff<Void>()
            let holder = Task {
                try await reader.run { connection in
                    try connection.transaction {
                        try connection.query("SELECT count(*) FROM products")
                        reading.put(())
                        _ = release.take()
                    }
                }
            }
            let before = try await oid(run)
            let end = try await beside(run) { _ = await Task.detached { reading.take() }.value }
            #expect(end.rows.created == FirstLoadTests.count)
            #expect(try await oid(run) == before)
            release.put(())
            try await holder.value
            await reader.close()
        }
    }

    @Test func aCancelledFirstLoadLeavesNothing() async throws {
        try await ImportRun.with { run in
            let cancellation = ImportCancellation()
            let end = try await beside(run, cancellation) { cancellation.request() }
            #expect(end.state == .cancelled)
            #expect(try await run.database.value("SELECT to_regclass('products_fresh') IS NULL"))
            #expect(try await run.products().isEmpty)
        }
    }

    // MARK: Helpers

    /// Imports, and does something else between the start of the new table and its first row.
    private func beside(
        _ run: ImportRun, _ cancellation: ImportCancellation = ImportCancellation(),
        _ body: () async throws -> Void
    ) async throws -> ImportProgress {
        let hold = Session(run.database.conninfo)
        try await hold.run {
            try $0.execute(
                script: """
                    CREATE FUNCTION hold() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
                        PERFORM pg_advisory_xact_lock_shared(4711); END $$;
                    CREATE EVENT TRIGGER hold ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION hold();
                    SELECT pg_advisory_lock(4711);
                    """)
        }
        let running = Task { try await run(FirstLoadTests.text, cancellation: cancellation) }
        try await run.waitUntil(
            """
            SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'CREATE TABLE products_fresh%'
                AND wait_event = 'advisory' AND datname = current_database()
            """)
        try await body()
        await hold.close()
        return try await running.value
    }

    private func oid(_ run: ImportRun) async throws -> Int {
        try await run.database.value("SELECT 'products'::regclass::oid::bigint")
    }

    /// Columns, constraints, indexes and sequence, by name.
    private func description(_ run: ImportRun) async throws -> [String] {
        try await run.database.session.run { connection in
            try connection.query(
                """
                SELECT concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
                    pg_get_expr(adbin, adrelid))
                FROM pg_attribute LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
                WHERE attrelid = 'products'::regclass AND attnum > 0
                UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
                WHERE conrelid = 'products'::regclass
                UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'products'::regclass
                UNION ALL SELECT pg_get_serial_sequence('products', 'id')
                ORDER BY 1
                """
            ).map { try $0[0] }
        }
    }
}
