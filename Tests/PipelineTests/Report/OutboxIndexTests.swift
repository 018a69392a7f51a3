import Catalog
import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import Pipeline

/// The overview and the removal of old imports, on a folder without any import having run.
@Suite struct OutboxIndexTests {
    private func withOutbox(_ body: (Outbox) throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let outbox = Outbox(path: "\(folder)/outbox")
            try outbox.prepare()
            try body(outbox)
        }
    }

    @discardableResult
    private func end(
        _ outbox: Outbox, _ name: String, _ state: ImportProgress.State = .completed, daysAgo: Double = 0,
        _ change: (inout ImportProgress) -> Void = { _ in }
    ) throws -> ImportID {
        let time = Date().addingTimeInterval(-daysAgo * 86400)
        let id = ImportID.mint(at: time)
        var progress = ImportProgress(
            id: id, file: FileName(name), dryRun: false, state: state, message: "So it is.", receivedAt: time)
        if state.isEnd {
            progress.percent = 100
            progress.finishedAt = time
            progress.files.report = "\(id)/report.html"
        }
        change(&progress)
        try ProgressFile(outbox, file: FileName(name), id: id, dryRun: false).write(progress)
        return id
    }

    private func index(_ outbox: Outbox) throws -> String {
        let html = String(decoding: try readFile(Array("\(outbox.path)/index.html".utf8CString)), as: UTF8.self)
        expectWellFormed(html)
        return html
    }

    @Test func listsNewestFirstWithStatesCountsAndLinks() async throws {
        try await withOutbox { outbox in
            let old = try end(outbox, "old.csv", daysAgo: 1) { ($0.rows.read, $0.rows.created) = (1234, 1234) }
            try end(outbox, "bad.csv", .failed, daysAgo: 0.5) { $0.error = ImportFailure(.empty, "The file is empty.") }
            try end(outbox, "now.csv", .running)
            var index = OutboxIndex(outbox)
            try index.rebuild()
            let html = try self.index(outbox)
            let places = ["now.csv", "bad.csv", "old.csv"].map { html.firstRange(of: $0)!.lowerBound }
            #expect(places == places.sorted())
            #expect(html.contains("href=\"./\(old)/report.html\"") && html.contains("1,234"))
            #expect(html.contains("The file is empty.") && html.contains("1 file is being imported."))
        }
    }

    @Test func tellsWhatWaitsAndWhatIsNotOurs() async throws {
        try await withOutbox { outbox in
            let waiting = (0..<60).map { number in
                InboxNotes.Waiting(
                    file: FileName("w\(number).csv"), dryRun: number == 0, reason: "Still being written.",
                    since: Date(timeIntervalSince1970: Double(number)), isRefused: number == 1)
            }
            var index = OutboxIndex(outbox)
            index.inbox = InboxNotes(waiting: waiting, ignored: ["prices.xlsx"])
            try index.rebuild()
            let html = try self.index(outbox)
            #expect(
                html.contains("preview/w0.csv") && html.contains("Still being written.") && html.contains("Not taken"))
            #expect(html.contains("and 10 more.") && html.contains("prices.xlsx"))
        }
    }

    @Test func isWrittenAgainOnlyWhenItHasChanged() async throws {
        try await withOutbox { outbox in
            try end(outbox, "a.csv")
            var index = OutboxIndex(outbox)
            func inode() -> UInt {
                var status = stat()
                return lstat("\(outbox.path)/index.html", &status) == 0 ? UInt(status.st_ino) : 0
            }
            try index.rebuild()
            let first = inode()
            try index.rebuild()
            #expect(inode() == first)
            try end(outbox, "b.csv")
            try index.rebuild()
            #expect(try self.index(outbox).contains("b.csv"))
            unlink("\(outbox.path)/index.html")
            try index.rebuild()
            #expect(try self.index(outbox).contains("b.csv"), "somebody removed it")
        }
    }

    @Test func olderImportsAreALineEachAndReadOnce() async throws {
        try await withOutbox { outbox in
            let older = try (0..<300).map { number in
                try end(outbox, "o\(number).csv", daysAgo: 2) {
                    ($0.rows.read, $0.rows.created, $0.rows.rejected) = (7, 4, 3)
                }
            }
            for number in 0..<OutboxIndex.full { try end(outbox, "n\(number).csv") }
            var index = OutboxIndex(outbox)
            try index.rebuild()
            let html = try self.index(outbox)
            #expect(html.contains("300 older imports"))
            #expect(html.matches(of: /<li id="/).count == 300 && html.contains("Completed, 4 new, 3 rejected"))
            #expect(html.contains("href=\"./\(older[0])/report.html\""))

            // The page itself remembers them for a program that starts, as long as their folders are there.
            for id in older { unlink(outbox.progressFile(id)) }
            rmdir(outbox.folder(older[7]))
            var second = OutboxIndex(outbox)
            try end(outbox, "newest.csv")
            try second.rebuild()
            let again = try self.index(outbox)
            #expect(again.contains("newest.csv") && again.contains("300 older imports"))
            #expect(again.contains("o8.csv") && !again.contains(">o7.csv<"))
        }
    }

    @Test func findsTheFileThatIsKeptWithAnImport() async throws {
        try await withOutbox { outbox in
            let id = try end(outbox, "rejects.csv") { $0.files.source = "\($0.id!)/source-rejects.csv" }
            #expect(outbox.keptSource(id) == nil, "it is not there")
            let path = "\(outbox.folder(id))/source-rejects.csv"
            try replaceFile(Array(path.utf8CString), Data(), temporary: "\(outbox.path)/.t", durable: false)
            #expect(outbox.keptSource(id)?.path == path)
            #expect(outbox.keptSource(id)?.file == FileName("rejects.csv"))
            for foreign in ["../etc/passwd", "\(id)/", "\(ImportID.mint())/a.csv"] {
                let other = try end(outbox, "x.csv") { $0.files.source = foreign }
                #expect(outbox.keptSource(other) == nil, "\(foreign)")
            }
        }
    }

    // MARK: Retention

    @Test func removesOnlyWhatEndedLongAgo() async throws {
        try await withOutbox { outbox in
            let old = try end(outbox, "old.csv", daysAgo: 31)
            let young = try end(outbox, "young.csv", daysAgo: 29)
            let running = try end(outbox, "running.csv", .running, daysAgo: 40)
            let late = try end(outbox, "late.csv", daysAgo: 40) { $0.finishedAt = Date() }
            let strange = outbox.folder(ImportID.mint(at: Date(timeIntervalSinceNow: -90 * 86400)))
            mkdir(strange, 0o755)
            for name in ["report.html", "facts.json", "old.csv"] {
                try replaceFile(
                    Array("\(outbox.folder(old))/\(name)".utf8CString), Data(), temporary: "\(outbox.path)/.t",
                    durable: false)
            }
            #expect(Retention(outbox, days: 0).sweep().removed.isEmpty)
            let (removed, hasMore) = Retention(outbox, days: 30).sweep()
            #expect(removed == [old] && !hasMore)
            #expect(outbox.progress(old) == nil && access(outbox.folder(old), F_OK) != 0)
            #expect(outbox.pointers().map(\.file).sorted() == ["late.csv", "running.csv", "young.csv"])
            for id in [young, running, late] { #expect(outbox.progress(id) != nil) }
            #expect(access(strange, F_OK) == 0, "what is not ours stays")
        }
    }

    @Test func aNewerImportKeepsItsPointer() async throws {
        try await withOutbox { outbox in
            try end(outbox, "daily.csv", daysAgo: 31)
            let newer = try end(outbox, "daily.csv", daysAgo: 1)
            #expect(Retention(outbox, days: 30).sweep().removed.count == 1)
            #expect(outbox.pointers().map(\.id) == [newer.description])
        }
    }
}
