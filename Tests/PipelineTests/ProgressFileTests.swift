import Catalog
import FoundationEssentials
@testable import Pipeline
import TestSupport
import Testing

/// What scripts that poll progress files rely on.
@Suite struct ProgressFileTests {
    private let name = FileName("a.csv")

    private func with(_ body: (Outbox) throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let outbox = Outbox(path: folder)
            try outbox.prepare()
            try body(outbox)
        }
    }

    private func progress(_ id: ImportID?, _ state: ImportProgress.State, percent: Int = 0, at date: Date = Date())
        -> ImportProgress
    {
        var progress = ImportProgress(id: id, file: name, dryRun: false, state: state, message: "m", receivedAt: date)
        progress.percent = percent
        return progress
    }

    private func pointer(_ outbox: Outbox) throws -> ImportProgress? {
        readProgress(try #require(outbox.pointer(name, id: nil, dryRun: false)))
    }

    @Test func aPercentageIsNeverTakenBack() async throws {
        try await with { outbox in
            let id = ImportID.mint()
            let file = ProgressFile(outbox, file: name, id: id, dryRun: false)
            try file.write(progress(id, .running, percent: 56))
            try file.write(progress(id, .queued))
            #expect(outbox.progress(id)?.percent == 56)
            #expect(try pointer(outbox)?.percent == 56)
            try file.write(progress(id, .completed, percent: 100))
            #expect(outbox.progress(id)?.percent == 100)
        }
    }

    /// A process that slept through the end of its import, which another one took over, tells nothing old.
    @Test func anEndIsNeverTakenBack() async throws {
        try await with { outbox in
            let id = ImportID.mint()
            let file = ProgressFile(outbox, file: name, id: id, dryRun: false)
            try file.write(progress(id, .completed, percent: 100))
            try file.write(progress(id, .running, percent: 56))
            #expect(outbox.progress(id)?.state == .completed)
            #expect(try pointer(outbox)?.state == .completed)
        }
    }

    @Test func anOlderImportDoesNotTakeThePointer() async throws {
        try await with { outbox in
            let older = ImportID.mint(at: Date(timeIntervalSince1970: 1_000_000))
            let newer = ImportID.mint()
            try ProgressFile(outbox, file: name, id: newer, dryRun: false).write(progress(newer, .running))
            try ProgressFile(outbox, file: name, id: older, dryRun: false).write(
                progress(older, .completed, percent: 100))
            #expect(try pointer(outbox)?.importID == newer)
            #expect(outbox.progress(older)?.state == .completed)
        }
    }

    /// Times in files are rounded to milliseconds, up as often as down.
    @Test(arguments: [0, 0.0003, 0.0006, 0.0009])
    func anImportTakesThePointerOfItsWaitingFileInTheSameMillisecond(fraction: Double) async throws {
        try await with { outbox in
            let date = Date(timeIntervalSince1970: 1_700_000_000.123 + fraction)
            try ProgressFile(outbox, file: name, id: nil, dryRun: false).write(progress(nil, .waiting, at: date))
            let id = ImportID.mint(at: date)
            try ProgressFile(outbox, file: name, id: id, dryRun: false).write(progress(id, .running, at: date))
            #expect(try pointer(outbox)?.importID == id)
        }
    }

    @Test func aWithdrawnFileGivesThePointerBack() async throws {
        try await with { outbox in
            let id = ImportID.mint()
            try ProgressFile(outbox, file: name, id: id, dryRun: false).write(progress(id, .completed, percent: 100))
            let waiting = ProgressFile(outbox, file: name, id: nil, dryRun: false)
            try waiting.write(progress(nil, .waiting))
            try waiting.write(progress(nil, .waiting))
            #expect(try pointer(outbox)?.state == .waiting)
            waiting.removeWaiting()
            #expect(try pointer(outbox)?.importID == id)
            #expect(try pointer(outbox)?.state == .completed)
        }
    }

    @Test func aFileThatWasTheFirstOfItsNameLeavesNothing() async throws {
        try await with { outbox in
            let waiting = ProgressFile(outbox, file: name, id: nil, dryRun: false)
            try waiting.write(progress(nil, .waiting))
            waiting.removeWaiting()
            #expect(try pointer(outbox) == nil)
        }
    }
}
