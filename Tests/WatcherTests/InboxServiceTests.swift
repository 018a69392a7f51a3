import Catalog
import FoundationEssentials
import Glibc
import Pipeline
import Postgres
import TestSupport
import Testing

@testable import Watcher

extension OneWatch {
    @Suite struct InboxServiceTests {
        /// `AdvisoryLock.load`.
        private let loadLock = 0x5049_6D70 << 32 | 2

        @Test func aDropIsImportedWithinASecond() async throws {
            try await RunningInbox.with { inbox in
                try await inbox.run { _ in
                    try dropFile(inbox.folders, drop("warm-up.csv"))
                    try await inbox.wait(drop("warm-up.csv"), .completed)
                    let start = ContinuousClock.now
                    try dropFile(inbox.folders, drop("a.csv"), rows: 10, tag: "T")
                    let end = try await inbox.wait(drop("a.csv"), .completed)
                    #expect(ContinuousClock.now - start < .seconds(1))
                    #expect(end.rows.created == 10 && end.percent == 100)
                    #expect(end.files.source == "\(end.id!)/a.csv")
                }
                try await inbox.settle(drops: 2)
            }
        }

        @Test func aPreviewChangesNothing() async throws {
            try await RunningInbox.with { inbox in
                try await inbox.run { _ in
                    try dropFile(inbox.folders, preview("a.csv"))
                    let end = try await inbox.wait(preview("a.csv"), .completed)
                    #expect(end.dryRun && end.rows.created == 3)
                    #expect(try await inbox.database.value("SELECT count(*) FROM products", as: Int.self) == 0)
                }
                try await inbox.settle(drops: 1)
            }
        }

        @Test func aFileWaitsUntilItsWriterCloses() async throws {
            try await RunningInbox.with { inbox in
                try await inbox.run { _ in
                    let writer = open(inbox.folders.path(drop("a.csv")), O_WRONLY | O_CREAT, 0o644)
                    #expect(write(writer, "sku\nA\n", 6) == 6)
                    let waiting = try await inbox.wait(drop("a.csv"), .waiting)
                    #expect(waiting.id == nil && waiting.message.hasPrefix("Still being written"))
                    // Longer than the settle time.
                    try await Task.sleep(for: .milliseconds(700))
                    #expect(inbox.pointer(drop("a.csv"))?.state == .waiting)
                    #expect(write(writer, "B\n", 2) == 2)
                    close(writer)
                    #expect(try await inbox.wait(drop("a.csv"), .completed).rows.created == 2)
                }
                try await inbox.settle(drops: 1)
            }
        }

        @Test func anEmptyFileGetsItsTimeAndThenFails() async throws {
            try await RunningInbox.with { inbox in
                try await inbox.run { _ in
                    close(open(inbox.folders.path(drop("a.csv")), O_WRONLY | O_CREAT, 0o644))
                    try await inbox.wait(drop("a.csv"), .waiting)
                    #expect(try await inbox.wait(drop("a.csv"), .failed).error?.code == .empty)
                    // One that gets its content in time is imported at once.
                    close(open(inbox.folders.path(drop("b.csv")), O_WRONLY | O_CREAT, 0o644))
                    try dropFile(inbox.folders, drop("b.csv"))
                    try await inbox.wait(drop("b.csv"), .completed)
                }
                try await inbox.settle(drops: 2)
            }
        }

        @Test func aWaitingFileThatGoesAwayIsForgotten() async throws {
            try await RunningInbox.with { inbox in
                try await inbox.run { _ in
                    let writer = open(inbox.folders.path(drop("a.csv")), O_WRONLY | O_CREAT, 0o644)
                    try await inbox.wait(drop("a.csv"), .waiting)
                    unlink(inbox.folders.path(drop("a.csv")))
                    close(writer)
                    #expect(await eventually { inbox.pointer(drop("a.csv")) == nil })
                }
                try await inbox.settle(drops: 0)
            }
        }

        @Test func whatIsNoRegularFileIsReportedAndLeftAlone() async throws {
            try await RunningInbox.with { inbox in
                try await inbox.run { service in
                    symlink("/etc/passwd", inbox.folders.path(drop("link.csv")))
                    mkfifo(inbox.folders.path(drop("fifo.csv")), 0o644)
                    mkdir(inbox.folders.path(drop("folder.csv")), 0o755)
                    try dropFile(inbox.folders, InboxFile(.drops, FileName(".hidden")))
                    link("\(inbox.options.inbox)/.hidden", inbox.folders.path(drop("hard.csv")))
                    try dropFile(inbox.folders, drop("table.xlsx"))
                    for name in ["link.csv", "fifo.csv", "folder.csv", "hard.csv"] {
                        let failed = try await inbox.wait(drop(name), .failed)
                        #expect(failed.error?.code == .notRegular && failed.id == nil && failed.percent == 100)
                        #expect(failed.message.contains("Drop a "))
                        #expect(FileProbe(inbox.folders.path(drop(name))) != .gone)
                    }
                    #expect(await service.otherFiles == [drop("table.xlsx")])
                    // Reported once, not at each scan.
                    let first = inbox.pointer(drop("link.csv"))?.updatedAt
                    try await Task.sleep(for: .milliseconds(1200))
                    #expect(inbox.pointer(drop("link.csv"))?.updatedAt == first)
                    // A regular file of that name is imported as usual.
                    unlink(inbox.folders.path(drop("link.csv")))
                    try dropFile(inbox.folders, drop("link.csv"))
                    try await inbox.wait(drop("link.csv"), .completed)
                }
                try await inbox.settle(drops: 1)
            }
        }

        @Test func unfinishedNamesAreIgnoredUntilRenamed() async throws {
            try await RunningInbox.with { inbox in
                try await inbox.run { _ in
                    for name in [".a.csv.X1", "b.csv.part", "c.csv~"] {
                        try dropFile(inbox.folders, drop(name), tag: name)
                    }
                    try await Task.sleep(for: .milliseconds(700))
                    #expect(inbox.outbox.pointers().isEmpty)
                    rename(inbox.folders.path(drop(".a.csv.X1")), inbox.folders.path(drop("a.CSV")))
                    try await inbox.wait(drop("a.CSV"), .completed)
                }
                try await inbox.settle(drops: 1)
            }
        }

        @Test func manyFilesAtOnceAreImportedInOrder() async throws {
            try await RunningInbox.with { inbox in
                try await inbox.run { _ in
                    // From here on the service watches.
                    try dropFile(inbox.folders, drop("first.csv"), rows: 1)
                    try await inbox.wait(drop("first.csv"), .completed)
                    for number in 0..<200 {
                        try dropFile(inbox.folders, drop("\(number % 7)-\(number).csv"), rows: 1, name: "\(number)")
                    }
                    try await inbox.settle(drops: 201, seconds: 60)
                }
                let order = try await inbox.database.session.run { connection in
                    try connection.query("SELECT file FROM imports ORDER BY finished_at, id").map {
                        try $0[0, as: String.self]
                    }
                }
                #expect(order == ["first.csv"] + (0..<200).map { "\($0 % 7)-\($0).csv" })
                // The later drop wins.
                #expect(try await inbox.database.value("SELECT name FROM products", as: String.self) == "199 0")
            }
        }

        @Test func whatLayThereAtTheStartIsTakenByTime() async throws {
            try await RunningInbox.with { inbox in
                for number in (0..<5).reversed() {
                    try dropFile(inbox.folders, drop("\(number).csv"), rows: 1, name: "\(number)")
                    var times = [
                        timespec(tv_sec: 1_000_000 + number, tv_nsec: 0),
                        timespec(tv_sec: 1_000_000 + number, tv_nsec: 0),
                    ]
                    utimensat(AT_FDCWD, inbox.folders.path(drop("\(number).csv")), &times, 0)
                }
                try await inbox.run { _ in try await inbox.settle(drops: 5) }
                #expect(try await inbox.database.value("SELECT name FROM products", as: String.self) == "4 0")
            }
        }

        @Test func aSecondWatcherIsRefusedInOneSentence() async throws {
            try await RunningInbox.with { inbox in
                // As another process would hold it.
                let lock = try inbox.folders.lock()
                await #expect {
                    try await inbox.run { _ in _ = await eventually(0.5) { false } }
                } throws: { error in
                    "\(error)".hasPrefix("Another product-importer already watches the inbox \(inbox.options.inbox).")
                }
                #expect(inbox.folders.holds(lock))
            }
        }

        @Test func anInboxThatIsDeletedIsMadeAgain() async throws {
            try await RunningInbox.with { inbox in
                try await inbox.run { _ in
                    try dropFile(inbox.folders, drop("a.csv"))
                    try await inbox.wait(drop("a.csv"), .completed)
                    let identity = try inbox.folders.identity()
                    removeFolder(inbox.options.inbox)
                    #expect(await eventually { (try? inbox.folders.identity(new: identity)) != nil })
                    #expect(await eventually { (try? dropFile(inbox.folders, preview("b.csv"))) != nil })
                    try await inbox.wait(preview("b.csv"), .completed)
                    #expect(try inbox.folders.identity() == identity)
                    // The first lock may have gone with what was still being deleted: the next scan takes it again.
                    #expect(await eventually { isLocked("\(inbox.options.inbox)/.work/.lock") })
                }
                try await inbox.settle(drops: 2)
            }
        }

        @Test func nothingIsClaimedWhileTheDatabaseIsAway() async throws {
            try await RunningInbox.with { inbox in
                let nowhere = "host=\(inbox.folder) dbname=none"
                try await inbox.run(conninfo: nowhere) { _ in
                    try dropFile(inbox.folders, drop("a.csv"))
                    let waiting = try await inbox.wait(drop("a.csv"), .waiting)
                    #expect(waiting.message.hasPrefix("Waiting for the database: "))
                    try dropFile(inbox.folders, drop("b.csv"))
                    try await inbox.wait(drop("b.csv"), .waiting)
                    #expect(FileProbe(inbox.folders.path(drop("a.csv"))) != .gone)
                }
                try await inbox.run { _ in try await inbox.settle(drops: 2) }
                #expect(inbox.pointer(drop("a.csv"))?.state == .completed)
            }
        }

        @Test func lostConnectionsAreReplaced() async throws {
            try await RunningInbox.with { inbox in
                try await inbox.run { _ in
                    for number in 0..<3 {
                        try dropFile(inbox.folders, drop("\(number).csv"))
                        try await inbox.settle(drops: number + 1)
                        try await inbox.database.execute(
                            """
                            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE datname = current_database() AND pid <> pg_backend_pid()
                            """)
                    }
                }
                try await inbox.settle(drops: 3)
            }
        }

        @Test func runningAndQueuedImportsCanBeCancelled() async throws {
            try await RunningInbox.with { inbox in
                try await inbox.run { service in
                    // The first import waits for the lock under which products are written.
                    let blocker = Session(inbox.database.conninfo)
                    try await blocker.run { _ = try $0.query("SELECT pg_advisory_lock(\(loadLock))") }
                    for number in 0..<3 { try dropFile(inbox.folders, drop("\(number).csv"), rows: 1) }
                    var ids: [ImportID] = []
                    _ = await eventually {
                        ids = (try? await inbox.ids()) ?? []
                        return ids.count == 3
                    }
                    // A file is ready a little later than the others if somebody forks just while it is written.
                    let names: [String] = try await inbox.database.session.run {
                        try $0.query("SELECT file FROM imports ORDER BY id").map { try $0[0] }
                    }
                    let (first, second, third) = (drop(names[0]), drop(names[1]), drop(names[2]))
                    try await inbox.wait(first, .running)
                    // As another process asks for it, out of turn.
                    let last = ids[2]
                    #expect(try await inbox.database.session.run { try ImportStore($0).requestCancel(last) })
                    try await inbox.wait(third, .cancelled)
                    #expect(inbox.pointer(first)?.state == .running)
                    #expect(inbox.pointer(second)?.state == .queued)
                    #expect(await service.cancel(ids[0]))
                    try await inbox.wait(first, .cancelled)
                    try await blocker.run { _ = try $0.query("SELECT pg_advisory_unlock(\(loadLock))") }
                    try await inbox.wait(second, .completed)
                    // It is in hand until it is filed away, a moment after its end can be seen.
                    let ended = ids[1]
                    #expect(await eventually { await !service.cancel(ended) })
                }
                try await inbox.settle(drops: 3)
            }
        }

        @Test func aShutdownLeavesTheQueueForTheNextStart() async throws {
            try await RunningInbox.with { inbox in
                try await inbox.run { _ in
                    for number in 0..<60 {
                        try dropFile(inbox.folders, drop("\(number).csv"), rows: 1, name: "\(number)")
                        // Files of one tick of the kernel's clock have no order for who was not there.
                        try await Task.sleep(for: .milliseconds(5))
                    }
                    _ = await eventually {
                        (try? await inbox.database.value("SELECT count(*) FROM imports", as: Int.self)) ?? 0 > 0
                    }
                }
                try await inbox.run { _ in try await inbox.settle(drops: 60, seconds: 60) }
                #expect(try await inbox.database.value("SELECT name FROM products", as: String.self) == "59 0")
            }
        }
    }
}

/// Whether any process holds a lock on a file, asked without taking it.
private func isLocked(_ path: String) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0, let bytes = try? readFile(Array("/proc/locks".utf8CString)) else { return false }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").contains {
        $0.contains("FLOCK") && $0.contains(":\(status.st_ino) ")
    }
}
