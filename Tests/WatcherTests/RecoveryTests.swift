import Catalog
import FoundationEssentials
import Glibc
import Pipeline
import Postgres
import TestSupport
import Testing

@testable import Watcher

extension OneWatch {
    /// Each test makes by hand what a crash at one point leaves behind, starts the service, and looks at the end.
    @Suite struct RecoveryTests {
        @Test(arguments: [drop("a.csv"), preview("a.csv")])
        func aClaimedFileWithoutRowGetsOne(file: InboxFile) async throws {
            try await RunningInbox.with { inbox in
                let job = try claim(inbox, file)
                try await inbox.run { _ in
                    let end = try await inbox.wait(file, .completed)
                    #expect(end.id == job.id.description && end.dryRun == file.dryRun)
                    #expect(abs(end.receivedAt.timeIntervalSince(job.receivedAt)) < 0.01)
                }
                try await inbox.settle(drops: 1)
                let products = try await inbox.database.value("SELECT count(*) FROM products", as: Int.self)
                #expect(products == (file.dryRun ? 0 : 3))
            }
        }

        @Test func queuedFilesAreImportedInOrderBeforeNewOnes() async throws {
            try await RunningInbox.with { inbox in
                for number in 0..<3 {
                    try await record(inbox, claim(inbox, drop("\(number).csv"), name: "\(number)"))
                }
                try dropFile(inbox.folders, drop("new.csv"), name: "new")
                try await inbox.run { _ in try await inbox.settle(drops: 4) }
                let order = try await inbox.database.session.run { connection in
                    try connection.query("SELECT file FROM imports ORDER BY finished_at").map {
                        try $0[0, as: String.self]
                    }
                }
                #expect(order == ["0.csv", "1.csv", "2.csv", "new.csv"])
            }
        }

        @Test func anOpenAttemptCountsAsACrash() async throws {
            try await RunningInbox.with { inbox in
                let job = try claim(inbox, drop("a.csv"))
                try await record(inbox, job)
                for _ in 0..<5 {
                    _ = try await inbox.database.session.run { try ImportStore($0).beginAttempt(job.id) }
                }
                try await inbox.run { _ in
                    let end = try await inbox.wait(drop("a.csv"), .failed)
                    #expect(end.error?.code == .crashLoop)
                }
                try await inbox.settle(drops: 1)
            }
        }

        @Test func anAppliedImportIsFiledAndNotAppliedAgain() async throws {
            try await RunningInbox.with { inbox in
                let job = try claim(inbox, drop("a.csv"))
                try await record(inbox, job)
                var end = progress(job, .completed)
                (end.rows.read, end.rows.created) = (3, 3)
                end.files.source = "\(job.id)/a.csv"
                try await finish(inbox, job, end)
                try await inbox.run { _ in try await inbox.wait(drop("a.csv"), .completed) }
                try await inbox.settle(drops: 1)
                #expect(try readFile(Array("\(inbox.outbox.folder(job.id))/a.csv".utf8CString)).count > 0)
                #expect(try await inbox.database.value("SELECT count(*) FROM products", as: Int.self) == 0)
            }
        }

        @Test func anImportThatWasFiledButNotMarkedIsMarked() async throws {
            try await RunningInbox.with { inbox in
                let job = try claim(inbox, drop("a.csv"))
                try await record(inbox, job)
                var end = progress(job, .completed)
                end.files.source = "\(job.id)/a.csv"
                try await finish(inbox, job, end)
                try makeFolder(inbox.outbox.folder(job.id))
                rename(job.source, cPath(inbox.outbox.folder(job.id), job.file))
                rmdir(job.workFolder)
                try await inbox.run { _ in try await inbox.settle(drops: 1) }
                #expect(inbox.outbox.progress(job.id)?.files.source == "\(job.id)/a.csv")
            }
        }

        @Test func aQueuedImportFindsItsFileInTheOutboxOrTheInbox() async throws {
            try await RunningInbox.with { inbox in
                let filed = try claim(inbox, drop("filed.csv"), tag: "F")
                try await record(inbox, filed)
                try makeFolder(inbox.outbox.folder(filed.id))
                rename(filed.source, cPath(inbox.outbox.folder(filed.id), filed.file))
                let returned = try claim(inbox, drop("returned.csv"), tag: "R")
                try await record(inbox, returned)
                rename(returned.source, inbox.folders.path(drop("returned.csv")))
                try await inbox.run { _ in try await inbox.settle(drops: 2) }
                #expect(inbox.pointer(drop("filed.csv"))?.id == filed.id.description)
                #expect(inbox.pointer(drop("returned.csv"))?.id == returned.id.description)
                #expect(try await inbox.database.value("SELECT count(*) FROM products", as: Int.self) == 6)
            }
        }

        @Test func aQueuedImportWithoutFileFails() async throws {
            try await RunningInbox.with { inbox in
                let job = try claim(inbox, drop("a.csv"))
                try await record(inbox, job)
                unlink(job.source)
                try await inbox.run { _ in
                    let end = try await inbox.wait(drop("a.csv"), .failed)
                    #expect(end.error?.code == .fileMissing && end.files.source == nil)
                }
                try await inbox.settle(drops: 1)
            }
        }

        /// A folder that could not be removed when its import was filed away.
        @Test func theWorkFolderOfAFiledImportIsRemoved() async throws {
            try await RunningInbox.with { inbox in
                let file = InboxFile(.drops, FileName("a.csv"))
                try await inbox.run { _ in
                    try dropFile(inbox.folders, file)
                    try await inbox.wait(file, .completed)
                }
                let id = try #require(inbox.pointer(file)?.importID)
                let left = inbox.folders.claim(id, .drops)
                try makeFolder("\(left)/results")
                try await inbox.run { _ in
                    #expect(await eventually { access(left, F_OK) != 0 })
                }
            }
        }

        @Test func leftoversAreRemovedAndOthersAreNot() async throws {
            try await RunningInbox.with { inbox in
                let empty = inbox.folders.claim(.mint(), .drops)
                try makeFolder("\(empty)/results")
                let outbox = inbox.options.outbox
                let dead = 0x7FFF_FFF0
                let names = [
                    ".waiting.\(dead).tmp", ".\(ImportID.mint()).\(getpid()).tmp", ".waiting.\(getppid()).tmp",
                    "mine.tmp",
                ]
                for name in names { close(open("\(outbox)/\(name)", O_WRONLY | O_CREAT, 0o644)) }
                var old = [timespec(tv_sec: time(nil) - 60, tv_nsec: 0), timespec(tv_sec: time(nil) - 60, tv_nsec: 0)]
                utimensat(AT_FDCWD, "\(outbox)/\(names[1])", &old, 0)
                try await inbox.run { _ in
                    #expect(await eventually { access(empty, F_OK) != 0 })
                    // The overview is written beside all this.
                    let left = Set(fileNames(in: outbox).map(\.description)).filter { !$0.contains("index") }
                    #expect(left == ["preview", names[2], names[3]])
                }
            }
        }

        @Test func aCommandThatWasInterruptedIsEndedAndARunningOneIsNot() async throws {
            try await RunningInbox.with { inbox in
                let (dead, alive) = (ImportID.mint(), ImportID.mint())
                let command = Session(inbox.database.conninfo)
                try await command.run { connection in
                    let store = ImportStore(connection)
                    for id in [dead, alive] {
                        try store.insert(
                            id, inbox: nil, file: FileName("\(id == dead ? "dead" : "alive").csv"), dryRun: false,
                            bytes: 1,
                            receivedAt: Date())
                    }
                    try store.holdAlive(alive)
                }
                try await inbox.run { _ in
                    let end = try await inbox.wait(drop("dead.csv"), .cancelled)
                    #expect(end.message == "The import command was interrupted. Nothing was changed. Run it again.")
                    #expect(end.percent == 100 && end.finishedAt != nil)
                }
                #expect(
                    try await inbox.database.value("SELECT id FROM imports WHERE state = 'queued'", as: ImportID.self)
                        == alive)
                await command.close()
            }
        }

        // MARK: What a crash leaves

        /// Claims a file as the service does, without recording it.
        private func claim(
            _ inbox: RunningInbox, _ file: InboxFile, tag: String = "S", name: String = "Name"
        ) throws -> ImportJob {
            try dropFile(inbox.folders, file, tag: tag, name: name)
            var claims = FileClaim(folders: inbox.folders, inbox: try inbox.folders.identity())
            let found = FileProbe.Fingerprint(inode: 0, size: 0, modified: [])
            guard case .claimed(let drop)? = claims.claim([ReadyFile(file: file, fingerprint: found)]).first?.1 else {
                throw InboxError.unusable("the file could not be claimed")
            }
            return drop.job
        }

        private func record(_ inbox: RunningInbox, _ job: ImportJob) async throws {
            try await inbox.database.session.run {
                try ImportStore($0).insert(
                    job.id, inbox: job.inbox, file: job.file, dryRun: job.dryRun, bytes: 1, receivedAt: job.receivedAt)
            }
        }

        private func finish(_ inbox: RunningInbox, _ job: ImportJob, _ end: ImportProgress) async throws {
            let ended = try await inbox.database.session.run { try ImportStore($0).end(job.id, end) }
            #expect(ended)
        }

        private func progress(_ job: ImportJob, _ state: ImportProgress.State) -> ImportProgress {
            var progress = ImportProgress(
                id: job.id, file: job.file, dryRun: job.dryRun, state: state, message: "Done.",
                receivedAt: job.receivedAt)
            progress.percent = 100
            progress.finishedAt = Date()
            return progress
        }
    }
}
