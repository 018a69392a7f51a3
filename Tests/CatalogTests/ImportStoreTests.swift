import Catalog
import FoundationEssentials
import Postgres
import Testing
import TestSupport

/// The life of a drop in `imports`, one statement at a time.
@Suite(.serialized) struct ImportStoreTests {
    private static let received = Date(timeIntervalSince1970: 1_795_458_011.123)

    /// A store in a database of its own; the closure runs on its connection.
    private func withStore<Output: Sendable>(
        _ body: @Sendable (ImportStore, Connection) throws -> Output
    ) async throws -> Output {
        try await TestDatabase.with { database in
            try await database.session.run { try body(ImportStore($0), $0) }
        }
    }

    private static func insert(
        _ store: ImportStore, _ id: ImportID, inbox: UUID? = nil, file: FileName = FileName("a.csv"),
        dryRun: Bool = false
    ) throws {
        try store.insert(id, inbox: inbox, file: file, dryRun: dryRun, bytes: 12, receivedAt: received)
    }

    private static func ended(_ id: ImportID, _ state: ImportProgress.State = .completed) -> ImportProgress {
        var progress = ImportProgress(
            id: id, file: FileName("a.csv"), dryRun: false, state: state, message: "done", receivedAt: received)
        progress.percent = 100
        progress.bytes.total = 12
        if state == .completed {
            (progress.rows.read, progress.rows.created, progress.rows.updated) = (21, 1, 2)
            (progress.rows.unchanged, progress.rows.duplicates, progress.rows.rejected) = (3, 5, 10)
            progress.sha256 = "ab"
        } else {
            progress.error = ImportFailure(.missingColumn, "it's \"none\"", line: 1)
        }
        progress.finishedAt = received + 1
        return progress
    }

    // MARK: Insert

    @Test func insertingTwiceChangesNothing() async throws {
        try await withStore { store, connection in
            let id = ImportID.mint()
            #expect(try !store.exists(id))
            #expect(try store.find(id) == nil)
            try ImportStoreTests.insert(store, id)
            try store.insert(id, inbox: UUID(), file: FileName("b"), dryRun: true, bytes: 1, receivedAt: Date())
            #expect(try store.exists(id))
            let found = try #require(try store.find(id))
            #expect(found.importID == id && found.file == "a.csv" && !found.dryRun && found.state == .queued)
            #expect(found.bytes.total == 12 && found.bytes.done == 0)
            #expect(abs(found.receivedAt.timeIntervalSince(ImportStoreTests.received)) < 0.000_001)
            #expect(try connection.query("SELECT count(*) FROM imports")[0][0] == 1)
        }
    }

    @Test func anyNameOfAFileIsKept() async throws {
        try await withStore { store, _ in
            let names = [
                FileName(bytes: [0xFF, 0xFE, 0x2E, 0x63]), FileName("'; DROP TABLE imports; --.csv"), FileName("\n"),
                FileName(bytes: [UInt8](repeating: 0xC3, count: 255)), FileName("e\u{301}"), FileName("\u{e9}"),
            ]
            for name in names { try ImportStoreTests.insert(store, .mint(), file: name) }
            #expect(try store.open(inbox: nil).map(\.file).map(\.bytes) == names.map(\.bytes))
            #expect(try store.page(1, perPage: 1).items[0].file == "\u{e9}")
        }
    }

    // MARK: Attempts

    @Test func attemptsAreCounted() async throws {
        try await withStore { store, connection in
            let id = ImportID.mint()
            #expect(try store.beginAttempt(id) == .notQueued)
            try ImportStoreTests.insert(store, id)
            for attempt in 1...10 {
                #expect(try store.beginAttempt(id) == .number(attempt))
                try store.closeAttempt(id)
            }
            #expect(try connection.query("SELECT crashes FROM imports")[0][0] == 0)
            #expect(try connection.query("SELECT started_at IS NOT NULL FROM imports")[0][0])
        }
    }

    @Test func fiveCrashesAreALoop() async throws {
        try await withStore { store, connection in
            let id = ImportID.mint()
            try ImportStoreTests.insert(store, id)
            var attempts: [ImportStore.Attempt] = []
            // Each attempt but the first finds that the one before never closed.
            for _ in 1...6 { attempts.append(try store.beginAttempt(id)) }
            #expect(attempts == [.number(1), .number(2), .number(3), .number(4), .number(5), .crashLoop])
            #expect(try connection.query("SELECT crashes FROM imports")[0][0] == ImportStore.maximumCrashes)
            #expect(try store.end(id, ImportStoreTests.ended(id, .failed)))
            #expect(try store.beginAttempt(id) == .notQueued)
        }
    }

    @Test func startedAtIsThatOfTheFirstAttempt() async throws {
        try await withStore { store, connection in
            let id = ImportID.mint()
            try ImportStoreTests.insert(store, id)
            _ = try store.beginAttempt(id)
            let first: Date = try connection.query("SELECT started_at FROM imports")[0][0]
            _ = try store.beginAttempt(id)
            #expect(try connection.query("SELECT started_at FROM imports")[0][0] == first)
        }
    }

    // MARK: Locks

    @Test func onlyTheAttemptThatIsStillOursMayApply() async throws {
        try await withStore { store, connection in
            let id = ImportID.mint()
            try ImportStoreTests.insert(store, id)
            _ = try store.beginAttempt(id)
            try connection.transaction { () throws in
                #expect(try store.lock(id, attempt: 1))
                #expect(try !store.lock(id, attempt: 2))
                #expect(try !store.lock(.mint(), attempt: 1))
            }
            _ = try store.beginAttempt(id)
            #expect(try !store.lock(id, attempt: 1))
            try store.end(id, ImportStoreTests.ended(id))
            #expect(try !store.lock(id, attempt: 2))
        }
    }

    @Test func aLockThatAnotherSessionHoldsIsNotWaitedFor() async throws {
        try await TestDatabase.with { database in
            let id = ImportID.mint()
            try await database.session.run { connection in
                let store = ImportStore(connection)
                try ImportStoreTests.insert(store, id)
                _ = try store.beginAttempt(id)
                try connection.transaction {
                    _ = try store.lock(id, attempt: 1)
                    let other = try Connection(database.conninfo)
                    do {
                        _ = try other.transaction { try ImportStore(other).lock(id, attempt: 1) }
                        Issue.record("two sessions hold one lock")
                    } catch let error as PostgresError {
                        #expect(error.sqlState == "55P03")
                        #expect(error.remedy == .retry)
                    }
                    // The row can still be read by the outbox and the pages.
                    #expect(try ImportStore(other).find(id)?.state == .queued)
                }
            }
        }
    }

    @Test func importsOfOneDatabaseLoadOneAfterTheOther() async throws {
        try await TestDatabase.with { database in
            let (waits, continuation) = AsyncStream<Int>.makeStream()
            let holder = try Connection(database.conninfo)
            try holder.query("BEGIN")
            try ImportStore(holder).lockLoading { Issue.record("nobody else loads") }
            let second = Session(database.conninfo)
            async let loaded: Void = second.run { connection in
                try connection.transaction { try ImportStore(connection).lockLoading { continuation.yield(1) } }
                continuation.yield(2)
                continuation.finish()
            }
            var events = waits.makeAsyncIterator()
            #expect(await events.next() == 1)
            try holder.query("COMMIT")
            #expect(await events.next() == 2)
            try await loaded
            try await database.session.run { connection in
                try connection.transaction {
                    try ImportStore(connection).lockLoading { Issue.record("the lock outlived its transaction") }
                }
            }
        }
    }

    @Test func theMarkOfLifeEndsWithItsSession() async throws {
        try await TestDatabase.with { database in
            let id = ImportID.mint()
            let command = Session(database.conninfo)
            func isAlive() async throws -> Bool {
                try await database.session.run { try ImportStore($0).isAlive(id) }
            }
            #expect(try await !isAlive())
            try await command.run { try ImportStore($0).holdAlive(id) }
            #expect(try await isAlive())
            #expect(try await isAlive())
            #expect(try await database.session.run { try !ImportStore($0).isAlive(.mint()) })
            let process = try await command.run { $0.serverProcess }
            try await database.execute("SELECT pg_terminate_backend(\(process)::int, 5000)")
            #expect(try await !isAlive())
        }
    }

    // MARK: Ends

    @Test(arguments: [ImportProgress.State.completed, .failed, .cancelled])
    func anEndIsRecordedOnce(state: ImportProgress.State) async throws {
        try await withStore { store, connection in
            let id = ImportID.mint()
            try ImportStoreTests.insert(store, id)
            #expect(try store.ended(id) == nil)
            _ = try store.beginAttempt(id)
            let end = ImportStoreTests.ended(id, state)
            #expect(try store.end(id, end))
            #expect(try !store.end(id, ImportStoreTests.ended(id, .failed)), "the first end stays")
            #expect(try !store.end(.mint(), end))
            let stored = try #require(try store.ended(id))
            #expect(try stored.json() == end.json())
            #expect(try store.find(id)?.json() == end.json())
            let row = try connection.query(
                """
                SELECT state, attempt_open, read, created, updated, unchanged, duplicates, rejected, error_code,
                    error_message, sha256, finished_at IS NOT NULL, bytes FROM imports
                """)[0]
            #expect(try row[0] == state.rawValue)
            #expect(try row[1] == false)
            let counts = try (2...7).map { try row[$0, as: Int.self] }
            #expect(counts == (state == .completed ? [21, 1, 2, 3, 5, 10] : [0, 0, 0, 0, 0, 0]))
            #expect(try row[optional: 8] == (state == .completed ? nil : "missing_column"))
            #expect(try row[optional: 9] == (state == .completed ? nil : "it's \"none\""))
            #expect(try row[optional: 10] == (state == .completed ? "ab" : nil))
            #expect(try row[11] && row[12] == 12)
            #expect(try store.ended(.mint()) == nil)
        }
    }

    @Test func countsThatDoNotAddUpAreRefused() async throws {
        try await withStore { store, _ in
            let id = ImportID.mint()
            try ImportStoreTests.insert(store, id)
            var wrong = ImportStoreTests.ended(id)
            wrong.rows.created += 1
            do {
                _ = try store.end(id, wrong)
                Issue.record("it was stored")
            } catch let error as PostgresError {
                #expect(error.sqlState == "23514")
            }
            #expect(try store.find(id)?.state == .queued)
        }
    }

    @Test func onlyAnEndIsFiledAway() async throws {
        try await withStore { store, _ in
            let id = ImportID.mint()
            try ImportStoreTests.insert(store, id)
            try store.markFiled(id)
            #expect(try store.open(inbox: nil).map(\.id) == [id])
            #expect(try store.open(inbox: nil)[0].ended == nil)
            try store.end(id, ImportStoreTests.ended(id))
            #expect(try store.open(inbox: nil)[0].ended?.state == .completed)
            try store.markFiled(id)
            try store.markFiled(id)
            #expect(try store.open(inbox: nil).isEmpty)
            #expect(try store.find(id)?.state == .completed)
        }
    }

    // MARK: Cancelling

    @Test func aCancellationIsAskedForUntilTheEnd() async throws {
        try await withStore { store, _ in
            let (id, other, inbox) = (ImportID.mint(), ImportID.mint(), UUID())
            try ImportStoreTests.insert(store, id, inbox: inbox)
            try ImportStoreTests.insert(store, other, inbox: inbox)
            #expect(try !store.isCancelRequested(id))
            #expect(try store.requestCancel(id))
            #expect(try store.requestCancel(id))
            #expect(try store.isCancelRequested(id))
            #expect(try !store.isCancelRequested(other))
            #expect(try store.cancelRequests(inbox: inbox) == [id])
            #expect(try store.cancelRequests(inbox: UUID()).isEmpty)
            try store.end(id, ImportStoreTests.ended(id, .cancelled))
            #expect(try !store.requestCancel(id))
            #expect(try store.cancelRequests(inbox: inbox).isEmpty)
            #expect(try !store.requestCancel(.mint()))
            #expect(try !store.isCancelRequested(.mint()))
        }
    }

    /// While it loads, the import's own transaction holds its row.
    @Test func aCancellationWaitsForNobody() async throws {
        try await TestDatabase.with { database in
            let (importing, other) = (try Connection(database.conninfo), try Connection(database.conninfo))
            let (id, store) = (ImportID.mint(), ImportStore(importing))
            try ImportStoreTests.insert(store, id)
            guard case .number(let attempt) = try store.beginAttempt(id) else { throw CancellationError() }
            try importing.transaction {
                #expect(try store.lock(id, attempt: attempt))
                try other.query("SET statement_timeout = '1s'")
                #expect(try ImportStore(other).requestCancel(id))
                #expect(try ImportStore(other).isCancelRequested(id))
                try store.end(id, ImportStoreTests.ended(id, .cancelled))
            }
        }
    }

    // MARK: Lists

    @Test func eachInboxSeesItsOwnDropsOldestFirst() async throws {
        try await withStore { store, _ in
            let inbox = UUID()
            let ids = (0..<6).map { ImportID.mint(at: Date(timeIntervalSince1970: 1_700_000_000 + Double($0))) }
            for (number, id) in ids.enumerated().shuffled() {
                try ImportStoreTests.insert(store, id, inbox: number % 2 == 0 ? inbox : nil, dryRun: number == 2)
            }
            let open = try store.open(inbox: inbox)
            #expect(open.map(\.id) == [ids[0], ids[2], ids[4]])
            #expect(open.map(\.dryRun) == [false, true, false])
            #expect(try store.open(inbox: nil).map(\.id) == [ids[1], ids[3], ids[5]])
            #expect(try store.open(inbox: UUID()).isEmpty)
        }
    }

    @Test func pagesAreNewestFirst() async throws {
        try await withStore { store, _ in
            #expect(try store.page(1, perPage: 10).items.isEmpty)
            let ids = (0..<5).map { ImportID.mint(at: Date(timeIntervalSince1970: 1_700_000_000 + Double($0))) }
            for id in ids { try ImportStoreTests.insert(store, id) }
            try store.end(ids[3], ImportStoreTests.ended(ids[3]))
            let first = try store.page(1, perPage: 2)
            #expect(first.total == 5)
            #expect(first.items.map(\.importID) == [ids[4], ids[3]])
            #expect(first.items.map(\.state) == [.queued, .completed])
            #expect(try store.page(3, perPage: 2).items.map(\.importID) == [ids[0]])
            #expect(try store.page(4, perPage: 2).items.isEmpty)
        }
    }
}
