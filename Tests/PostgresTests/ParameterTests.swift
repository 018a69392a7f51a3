import FoundationEssentials
import Postgres
import Testing
import TestSupport

/// Values on their way to the server and back, in binary format.
@Suite(.serialized) struct ParameterTests {
    /// What comes back for a parameter that was sent alone.
    private func echo<Value: PostgresEncodable & PostgresDecodable & Sendable>(
        _ values: [Value], isolation: isolated (any Actor)? = #isolation
    ) async throws -> [Value] {
        try await TestDatabase.with(migrated: false) { database in
            try await database.session.run { connection in
                try values.map { try connection.query("SELECT \($0)")[0][0] }
            }
        }
    }

    @Test func textIsNeverStatementText() async throws {
        let texts = [
            "", "'", "''", "\"", "\\", "$1", "%s", "Robert'); DROP TABLE t;--", "a\u{301}", "\u{e9}", "\u{212A}",
            "\u{1F469}\u{200D}\u{1F4BB}", "\u{FEFF}x", "line\r\nline\n", "\u{1}\u{7F}\u{10FFFF}", "'; COMMIT; --",
        ]
        let back = try await echo(texts)
        #expect(back.map { Array($0.utf8) } == texts.map { Array($0.utf8) })

        try await TestDatabase.with(migrated: false) { database in
            try await database.execute("CREATE TABLE t (x text)")
            for text in texts { try await database.execute("INSERT INTO t VALUES (\(text))") }
            for text in texts {
                #expect(try await database.value("SELECT count(*) FROM t WHERE x = \(text)") == 1, "\(text)")
            }
        }
    }

    @Test func aZeroByteInTextIsRefusedForGood() async throws {
        let error = try await postgresError { _ = try await echo(["a\0b"]) }
        #expect(error.sqlState == "22021")
        #expect(error.remedy == .final)
    }

    @Test func numbersKeepAllTheirBits() async throws {
        let integers = [0, 1, -1, 255, 256, Int(Int32.max) + 1, .max, .min]
        #expect(try await echo(integers) == integers)
        let doubles = [0, -0.0, 0.1, .greatestFiniteMagnitude, .leastNonzeroMagnitude, .infinity, -.infinity, .nan]
        #expect(try await echo(doubles).map(\.bitPattern) == doubles.map(\.bitPattern))
        #expect(try await echo([true, false]) == [true, false])
    }

    @Test func integersOfAnyWidthAreRead() async throws {
        try await TestDatabase.with(migrated: false) { database in
            try await database.session.run { connection in
                let row = try connection.query("SELECT (-2)::int2, (-3)::int4, (-4)::int8, 1.5::numeric, 'ab'")[0]
                #expect(try [row[0], row[1], row[2]] == [-2, -3, -4])
                try caught(PostgresError.self) { try row[3, as: Int.self] }
                try caught(PostgresError.self) { try row[4, as: Bool.self] }
                try caught(PostgresError.self) { try row[4, as: UUID.self] }
                try caught(PostgresError.self) { try row[4, as: Date.self] }
                try caught(PostgresError.self) { try row[4, as: Double.self] }
            }
        }
    }

    @Test func bytesAreBytes() async throws {
        let values: [[UInt8]] = [[], [0], Array(0...255), Array("\\x00'".utf8)]
        #expect(try await echo(values) == values)
    }

    @Test func identifiersKeepTheirOrderOfBytes() async throws {
        let id = try #require(UUID(uuidString: "018BCFE5-68FA-7123-8456-0123456789AB"))
        #expect(try await echo([id]) == [id])
        try await TestDatabase.with(migrated: false) { database throws in
            #expect(try await database.value("SELECT \(id)::text") == id.uuidString.lowercased())
        }
    }

    @Test func nullIsNeitherEmptyNorZero() async throws {
        try await TestDatabase.with(migrated: false) { database in
            try await database.session.run { connection in
                let absent: String? = nil
                let row = try connection.query(
                    """
                    SELECT \(absent, as: .text), \(absent, as: .text) IS NULL, \(Int?.none, as: .int8), \("", as: .text)
                    """)[0]
                #expect(try row[optional: 0, as: String.self] == nil)
                #expect(try row[1] == true)
                #expect(try row[optional: 2, as: Int.self] == nil)
                #expect(try row[optional: 3] == "")
                #expect(row.bytes(0) == nil)
                #expect(row.bytes(3)?.isEmpty == true)
                let error = try caught(PostgresError.self) { try row[0, as: String.self] }
                #expect(error.sqlState == "22004")
            }
        }
    }

    // MARK: Dates

    /// From 1935 to 2068: a `Date` counts in fractions of a second from 2001, which are coarser farther away.
    @Test func datesKeepTheirMicroseconds() async throws {
        let microseconds =
            [0, 1, -1, 999_999, 1_700_000_000_123_456, 3_100_000_000_000_001, -1_100_000_000_000_001]
            + (0..<500).map { _ in Int.random(in: -1_100_000_000_000_000...3_100_000_000_000_000) }
        let dates = microseconds.map { Date(timeIntervalSince1970: Double($0) / 1_000_000) }
        try await TestDatabase.with(migrated: false) { database in
            try await database.session.run { connection in
                for (date, microseconds) in zip(dates, microseconds) {
                    let row = try connection.query(
                        """
                        SELECT \(date), (extract(epoch FROM \(date)) * 1000000)::bigint,
                            timestamptz 'epoch' + interval '1 second' * (\(microseconds) / 1000000)
                                + interval '1us' * (\(microseconds) % 1000000)
                        """)[0]
                    #expect(try row[1] == microseconds)
                    #expect(abs(try row[0, as: Date.self].timeIntervalSince(date)) < 4e-7)
                    #expect(try row[2, as: Date.self] == row[0])
                }
            }
        }
    }

    @Test func whatNoDateCanSayIsAnErrorAndNoCrash() async throws {
        try await TestDatabase.with(migrated: false) { database in
            for infinity: SQL in ["SELECT timestamptz 'infinity'", "SELECT timestamptz '-infinity'"] {
                let error = try await postgresError { _ = try await database.value(infinity, as: Date.self) }
                #expect(error.sqlState == "22008")
            }
            #expect(try await database.value("SELECT \(Date(timeIntervalSince1970: .infinity))::text") == "infinity")
            #expect(try await database.value("SELECT \(Date(timeIntervalSince1970: -1e300))::text") == "-infinity")
            #expect(try await database.value("SELECT \(Date.distantFuture) > now()"))
            #expect(try await database.value("SELECT timestamptz '294276-12-31 UTC' > \(Date())"))
            _ = try await database.value("SELECT timestamptz '294276-12-31 UTC'", as: Date.self)
            _ = try await database.value("SELECT timestamptz '4713-01-01 BC'", as: Date.self)
        }
    }

    // MARK: Arrays

    @Test func arraysKeepTheirElements() async throws {
        try await TestDatabase.with(migrated: false) { database in
            var texts = ArrayParameter.text()
            for text in ["", "NULL", "{a,b}", "\"", "é"] { texts.append(text) }
            var numbers = ArrayParameter.int8()
            for number in [Int.min, 0, .max] { numbers.append(number) }
            var flags = ArrayParameter.bool()
            for flag in [true, nil, false] { flags.append(flag) }
            let parameters = (texts.parameter, numbers.parameter, flags.parameter)
            #expect(texts.count == 5 && numbers.count == 3 && flags.count == 3)
            try await database.session.run { connection in
                let (texts, numbers, flags) = parameters
                let row = try connection.query("SELECT \(texts)::text, \(numbers)::text, \(flags)::text")[0]
                #expect(try row[0] == #"{"","NULL","{a,b}","\"",é}"#)
                #expect(try row[1] == "{-9223372036854775808,0,9223372036854775807}")
                #expect(try row[2] == "{t,NULL,f}")
                let rows = try connection.query("SELECT x FROM unnest(\(texts)) WITH ORDINALITY AS u(x, n) ORDER BY n")
                #expect(try rows.map { try $0[0, as: String.self] } == ["", "NULL", "{a,b}", "\"", "é"])
            }
        }
    }

    @Test func anArrayOfNothingIsTheEmptyArray() async throws {
        try await TestDatabase.with(migrated: false) { database in
            for array in [ArrayParameter.text(), .int8(), .bool()] {
                let parameter = array.parameter
                try await database.session.run { connection in
                    let row = try connection.query(
                        "SELECT array_ndims(\(parameter)), cardinality(\(parameter)), \(parameter)::text")[0]
                    #expect(try row[optional: 0, as: Int.self] == nil)
                    #expect(try row[1] == 0)
                    #expect(try row[2] == "{}")
                    #expect(try connection.query("SELECT unnest(\(parameter))").isEmpty)
                }
            }
        }
    }

    // MARK: Sizes

    @Test func manyMegabytesGoThereAndBack() async throws {
        let text = String(repeating: "0123456789abcdef", count: 1 << 20)
        #expect(try await echo([text]) == [text])
    }

    /// Sent, it would cost the connection, which looks like something to try again.
    @Test func moreThanTheServerTakesIsRefusedForGood() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let piece = Parameter(type: .bytea, bytes: [UInt8](repeating: 0, count: 64 << 20))
            let error = try await postgresError {
                try await database.session.run { connection in
                    var sql = SQL.StringInterpolation(literalCapacity: 0, interpolationCount: 17)
                    sql.appendLiteral("SELECT ")
                    for _ in 0..<17 { sql.appendInterpolation(piece) }
                    try connection.query(SQL(stringInterpolation: sql))
                }
            }
            #expect(error.sqlState == "54000")
            #expect(error.remedy == .final)
            try await database.execute("SELECT 1")
        }
    }

    @Test func tooManyParametersAreAnError() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let error = try await postgresError {
                try await database.session.run { connection in
                    var sql = SQL.StringInterpolation(literalCapacity: 0, interpolationCount: 70_000)
                    sql.appendLiteral("SELECT ")
                    for index in 0..<70_000 {
                        if index > 0 { sql.appendLiteral(",") }
                        sql.appendInterpolation(index)
                    }
                    try connection.query(SQL(stringInterpolation: sql))
                }
            }
            #expect(error.remedy == .final, "\(error.debugDescription)")
            try await database.execute("SELECT 1")
        }
    }

    @Test func rowsAreCountedForEveryKindOfStatement() async throws {
        try await TestDatabase.with(migrated: false) { database in
            try await database.session.run { connection throws in
                #expect(try connection.query("CREATE TABLE t (n int)").affected == 0)
                #expect(try connection.query("INSERT INTO t SELECT generate_series(1, 7)").affected == 7)
                #expect(try connection.query("UPDATE t SET n = 0 WHERE n > \(4)").affected == 3)
                #expect(try connection.query("DELETE FROM t WHERE n > 0").affected == 4)
                #expect(try connection.query("SELECT n FROM t").affected == 3)
                #expect(try connection.query("").isEmpty)
            }
        }
    }
}
