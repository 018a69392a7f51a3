import Postgres
import Testing
import TestSupport

/// Transactions and savepoints end with their scope, whatever ends it.
@Suite(.serialized) struct TransactionTests {
    private struct Mine: Error {}

    private func withTable(_ body: (TestDatabase) async throws -> Void) async throws {
        try await TestDatabase.with(migrated: false) { database in
            try await database.execute("CREATE TABLE t (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            try await body(database)
        }
    }

    private func rows(_ database: TestDatabase) async throws -> Int {
        try await database.value("SELECT count(*) FROM t")
    }

    @Test func whatReturnsIsCommitted() async throws {
        try await withTable { database in
            let answer = try await database.session.run { connection in
                let answer = try connection.transaction {
                    try connection.query("INSERT INTO t VALUES (1)")
                    #expect(connection.isInTransaction)
                    return "done"
                }
                #expect(!connection.isInTransaction)
                return answer
            }
            #expect(answer == "done")
            #expect(try await rows(database) == 1)
        }
    }

    @Test func whatThrowsIsRolledBack() async throws {
        try await withTable { database in
            try await database.session.run { connection in
                try caught(Mine.self) {
                    try connection.transaction {
                        try connection.query("INSERT INTO t VALUES (1)")
                        throw Mine()
                    }
                }
                let error = try caught(PostgresError.self) {
                    try connection.transaction {
                        try connection.query("INSERT INTO t VALUES (2)")
                        try connection.query("SELECT 1/0")
                    }
                }
                #expect(error.sqlState == "22012")
                #expect(!connection.isInTransaction)
                #expect(try connection.query("SELECT count(*) FROM t")[0][0] == 0)
            }
        }
    }

    /// The server answers COMMIT with a rollback then, and libpq calls that a success.
    @Test func anErrorThatWasSwallowedIsNoSuccess() async throws {
        try await withTable { database in
            try await database.session.run { connection in
                let error = try caught(PostgresError.self) {
                    try connection.transaction {
                        try connection.query("INSERT INTO t VALUES (1)")
                        _ = try? connection.query("SELECT 1/0")
                    }
                }
                #expect(error.sqlState == "25P02")
                #expect(!connection.isInTransaction)
                #expect(try connection.query("SELECT count(*) FROM t")[0][0] == 0)
            }
        }
    }

    @Test func anInnerTransactionCannotCommitTheOuterOne() async throws {
        try await withTable { database in
            try await database.session.run { connection in
                let error = try caught(PostgresError.self) {
                    try connection.transaction {
                        try connection.query("INSERT INTO t VALUES (1)")
                        try connection.transaction { _ = try connection.query("INSERT INTO t VALUES (2)") }
                    }
                }
                #expect(error.sqlState == "25001")
                #expect(try connection.query("SELECT count(*) FROM t")[0][0] == 0)
            }
        }
    }

    @Test func whatCommitRefusesIsAnErrorOfTheTransaction() async throws {
        try await withTable { database in
            try await database.session.run { connection in
                let error = try caught(PostgresError.self) {
                    try connection.transaction { _ = try connection.query("INSERT INTO t VALUES (1), (1)") }
                }
                #expect(error.isUniqueViolation == true)
                #expect(try connection.query("SELECT count(*) FROM t")[0][0] == 0)
            }
        }
    }

    // MARK: Savepoints

    @Test func aSavepointUndoesOnlyItsOwn() async throws {
        try await withTable { database in
            try await database.session.run { connection in
                try connection.transaction {
                    try connection.query("INSERT INTO t VALUES (1)")
                    try caught(PostgresError.self) {
                        try connection.savepoint {
                            try connection.query("INSERT INTO t VALUES (2)")
                            try connection.query("SELECT 1/0")
                        }
                    }
                    try caught(Mine.self) {
                        try connection.savepoint {
                            try connection.savepoint { _ = try connection.query("INSERT INTO t VALUES (3)") }
                            throw Mine()
                        }
                    }
                    try caught(PostgresError.self) {
                        try connection.savepoint { _ = try? connection.query("SELECT 1/0") }
                    }
                    try connection.savepoint { _ = try connection.query("INSERT INTO t VALUES (4)") }
                }
                #expect(try connection.query("SELECT n FROM t ORDER BY n").map { try $0[0, as: Int.self] } == [1, 4])
            }
        }
    }

    // MARK: Cancellation

    @Test func cancellationRollsBackAndLeavesNothingBehind() async throws {
        try await withTable { database in
            let session = Session(database.conninfo)
            let work = Task {
                try await session.run { connection in
                    try connection.transaction {
                        try connection.query("INSERT INTO t VALUES (1)")
                        try connection.query("LOCK TABLE t")
                        try connection.query("SELECT pg_sleep(60)")
                    }
                }
            }
            try await database.waitUntilRunning("pg_sleep(60)")
            let time = try await ContinuousClock().measure {
                work.cancel()
                try await thrown(CancellationError.self) { try await work.value }
            }
            #expect(time < .seconds(1))
            try await database.expectNothingLeft()
            #expect(try await rows(database) == 0)
            try await session.run { connection in
                try connection.transaction { _ = try connection.query("INSERT INTO t VALUES (2)") }
            }
            #expect(try await rows(database) == 1)
        }
    }

    @Test func cancellationIsSeenBeforeCommit() async throws {
        try await withTable { database in
            let session = Session(database.conninfo)
            let work = Task {
                try await session.run { connection in
                    try connection.transaction {
                        try connection.query("INSERT INTO t VALUES (1)")
                        _ = try? connection.query("SELECT pg_sleep(60)")
                    }
                }
            }
            try await database.waitUntilRunning("pg_sleep(60)")
            work.cancel()
            try await thrown(CancellationError.self) { try await work.value }
            #expect(try await rows(database) == 0)
            try await database.expectNothingLeft()
        }
    }

    @Test func cancellingACommitThatWaitsRollsBack() async throws {
        try await withTable { database in
            try await makeCommit(database, run: "pg_sleep(60)")
            let session = Session(database.conninfo)
            let work = Task {
                try await session.run { connection in
                    try connection.transaction { _ = try connection.query("INSERT INTO t VALUES (1)") }
                }
            }
            try await database.waitUntilRunning("COMMIT")
            work.cancel()
            try await thrown(CancellationError.self) { try await work.value }
            #expect(try await rows(database) == 0)
            try await database.expectNothingLeft()
        }
    }

    // MARK: COMMIT without an answer

    @Test func aServerProcessThatDiesDuringCommitLeavesTheResultUnknown() async throws {
        try await withTable { database in
            try await makeCommit(database, run: "pg_terminate_backend(pg_backend_pid())")
            let session = Session(database.conninfo)
            let unknown = try await thrown(CommitUnknown.self) {
                try await session.run { connection in
                    try connection.transaction { _ = try connection.query("INSERT INTO t VALUES (1)") }
                }
            }
            #expect(unknown.underlying.remedy == .reconnect, "\(unknown.underlying.debugDescription)")
            #expect(try await session.value("SELECT count(*) FROM t") == 0)
            await session.close()
            try await database.expectNothingLeft()
        }
    }

    @Test(arguments: [(WireServer.Cut.beforeCommit, 0), (.afterCommit, 1)])
    func aConnectionCutDuringCommitLeavesTheResultUnknown(cut: WireServer.Cut, committed: Int) async throws {
        try await withTable { database in
            try await withTemporaryFolder { folder in
                let socket = "\(try #require(database.keywords["host"]))/.s.PGSQL.\(database.keywords["port"] ?? "")"
                let wire = try WireServer.cutting(cut, folder: folder, upstream: socket)
                let name = try #require(database.keywords["dbname"])
                let session = Session(wire.conninfo.replacing("dbname=importer", with: "dbname=\(name)"))
                try await thrown(CommitUnknown.self) {
                    try await session.run { connection in
                        try connection.transaction { _ = try connection.query("INSERT INTO t VALUES (1)") }
                    }
                }
                // The row tells, on a connection that is new.
                #expect(try await session.value("SELECT count(*) FROM t") == committed)
                await session.close()
                try await database.expectNothingLeft()
            }
        }
    }

    @Test func aConnectionThatBreaksBeforeCommitIsNoUnknownCommit() async throws {
        try await withTable { database in
            let error = try await postgresError {
                try await database.session.run { connection in
                    try connection.transaction {
                        try connection.query("INSERT INTO t VALUES (1)")
                        _ = try? connection.query("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)")
                    }
                }
            }
            #expect(error.remedy == .reconnect)
            #expect(try await rows(database) == 0)
        }
    }

    /// A deferred constraint trigger, which runs within COMMIT.
    private func makeCommit(_ database: TestDatabase, run call: String) async throws {
        try await database.session.run { connection in
            try connection.execute(
                script: SQL(
                    verbatim: """
                        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$
                            BEGIN PERFORM \(call); PERFORM pg_sleep(5); RETURN NULL; END $$;
                        CREATE CONSTRAINT TRIGGER c AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
                            FOR EACH ROW EXECUTE FUNCTION f();
                        """))
        }
    }
}
