import Glibc
import Postgres
import Testing
import TestSupport

/// Opening connections, and what is told when that fails.
@Suite(.serialized) struct ConnectionTests {
    @Test func connectsByKeywordsAndByURL() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let keywords = database.keywords
            let name = try #require(keywords["dbname"])
            let socket = try #require(keywords["host"]?.replacing("/", with: "%2F"))
            let url = "postgresql://importer@\(socket):\(keywords["port"] ?? "")/\(name)?application_name=by%20url"
            for (conninfo, application) in [(database.conninfo, "product-importer"), (url, "by url")] {
                let answer = try await Session(conninfo).run { connection in
                    let row = try connection.query("SELECT current_database(), current_setting('application_name')")[0]
                    return [try row[0, as: String.self], try row[1]]
                }
                #expect(answer == [name, application])
            }
        }
    }

    @Test func textIsUTF8WhateverTheSettingsSay() async throws {
        try await TestDatabase.with(migrated: false) { database throws in
            let session = Session(database.conninfo + " client_encoding=LATIN1")
            #expect(try await session.value("SELECT 'š'") == "š")
            #expect(try await session.run { $0.serverEncoding } == "UTF8")
        }
    }

    @Test func whereNobodyListensOneCanTryAgain() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let wrong = [
                "host=/nonexistent dbname=x", "host=127.0.0.1 port=1 dbname=x", database.conninfo + " port=1",
                "host=name.invalid dbname=x",
            ]
            for conninfo in wrong {
                let error = try await postgresError { try await Session(conninfo).run { _ in } }
                #expect(error.sqlState == "08001")
                #expect(error.remedy == .reconnect)
                #expect(!error.message.contains("\n") && !error.message.isEmpty)
            }
        }
    }

    @Test func whatAPersonCanMendIsTriedAgain() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let wrong = [("dbname=absent", "3D000"), ("user=somebody", "28P01")]
            for (setting, state) in wrong {
                let error = try await postgresError {
                    try await Session("\(database.conninfo) \(setting)").run { _ in }
                }
                #expect(error.sqlState == state, "\(error.debugDescription)")
                #expect(error.remedy == .reconnect)
            }
        }
    }

    @Test(arguments: [
        ("28P01", "password authentication failed for user \"importer\"", "28P01", PostgresError.Remedy.reconnect),
        ("28000", "no pg_hba.conf entry for host \"1.2.3.4\"", "28000", .reconnect),
        ("53300", "sorry, too many clients already", "53300", .retry),
        ("57P03", "the database system is starting up", "57P03", .reconnect),
        ("57P03", "the database system is shutting down", "57P03", .reconnect),
        ("57P03", "the database system is in recovery mode", "57P03", .reconnect),
        ("XX000", "something else", "08001", .reconnect),
    ])
    func aRefusalTellsWhatToDo(
        sqlState: String, message: String, expected: String, remedy: PostgresError.Remedy
    ) async throws {
        try await withTemporaryFolder { folder in
            let server = try WireServer.refusing(folder: folder, sqlState: sqlState, message: message)
            let error = try await postgresError { try await Session(server.conninfo).run { _ in } }
            #expect(error.sqlState == expected)
            #expect(error.remedy == remedy)
            #expect(error.message.contains(message), "\(error)")
        }
    }

    @Test(arguments: [
        "nonsense=1", "host=a port", "host='a", "postgresql://[::1", "postgresql://[::1]x/db", "postgresql://h/d?x=%zz",
        "postgresql://h/d?word", "postgresql://h/d?pasword=secret", "port=99999", "sslmode=maybe", "port=x host=h",
        "postgresql://user:sec/ret@host/db", "postgresql://user:secret@[::1/db",
    ])
    func settingsThatCannotBeReadAreFinalAndKeptSecret(conninfo: String) async throws {
        let error = try await postgresError { try await Session(conninfo).run { _ in } }
        #expect(error.sqlState == "42601", "\(error)")
        #expect(error.remedy == .final)
        #expect(!error.message.contains("sec"), "\(error)")
    }

    @Test func theNameOfAnUnknownOptionIsTold() async throws {
        for conninfo in ["pasword=secret", "postgresql://h/d?pasword=secret"] {
            let error = try await postgresError { try await Session(conninfo).run { _ in } }
            #expect(error.message.contains("\"pasword\""), "\(error)")
        }
    }

    /// Each name of a host may take ten seconds unless the settings say otherwise.
    @Test func theSettingsDecideHowLongAConnectMayTake() async throws {
        try await withTemporaryFolder { folder in
            let silent = try WireServer(folder: folder) { _ in sleep(4) }
            let time = try await ContinuousClock().measure {
                let error = try await postgresError {
                    try await Session(silent.conninfo + " connect_timeout=2").run { _ in }
                }
                #expect(error.remedy == .reconnect)
            }
            #expect(time < .seconds(3.5))
        }
    }

    // MARK: Connecting again

    @Test func anIdleConnectionThatTheServerClosedIsReplacedUnnoticed() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let session = Session(database.conninfo)
            let first = try await session.run { $0.serverProcess }
            try await database.execute("SELECT pg_terminate_backend(\(first)::int, 5000)")
            let second = try await session.run { $0.serverProcess }
            #expect(first != second)
        }
    }

    @Test func aConnectionThatBreaksInUseIsReplacedByTheNextUse() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let session = Session(database.conninfo)
            let error = try await postgresError {
                try await session.run { connection in
                    defer { #expect(connection.isBroken) }
                    try connection.query("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)")
                }
            }
            // Which of the two is told depends on libpq's version.
            #expect(["57P01", "08006"].contains(error.sqlState), "\(error.debugDescription)")
            #expect(error.message.contains("terminating connection"))
            #expect(error.remedy == .reconnect)
            #expect(try await session.value("SELECT 1") == 1)
        }
    }

    /// libpq then tells of the write that failed, before it has read the end of the stream: the connection looks well.
    @Test(arguments: [10, 100_000])
    func aServerThatCrashedBetweenTwoStatementsIsABrokenConnection(bytes: Int) async throws {
        try await withTemporaryFolder { folder in
            let (die, died) = (WireServer.Signal(), WireServer.Signal())
            let server = try WireServer.crashing(folder: folder, when: die, then: died)
            let error = try await postgresError {
                try await Session(server.conninfo).run { connection in
                    die.send()
                    died.wait()
                    defer { #expect(connection.isBroken) }
                    try connection.query("SELECT \(String(repeating: "x", count: bytes))")
                }
            }
            #expect(error.sqlState == "08006", "\(error.debugDescription)")
        }
    }

    @Test func aConnectionWithAnOpenTransactionIsNeverHandedOn() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let session = Session(database.conninfo)
            try await database.execute("CREATE TABLE t (n int)")
            try await session.run { connection in
                try connection.query("BEGIN")
                try connection.query("INSERT INTO t VALUES (1)")
            }
            #expect(try await session.value("SELECT pg_current_xact_id_if_assigned() IS NULL"))
            #expect(try await database.value("SELECT count(*) FROM t") == 0)
            await session.close()
            try await database.expectNothingLeft()
        }
    }
}
