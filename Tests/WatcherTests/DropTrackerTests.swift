import Catalog
import Pipeline
import TestSupport
import Testing

@testable import Watcher

/// The order in which files are claimed.
@Suite struct DropTrackerTests {
    private func with(_ body: (InboxFolders, inout DropTracker) throws -> Void) async throws {
        try await withInbox { folders in
            let outbox = Outbox(path: "\(folders.inbox)/../outbox")
            try outbox.prepare()
            var tracker = DropTracker(folders: folders, outbox: outbox, settle: .seconds(0.3), logger: quiet)
            try body(folders, &tracker)
        }
    }

    private func drop(_ name: String, _ folders: InboxFolders, _ tracker: inout DropTracker) throws -> InboxFile {
        let file = InboxFile(.drops, FileName(name))
        try dropFile(folders, file)
        tracker.look(at: file, movedIn: true, now: .now)
        return file
    }

    /// Else a later file would be applied before an earlier one, which then wins.
    @Test func whatCannotBeClaimedForWantOfRoomKeepsItsPlace() async throws {
        try await with { folders, tracker in
            let files = try ["b.csv", "a.csv", "c.csv"].map { try drop($0, folders, &tracker) }
            #expect(tracker.takeReady(10).map(\.file) == files)
            let isDelayed = tracker.ended(
                [
                    (files[0], .impossible("Not this one.")), (files[1], .delayed("No room.")),
                    (files[2], .delayed("No room.")),
                ],
                now: .now)
            #expect(isDelayed)
            let last = try drop("0.csv", folders, &tracker)
            #expect(tracker.takeReady(10).map(\.file) == [files[1], files[2], last])
        }
    }

    @Test func aScanLeavesTheYoungToTheirEvents() async throws {
        try await with { folders, tracker in
            let file = InboxFile(.drops, FileName("a.csv"))
            try dropFile(folders, file)
            let hasYoung = tracker.scan(now: .now, leavingYounger: 60)
            #expect(hasYoung && !tracker.hasReady)
            let hasStillYoung = tracker.scan(now: .now, leavingYounger: 0)
            #expect(!hasStillYoung)
            #expect(tracker.takeReady(10).map(\.file) == [file])
        }
    }
}
