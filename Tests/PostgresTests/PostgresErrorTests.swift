import Postgres
import Testing
import TestSupport

/// Which errors are tried again, and what an error tells.
@Suite struct PostgresErrorTests {
    @Test(arguments: [
        ("40001", PostgresError.Remedy.retry), ("40P01", .retry), ("55P03", .retry), ("53100", .retry),
        ("53200", .retry), ("53300", .retry), ("58030", .retry), ("08000", .reconnect), ("08006", .reconnect),
        ("57P01", .reconnect), ("57P02", .reconnect), ("57P03", .reconnect), ("57P05", .reconnect),
        ("25P03", .reconnect), ("25P04", .reconnect), ("28P01", .reconnect), ("28000", .reconnect),
        ("3D000", .reconnect), ("23505", .final), ("22021", .final), ("42601", .final), ("42P01", .final),
        ("57014", .final), ("57P04", .final), ("54000", .final), ("XX000", .final), ("25P02", .final),
    ])
    func eachStateHasItsRemedy(sqlState: String, remedy: PostgresError.Remedy) {
        let error = PostgresError(sqlState: sqlState, message: "m")
        #expect(error.remedy == remedy)
        #expect(error.isTransient == (remedy != .final))
    }

    @Test func theServersWordsAreKeptApart() async throws {
        try await TestDatabase.with { database in
            let error = try await postgresError {
                try await database.execute("INSERT INTO products (sku) VALUES ('a'), ('A')")
            }
            #expect(error.isUniqueViolation)
            #expect(error.constraint == "ux_products_sku_lower")
            #expect(error.description == error.message)
            #expect(!error.description.contains("already exists"), "the detail names data and is for the log")
            #expect(error.detail?.contains("already exists") == true)
            #expect(error.debugDescription.hasPrefix("PostgresError(23505): duplicate key"))
        }
    }

    /// An unnoticed error would leave the connection unusable for the next statement.
    @Test func aConnectionGoesOnAfterAnError() async throws {
        try await TestDatabase.with(migrated: false) { database in
            try await database.session.run { connection in
                for statement: SQL in ["SELEC 1", "SELECT 1/0", "SELECT * FROM absent", "SELECT '\("\0")'"] {
                    try caught(PostgresError.self) { try connection.query(statement) }
                    #expect(try connection.query("SELECT 1")[0][0] == 1)
                }
            }
        }
    }
}
