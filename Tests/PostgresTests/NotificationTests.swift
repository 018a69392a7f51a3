import Postgres
import Testing
import TestSupport

/// LISTEN and NOTIFY between sessions.
@Suite(.serialized) struct NotificationTests {
    @Test func whatOneSessionSaysTheOtherHears() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let listener = Session(database.conninfo)
            try await listener.run { try $0.listen(to: "odd \"channel'") }
            async let heard = listener.run { try $0.notifications(waiting: 5000).map { [$0.channel, $0.payload] } }
            try await database.session.run { try $0.notify("odd \"channel'", "it's é; $1") }
            #expect(try await heard == [["odd \"channel'", "it's é; $1"]])
        }
    }

    @Test func notificationsKeepTheirOrderAndComeWithCommit() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let listener = Session(database.conninfo)
            try await listener.run { try $0.listen(to: "c") }
            struct Mine: Error {}
            try await database.session.run { connection in
                try caught(Mine.self) {
                    try connection.transaction {
                        try connection.notify("c", "never")
                        throw Mine()
                    }
                }
                try connection.transaction {
                    for number in 1...3 { try connection.notify("c", "\(number)") }
                    try connection.notify("another")
                }
            }
            // They may come along with the answer to a statement, too.
            let heard = try await listener.run { connection in
                try connection.query("SELECT 1")
                return try connection.notifications(waiting: 5000).map(\.payload)
            }
            #expect(heard == ["1", "2", "3"])
            #expect(try await listener.run { try $0.notifications(waiting: 0).count } == 0)
        }
    }

    @Test func silenceEndsWhenTheTimeIsOver() async throws {
        try await TestDatabase.with(migrated: false) { database in
            try await database.session.run { connection in
                try connection.listen(to: "c")
                let start = ContinuousClock.now
                #expect(try connection.notifications(waiting: 300).isEmpty)
                let time = ContinuousClock.now - start
                #expect(time >= .milliseconds(290) && time < .seconds(2))
            }
        }
    }

    @Test func cancellationEndsTheWait() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let listener = Session(database.conninfo)
            try await listener.run { try $0.listen(to: "c") }
            let work = Task { try await listener.run { try $0.notifications(waiting: 60_000).count } }
            try await Task.sleep(for: .milliseconds(50))
            let time = try await ContinuousClock().measure {
                work.cancel()
                try await thrown(CancellationError.self) { try await work.value }
            }
            #expect(time < .seconds(1))
        }
    }

    @Test func aServerThatGoesAwayEndsTheWait() async throws {
        try await TestDatabase.with(migrated: false) { database in
            let listener = Session(database.conninfo)
            let process = try await listener.run { connection in
                try connection.listen(to: "c")
                return connection.serverProcess
            }
            let heard = Task { try await listener.run { try $0.notifications(waiting: 60_000).count } }
            try await Task.sleep(for: .milliseconds(50))
            try await database.execute("SELECT pg_terminate_backend(\(process)::int)")
            let error = try await postgresError { _ = try await heard.value }
            #expect(error.remedy == .reconnect)
        }
    }
}
