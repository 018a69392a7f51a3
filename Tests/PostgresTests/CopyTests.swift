import Postgres
import Testing
import TestSupport

/// COPY in both directions ends with its scope, and the connection can be used afterwards.
@Suite(.serialized) struct CopyTests {
    private struct Mine: Error {}

    private func withTable(_ body: (TestDatabase) async throws -> Void) async throws {
        try await TestDatabase.with(migrated: false) { database in
            try await database.execute("CREATE TABLE t (n bigint PRIMARY KEY, word text)")
            try await body(database)
        }
    }

    private static let copyText: SQL = "COPY t FROM STDIN"
    private static let copyBinary: SQL = "COPY t FROM STDIN (FORMAT binary)"

    // MARK: In

    @Test func textGoesIn() async throws {
        try await withTable { database in
            try await database.session.run { connection in
                let count = try connection.copyIn(CopyTests.copyText) { writer in
                    try writer.write("1\to")
                    try writer.write("ne\n")
                    try writer.write("")
                    try writer.write("2\t\\N\n3\té\\n\n")
                }
                #expect(count == 3)
                let rows = try connection.query("SELECT word FROM t ORDER BY n")
                #expect(try rows.map { try $0[optional: 0, as: String.self] } == ["one", nil, "é\n"])
                #expect(try connection.copyIn(CopyTests.copyText) { _ in } == 0)
            }
        }
    }

    @Test func binaryGoesInAndOut() async throws {
        try await withTable { database in
            try await database.session.run { connection in
                var bytes = BinaryCopy.header
                for number in 1...1000 { bytes += BinaryCopy.row(number, "word \(number)") }
                bytes += BinaryCopy.trailer
                #expect(try connection.copyIn(CopyTests.copyBinary) { try $0.write(bytes) } == 1000)

                var back: [[UInt8]] = []
                try connection.copyOut("COPY (SELECT * FROM t ORDER BY n) TO STDOUT (FORMAT binary)") {
                    back.append(Array($0))
                }
                // The header comes with the first row, then a row a message, then the trailer.
                #expect(back.count == 1001)
                #expect(back.first == BinaryCopy.header + BinaryCopy.row(1, "word 1"))
                #expect(back.last == BinaryCopy.trailer)
                #expect(Array(back.joined()) == bytes)
            }
        }
    }

    @Test func whatThrowsInTheMiddleStoresNothing() async throws {
        try await withTable { database in
            try await database.session.run { connection in
                try caught(Mine.self) {
                    _ = try connection.copyIn(CopyTests.copyText) { writer in
                        try writer.write("1\tone\n2\ttw")
                        throw Mine()
                    }
                }
                #expect(!connection.isInTransaction)
                #expect(try connection.query("SELECT count(*) FROM t")[0][0] == 0)
            }
        }
    }

    @Test func aRowThatTheServerRefusesIsAnErrorHoweverMuchFollows() async throws {
        try await withTable { database in
            let filler = (1000..<30_000).map { "\($0)\t\(String(repeating: "x", count: 300))\n" }.joined()
            try await database.session.run { connection in
                for (rows, state) in [("1\ta\n1\tb\n", "23505"), ("x\ta\n", "22P02"), ("1\ta\tb\n", "22P04")] {
                    let error = try caught(PostgresError.self) {
                        _ = try connection.copyIn(CopyTests.copyText) { writer in
                            try writer.write(rows)
                            for _ in 0..<3 { try writer.write(filler) }
                        }
                    }
                    #expect(error.sqlState == state)
                    #expect(error.remedy == .final)
                    #expect(try connection.query("SELECT count(*) FROM t")[0][0] == 0)
                }
            }
        }
    }

    @Test func binaryDataThatStopsShortIsAnError() async throws {
        try await withTable { database in
            try await database.session.run { connection in
                let bytes = BinaryCopy.header + BinaryCopy.row(1, "one")
                for piece in [bytes.dropLast(), [1, 2, 3], BinaryCopy.header.dropLast() + [9]] as [[UInt8]] {
                    let error = try caught(PostgresError.self) {
                        _ = try connection.copyIn(CopyTests.copyBinary) { try $0.write(piece) }
                    }
                    #expect(error.remedy == .final, "\(error.debugDescription)")
                    #expect(try connection.query("SELECT count(*) FROM t")[0][0] == 0)
                }
            }
        }
    }

    @Test func aTransactionGoesOnAfterACopyInASavepointFailed() async throws {
        try await withTable { database in
            try await database.session.run { connection in
                try connection.transaction {
                    #expect(try connection.copyIn(CopyTests.copyText) { try $0.write("1\tone\n") } == 1)
                    for text in ["1\tagain\n", "2\tx\n"] {
                        try caught((any Error).self) {
                            try connection.savepoint {
                                _ = try connection.copyIn(CopyTests.copyText) { writer in
                                    try writer.write(text)
                                    if text.hasPrefix("2") { throw Mine() }
                                }
                            }
                        }
                    }
                    #expect(try connection.copyIn(CopyTests.copyText) { try $0.write("3\tthree\n") } == 1)
                }
                #expect(try connection.query("SELECT n FROM t ORDER BY n").map { try $0[0, as: Int.self] } == [1, 3])
            }
        }
    }

    @Test func cancellationInTheMiddleStoresNothing() async throws {
        try await withTable { database in
            let session = Session(database.conninfo)
            let written = Shared(0)
            let work = Task {
                try await session.run { connection in
                    try connection.transaction {
                        _ = try connection.copyIn(CopyTests.copyText) { writer in
                            while true {
                                written.change { $0 += 1 }
                                try writer.write("\(written.value)\tword\n")
                            }
                        }
                    }
                }
            }
            try await eventually { written.value > 10_000 }
            let time = try await ContinuousClock().measure {
                work.cancel()
                try await thrown(CancellationError.self) { try await work.value }
            }
            #expect(time < .seconds(1))
            try await database.expectNothingLeft()
            #expect(try await session.value("SELECT count(*) FROM t") == 0)
        }
    }

    @Test func aServerThatDiesInTheMiddleBreaksTheConnectionOnly() async throws {
        try await withTable { database in
            let session = Session(database.conninfo)
            let error = try await postgresError {
                try await session.run { connection in
                    let process = connection.serverProcess
                    _ = try connection.copyIn(CopyTests.copyText) { writer in
                        try writer.write("1\tone\n")
                        try Connection(database.conninfo).query("SELECT pg_terminate_backend(\(process)::int, 5000)")
                        for number in 2..<100_000 { try writer.write("\(number)\tword\n") }
                    }
                }
            }
            #expect(error.remedy == .reconnect, "\(error.debugDescription)")
            #expect(try await session.value("SELECT count(*) FROM t") == 0)
        }
    }

    @Test func aStatementOfAnotherKindIsRefused() async throws {
        try await withTable { database in
            let wrong: [SQL] = ["SELECT 1", "COPY t TO STDOUT", "COPY absent FROM STDIN", "nonsense"]
            for sql in wrong {
                try await thrown(PostgresError.self) {
                    try await database.session.run { _ = try $0.copyIn(sql) { _ in Issue.record("no COPY runs") } }
                }
                try await database.execute("SELECT 1")
            }
            for sql in ["SELECT 1", CopyTests.copyText, "COPY absent TO STDOUT"] {
                try await thrown(PostgresError.self) {
                    try await database.session.run { try $0.copyOut(sql) { _ in Issue.record("no COPY runs") } }
                }
                try await database.execute("SELECT 1")
            }
        }
    }

    // MARK: Out

    @Test func textComesOutLineByLine() async throws {
        try await TestDatabase.with(migrated: false) { database in
            try await database.session.run { connection in
                var lines: [String] = []
                try connection.copyOut("COPY (VALUES (1, 'a'), (2, NULL)) TO STDOUT") {
                    lines.append(String(decoding: $0, as: UTF8.self))
                }
                #expect(lines == ["1\ta\n", "2\t\\N\n"])
                try connection.copyOut("COPY (SELECT 1 WHERE false) TO STDOUT") { _ in Issue.record("no row is there") }
                #expect(try connection.query("SELECT 1").count == 1)
            }
        }
    }

    @Test(arguments: [1, 20_000_000])
    func whatThrowsInTheMiddleEndsTheOutput(rows: Int) async throws {
        try await TestDatabase.with(migrated: false) { database in
            let sql = SQL(verbatim: "COPY (SELECT generate_series(1, \(rows)), repeat('x', 100)) TO STDOUT")
            try await database.session.run { connection in
                let time = try ContinuousClock().measure {
                    try caught(Mine.self) { try connection.copyOut(sql) { _ in throw Mine() } }
                }
                #expect(time < .seconds(1), "all of it was read")
                #expect(!connection.isInTransaction && !connection.isBroken)
                for number in 0..<20 { #expect(try connection.query("SELECT \(number)")[0][0] == number) }
            }
        }
    }

    @Test func anErrorOfTheServerInTheMiddleComesOut() async throws {
        try await TestDatabase.with(migrated: false) { database in
            try await database.session.run { connection in
                var rows = 0
                let error = try caught(PostgresError.self) {
                    let sql: SQL = "COPY (SELECT 1 / (1000 - n) FROM generate_series(1, 5000) AS n) TO STDOUT"
                    try connection.copyOut(sql) { _ in rows += 1 }
                }
                #expect(error.sqlState == "22012")
                #expect(rows < 1000)
                #expect(try connection.query("SELECT 1").count == 1)
            }
        }
    }

    @Test func cancellationEndsTheOutput() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let session = Session(database.conninfo)
            let rows = Shared(0)
            let work = Task {
                try await session.run { connection in
                    try connection.copyOut("COPY (SELECT generate_series(1, 1000000000)) TO STDOUT") { _ in
                        rows.change { $0 += 1 }
                    }
                }
            }
            try await eventually { rows.value > 1000 }
            let time = try await ContinuousClock().measure {
                work.cancel()
                try await thrown(CancellationError.self) { try await work.value }
            }
            #expect(time < .seconds(1))
            #expect(try await session.value("SELECT 1") == 1)
        }
    }

    @Test(arguments: [false, true])
    func aServerThatDiesDuringTheOutputNeverHangsUs(bodyThrows: Bool) async throws {
        try await TestDatabase.with(migrated: false) { database in
            let session = Session(database.conninfo)
            try await thrown((any Error).self) {
                try await session.run { connection in
                    let process = connection.serverProcess
                    var isFirst = true
                    try connection.copyOut("COPY (SELECT generate_series(1, 3000000)) TO STDOUT") { _ in
                        guard isFirst else { return }
                        isFirst = false
                        try Connection(database.conninfo).query("SELECT pg_terminate_backend(\(process)::int)")
                        if bodyThrows { throw Mine() }
                    }
                }
            }
            #expect(try await session.value("SELECT 1") == 1)
        }
    }
}

extension CopyWriter {
    fileprivate func write(_ text: String) throws { try write(Array(text.utf8)) }
    fileprivate func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }
}

/// PostgreSQL's binary COPY format, for rows of a number and a word.
private enum BinaryCopy {
    static let header: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [UInt8](repeating: 0, count: 8)
    static let trailer: [UInt8] = [0xFF, 0xFF]

    static func row(_ number: Int, _ word: String) -> [UInt8] {
        [0, 2] + big(UInt32(8)) + big(UInt64(number)) + big(UInt32(word.utf8.count)) + Array(word.utf8)
    }

    private static func big(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }
}
