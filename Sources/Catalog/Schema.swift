package import Postgres

/// The schema as ordered migrations. A migration that has been released never changes; the next one mends it.
package enum Schema {
    package struct Migration: Sendable {
        let version: Int
        let name: String
        let script: SQL
    }

    static let migrations: [Migration] = [
        .products,
        .imports,
        .webhooks,
        .wishes,
    ]

    package static var currentVersion: Int { migrations.last!.version }

    /// Brings the schema up to date, each migration in a transaction of its own, one process at a time.
    ///
    /// - Returns: the names of the migrations that were applied; none when the schema was up to date.
    /// - Throws: `SchemaError` when the database cannot hold the catalogue, `PostgresError` otherwise.
    @discardableResult
    package static func migrate(_ connection: Connection) throws -> [String] {
        guard connection.serverEncoding == "UTF8" else {
            throw SchemaError.encoding(connection.serverEncoding)
        }
        if try version(connection) == currentVersion { return [] }
        try connection.query("SELECT pg_advisory_lock(\(AdvisoryLock.migrations))")
        defer { _ = try? connection.query("SELECT pg_advisory_unlock(\(AdvisoryLock.migrations))") }
        try connection.query(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
            """)
        let applied = try version(connection)
        guard applied <= currentVersion else { throw SchemaError.newer(applied) }
        let pending = migrations.filter { $0.version > applied }
        for migration in pending {
            try connection.transaction {
                try connection.execute(script: migration.script)
                try connection.query(
                    "INSERT INTO schema_migrations (version, name) VALUES (\(migration.version), \(migration.name))")
            }
        }
        return pending.map(\.name)
    }

    /// The newest applied version; 0 in an empty database.
    private static func version(_ connection: Connection) throws -> Int {
        guard try connection.query("SELECT to_regclass('schema_migrations') IS NOT NULL")[0][0, as: Bool.self] else {
            return 0
        }
        return try connection.query("SELECT coalesce(max(version), 0)::bigint FROM schema_migrations")[0][0]
    }
}

/// Keys of the advisory locks that processes of this program share, away from those of other programs by their prefix.
package enum AdvisoryLock {
    /// "PImp" in the upper half.
    private static let base = 0x5049_6D70 << 32
    static let migrations = base | 1
    /// Held by the import that writes products: one at a time, so that the later drop wins and imports never deadlock.
    static let load = base | 2
}

package enum SchemaError: Error, CustomStringConvertible {
    case encoding(String)
    case newer(Int)

    package var description: String {
        switch self {
        case .encoding(let encoding):
            "The database is encoded in \(encoding), which cannot hold every product text. "
                + "Create one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0 and set DATABASE_URL to it."
        case .newer(let version):
            "The database has schema version \(version), but this program knows only \(Schema.currentVersion). "
                + "Run a newer product-importer."
        }
    }
}
