import Glibc
import Postgres
import Synchronization
import Testing
import TestSupport

/// The pool: how many sessions it opens, who gets them, and what becomes of those who wait.
@Suite(.serialized) struct DatabaseTests {
    @Test func thereAreNeverMoreSessionsThanAllowed() async throws {
        try await TestDatabase.with(migrated: false) { test in
            let database = Database(test.conninfo, maximum: 3)
            let use = Shared((now: 0, most: 0))
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        try await database.withConnection { connection in
                            use.change { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                            defer { use.change { $0.now -= 1 } }
                            return try connection.query("SELECT \(number), pg_sleep(0.01)")[0][0]
                        }
                    }
                }
                var numbers = Set<Int>()
                for try await number in group { numbers.insert(number) }
                #expect(numbers == Set(0..<40))
            }
            #expect(use.value.most == 3)
            #expect(try await test.otherBackends() == 3)
            await database.close()
            try await test.expectNothingLeft()
            #expect(try await database.withConnection { try $0.query("SELECT 1").count } == 1)
        }
    }

    @Test func oneAfterTheOtherNeedsOneSession() async throws {
        try await TestDatabase.with(migrated: false) { test in
            let database = Database(test.conninfo)
            var processes = Set<Int>()
            for _ in 0..<10 { processes.insert(try await database.withConnection { $0.serverProcess }) }
            #expect(processes.count == 1)
        }
    }

    @Test func whoComesFirstIsServedFirst() async throws {
        try await TestDatabase.with(migrated: false) { test in
            let database = Database(test.conninfo, maximum: 1)
            let gate = Gate()
            let served = Shared<[Int]>([])
            let holder = Task { try await database.withConnection { _ in gate.wait() } }
            await gate.entered()
            var tasks: [Task<Void, any Error>] = []
            for number in 0..<6 {
                let task = Task { try await database.withConnection { _ in served.change { $0.append(number) } } }
                tasks.append(task)
                try await Task.sleep(for: .milliseconds(20))
            }
            gate.open()
            try await holder.value
            for task in tasks { try await task.value }
            #expect(served.value == Array(0..<6))
        }
    }

    @Test func whoIsCancelledWhileWaitingLeavesAtOnceAndTakesNothingAlong() async throws {
        try await TestDatabase.with(migrated: false) { test in
            let database = Database(test.conninfo, maximum: 1)
            let gate = Gate()
            let holder = Task { try await database.withConnection { _ in gate.wait() } }
            await gate.entered()
            let waiting = (0..<6).map { number in
                Task { try await database.withConnection { _ in number } }
            }
            try await Task.sleep(for: .milliseconds(50))
            for number in [0, 2, 5] { waiting[number].cancel() }
            for number in [0, 2, 5] {
                // The holder still holds the only session.
                try await thrown(CancellationError.self) { try await waiting[number].value }
            }
            gate.open()
            try await holder.value
            for number in [1, 3, 4] { #expect(try await waiting[number].value == number) }
            #expect(try await database.withConnection { try $0.query("SELECT 1").count } == 1)
        }
    }

    @Test func sessionsSurviveAStormOfCancellations() async throws {
        try await TestDatabase.with(migrated: false) { test in
            let database = Database(test.conninfo, maximum: 2)
            let tasks = (0..<200).map { number in
                Task { try await database.withConnection { try $0.query("SELECT \(number)")[0][0, as: Int.self] } }
            }
            for (number, task) in tasks.enumerated() where number % 3 != 0 {
                if number % 7 == 0 { await Task.yield() }
                task.cancel()
            }
            for (number, task) in tasks.enumerated() {
                let result = await task.result
                if number % 3 == 0 { #expect(try result.get() == number) }
                if case .failure(let error) = result { #expect(error is CancellationError, "\(error)") }
            }
            for _ in 0..<4 { #expect(try await database.withConnection { try $0.query("SELECT 1").count } == 1) }
            try await eventually { try await test.otherBackends() <= 2 }
        }
    }

    @Test func whatThrowsGivesItsSessionBack() async throws {
        struct Mine: Error {}
        try await TestDatabase.with(migrated: false) { test in
            let database = Database(test.conninfo, maximum: 1)
            for _ in 0..<5 {
                try await thrown(Mine.self) { try await database.withConnection { _ in throw Mine() } }
                try await thrown(PostgresError.self) {
                    try await database.withConnection { _ = try $0.query("nonsense") }
                }
            }
            #expect(try await database.withConnection { try $0.query("SELECT 1").count } == 1)
        }
    }

    @Test func aDatabaseThatCannotBeReachedCostsNoSession() async throws {
        let database = Database("host=/nonexistent dbname=x", maximum: 1)
        for _ in 0..<3 {
            try await thrown(PostgresError.self) { try await database.withConnection { _ in } }
        }
    }

    @Test func connectionsThatTheServerClosedAreReplaced() async throws {
        try await TestDatabase.with(migrated: false) { test in
            let database = Database(test.conninfo, maximum: 2)
            for _ in 0..<3 {
                try await database.transaction { _ = try $0.query("CREATE TABLE IF NOT EXISTS t (n int)") }
                try await test.execute(
                    """
                    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                    """)
            }
        }
    }

    @Test func aTransactionOfThePoolIsOneTransaction() async throws {
        struct Mine: Error {}
        try await TestDatabase.with(migrated: false) { test in
            let database = Database(test.conninfo, maximum: 1)
            try await test.execute("CREATE TABLE t (n int)")
            try await thrown(Mine.self) {
                try await database.transaction { connection in
                    try connection.query("INSERT INTO t VALUES (1)")
                    throw Mine()
                }
            }
            #expect(try await test.value("SELECT count(*) FROM t") == 0)
            try await database.transaction { _ = try $0.query("INSERT INTO t VALUES (2)") }
            #expect(try await test.value("SELECT count(*) FROM t") == 1)
        }
    }
}

/// Holds a session's thread until it is opened.
private final class Gate: Sendable {
    private let state = Mutex((entered: false, open: false))

    func wait() {
        state.withLock { $0.entered = true }
        while !state.withLock({ $0.open }) { usleep(1000) }
    }

    func entered() async {
        while !state.withLock({ $0.entered }) { try? await Task.sleep(for: .milliseconds(1)) }
    }

    func open() { state.withLock { $0.open = true } }
}
