import Catalog
import Glibc
import Logging
import Pipeline
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Watcher

extension OneWatch {
    @Suite struct InboxWatchTests {
        @Test func eventsCarryNamesByteForByte() async throws {
            let name = FileName(
                bytes: [0xFF, 0x0A] + Array(repeating: 0x78, count: 249) + Array(".csv".utf8).suffix(4))
            try await watching { folders, events in
                let file = InboxFile(.preview, name)
                try dropFile(folders, file)
                try await events.expect([.created(file), .closed(file)])
                chmod(folders.path(file), 0o600)
                try await events.expect([.attributes(file)])
                // Reading is no event.
                _ = try readFile(folders.path(file))
                _ = FileProbe(folders.path(file))
                let other = InboxFile(.drops, FileName("b.csv"))
                rename(folders.path(file), folders.path(other))
                try await events.expect([.gone(file), .movedIn(other)])
                unlink(folders.path(other))
                try await events.expect([.gone(other)])
            }
        }

        @Test func anInboxThatIsDeletedOrMovedAwayIsMadeAndWatchedAgain() async throws {
            try await watching { folders, events in
                removeFolder(folders.inbox)
                try await events.expectLast(.rescan(.replaced))
                let file = InboxFile(.drops, FileName("a.csv"))
                try dropFile(folders, file)
                try await events.expectLast(.closed(file))
                rename(folders.inbox, folders.inbox + ".away")
                try await events.expectLast(.rescan(.replaced))
                try dropFile(folders, file)
                try await events.expectLast(.closed(file))
                rmdir(folders.path(.preview))
                try await events.expectLast(.rescan(.replaced))
                let preview = InboxFile(.preview, FileName("a.csv"))
                try dropFile(folders, preview)
                try await events.expectLast(.closed(preview))
            }
        }

        @Test func moreThanTheKernelCanNoteIsTold() async throws {
            let limit = try #require(
                Int(
                    String(decoding: readFile(Array(queueLimit.utf8CString)), as: UTF8.self)
                        .prefix { $0.isNumber }))
            try await withInbox { folders in
                let events = Mailbox<InboxWatch.Event>()
                // The watch's thread is held up, so that the kernel's queue fills.
                let gate = Gate()
                let watch = try InboxWatch(folders, logger: quiet) { event in
                    gate.pass()
                    events.put(event)
                }
                let (one, two) = (folders.inbox + "/one", folders.inbox + "/two")
                close(open(one, O_WRONLY | O_CREAT, 0o644))
                for _ in 0..<(limit / 4 + 2_000) {
                    rename(one, two)
                    rename(two, one)
                }
                gate.open()
                try await Events(events).expectLast(.rescan(.overflow))
                await watch.stop()
            }
        }

        @Test func aSecondWatchInTheProcessIsRefused() async throws {
            try await watching { folders, _ in
                #expect(throws: InboxError.self) { try InboxWatch(folders, logger: quiet) { _ in } }
            }
            try await watching { _, _ in }
        }

        private let queueLimit = "/proc/sys/fs/inotify/max_queued_events"

        private func watching(_ body: (InboxFolders, Events) async throws -> Void) async throws {
            try await withInbox { folders in
                let events = Mailbox<InboxWatch.Event>()
                let watch = try InboxWatch(folders, logger: quiet) { events.put($0) }
                do {
                    try await body(folders, Events(events))
                } catch {
                    await watch.stop()
                    throw error
                }
                await watch.stop()
            }
        }
    }
}

/// Says nothing: what is logged is not what is tested.
let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Reads the events of a watch.
private struct Events {
    let mailbox: Mailbox<InboxWatch.Event>

    init(_ mailbox: Mailbox<InboxWatch.Event>) { self.mailbox = mailbox }

    /// Exactly these are the next.
    func expect(_ expected: [InboxWatch.Event]) async throws {
        var seen: [InboxWatch.Event] = []
        while seen.count < expected.count { seen += try await next() }
        #expect(seen == expected)
    }

    /// Others may come before.
    func expectLast(_ expected: InboxWatch.Event) async throws {
        while try await !next().contains(expected) {}
    }

    private func next() async throws -> [InboxWatch.Event] {
        let events = await mailbox.take(until: .now + .seconds(60))
        try #require(!events.isEmpty, "no event came")
        return events
    }
}

/// Holds a thread up until it is opened.
private final class Gate: Sendable {
    private let isOpen = Atomic(false)

    func pass() { while !isOpen.load(ordering: .acquiring) { usleep(1000) } }
    func open() { isOpen.store(true, ordering: .releasing) }
}
