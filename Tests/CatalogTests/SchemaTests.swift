import Catalog
import Postgres
import Testing
import TestSupport

@Suite(.serialized) struct SchemaTests {
    @Test func migratesOnce() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let first = try await database.session.run { try Schema.migrate($0) }
            #expect(first.starts(with: ["products", "imports"]))
            #expect(try await database.session.run { try Schema.migrate($0) }.isEmpty)
            #expect(try await database.value("SELECT max(version) FROM schema_migrations") == Schema.currentVersion)
            #expect(try await database.value("SELECT count(*) FROM schema_migrations") == first.count)
        }
    }

    @Test func processesThatMigrateAtOnceTakeTurns() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let applied = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<6 { group.addTask { try await Session(database.conninfo).run { try Schema.migrate($0) } } }
                var applied: [String] = []
                for try await names in group { applied += names }
                return applied
            }
            #expect(applied.count == Set(applied).count, "each migration is applied by one of them: \(applied)")
            #expect(try await database.value("SELECT count(*) FROM schema_migrations") == applied.count)
            #expect(try await advisoryLocks(database) == 0)
        }
    }

    @Test func aMigrationThatFailsLeavesNothingHalfDone() async throws {
        try await TestDatabase.with(migrated: false) { database in
            try await database.execute("CREATE TABLE imports (n int)")
            let error = try await thrown(PostgresError.self) {
                try await database.session.run { _ = try Schema.migrate($0) }
            }
            #expect(error.sqlState == "42P07")
            #expect(try await database.value("SELECT max(version) FROM schema_migrations") == 1)
            #expect(try await advisoryLocks(database) == 0)
            try await database.execute("DROP TABLE imports")
            #expect(try await database.session.run { try Schema.migrate($0) }.first == "imports")
        }
    }

    @Test func aNewerSchemaIsLeftAlone() async throws {
        try await TestDatabase.with { database in
            try await database.execute("INSERT INTO schema_migrations (version, name) VALUES (\(999)::int, 'later')")
            let error = try await thrown(SchemaError.self) {
                try await database.session.run { _ = try Schema.migrate($0) }
            }
            #expect(error.description.contains("999") && error.description.contains("newer product-importer"))
            #expect(try await advisoryLocks(database) == 0)
        }
    }

    @Test func aDatabaseThatIsNotUTF8IsRefused() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let name = try await database.value("SELECT current_database()", as: String.self)
            let other = "\(name)_ascii"
            func script(_ text: String) async throws {
                try await database.session.run { try $0.execute(script: SQL(verbatim: text)) }
            }
            try await script("CREATE DATABASE \(other) TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
            let session = Session(database.conninfo.replacing("dbname=\(name)", with: "dbname=\(other)"))
            let error = try await thrown(SchemaError.self) { try await session.run { _ = try Schema.migrate($0) } }
            #expect(error.description.contains("SQL_ASCII") && error.description.contains("ENCODING 'UTF8'"))
            let isEmpty = try await session.run { connection in
                try connection.query("SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace").isEmpty
            }
            #expect(isEmpty)
            await session.close()
            try await script("DROP DATABASE \(other) WITH (FORCE)")
        }
    }

    private func advisoryLocks(_ database: TestDatabase) async throws -> Int {
        try await database.value(
            """
            SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """)
    }

    @Test func theUniqueIndexGuardsEveryWriter() async throws {
        try await TestDatabase.with { database in
            try await database.execute("INSERT INTO products (sku) VALUES ('Abc-É')")
            let error = try await thrown(PostgresError.self) {
                try await database.execute("INSERT INTO products (sku) VALUES ('aBC-é')")
            }
            #expect(error.constraint == "ux_products_sku_lower")
            let empty = try await thrown(PostgresError.self) {
                try await database.execute("INSERT INTO products (sku) VALUES ('')")
            }
            #expect(empty.sqlState == "23514")
            let row = try await database.value(
                "SELECT name || '|' || description || '|' || active FROM products", as: String.self)
            #expect(row == "||true")
        }
    }
}

// Not `#expect(throws:) { … }`: Swift 6.3 mixes up its closure and its neighbours' when both stand in one closure.

/// The error of this kind that `body` ends with.
@discardableResult
func thrown<Failure: Error, Output>(
    _ type: Failure.Type, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Output
) async throws -> Failure {
    do {
        _ = try await body()
    } catch let error as Failure {
        return error
    }
    return try #require(nil, "no error was thrown", sourceLocation: sourceLocation)
}
