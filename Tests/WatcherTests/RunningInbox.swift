import Catalog
import FoundationEssentials
import Glibc
import Logging
import Pipeline
import Postgres
import ServiceLifecycle
import ServiceLifecycleTestKit
import TestSupport
import Testing

@testable import Watcher

/// An inbox and an outbox in a new folder, and a database of their own.
struct RunningInbox: Sendable {
    let folder: String
    let database: TestDatabase
    var options: InboxOptions
    var folders: InboxFolders { InboxFolders(inbox: options.inbox) }
    var outbox: Outbox { Outbox(path: options.outbox) }

    /// Nothing runs yet: `run` starts the service.
    static func with(_ body: (RunningInbox) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            try await withTemporaryFolder { folder in
                var options = InboxOptions(inbox: "\(folder)/inbox", outbox: "\(folder)/outbox")
                options.settleSeconds = 0.3
                options.scanSeconds = 0.5
                let inbox = RunningInbox(folder: folder, database: database, options: options)
                try inbox.folders.make()
                try inbox.outbox.prepare()
                try await body(inbox)
            }
        }
    }

    /// Runs the service while `body` runs, then shuts it down in order.
    func run(
        conninfo: String? = nil, _ body: @escaping @Sendable (InboxService) async throws -> Void
    ) async throws {
        let service = InboxService(options: options, conninfo: conninfo ?? database.conninfo, logger: quiet)
        try await testGracefulShutdown { trigger in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await service.run() }
                do {
                    try await body(service)
                } catch {
                    trigger.triggerGracefulShutdown()
                    throw error
                }
                trigger.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
    }

    // MARK: What people see

    func pointer(_ file: InboxFile) -> ImportProgress? {
        guard let path = outbox.pointer(file.name, id: nil, dryRun: file.dryRun), let bytes = try? readFile(path) else {
            return nil
        }
        return try? ImportProgress(json: Data(bytes))
    }

    /// Waits until the file's pointer is in this state.
    @discardableResult
    func wait(
        _ file: InboxFile, _ state: ImportProgress.State, seconds: Double = 10,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> ImportProgress {
        var last: ImportProgress?
        let found = await eventually(seconds) {
            last = pointer(file)
            return last?.state == state
        }
        if !found { Issue.record("\(file.name) is \(String(describing: last))", sourceLocation: sourceLocation) }
        return try #require(last, sourceLocation: sourceLocation)
    }

    /// The drops' ids, in order.
    func ids() async throws -> [ImportID] {
        try await database.session.run { try $0.query("SELECT id FROM imports ORDER BY id").map { try $0[0] } }
    }

    /// Waits until no drop is left to be done, and checks what must hold then.
    func settle(drops: Int, seconds: Double = 30) async throws {
        let done = await eventually(seconds) {
            (try? await database.value("SELECT count(*) FROM imports WHERE filed_at IS NOT NULL", as: Int.self))
                == drops
        }
        #expect(done, "every drop is filed away")
        #expect(try await database.value("SELECT count(*) FROM imports", as: Int.self) == drops)
        // Every file is in exactly one place: its folder in the outbox.
        for folder in InboxFile.Folder.allCases {
            let left = fileNames(in: folders.claims(folder)).filter { ImportID($0.description) != nil }
            #expect(left.isEmpty, "no work folder is left")
        }
        #expect(!fileNames(in: options.outbox).contains { $0.description.hasSuffix(".tmp") })
    }
}

/// Asks again and again, until a condition holds or the time is over.
func eventually(_ seconds: Double = 10, _ condition: () async -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
        if await condition() { return true }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return await condition()
}

func drop(_ name: String) -> InboxFile { InboxFile(.drops, FileName(name)) }
func preview(_ name: String) -> InboxFile { InboxFile(.preview, FileName(name)) }
