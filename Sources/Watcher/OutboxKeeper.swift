internal import FoundationEssentials
internal import Glibc
internal import Logging
internal import Pipeline
internal import Postgres

/// Keeps the outbox in order beside the imports, on a thread of its own: its overview, at most once a second, and the
/// removal of what is old.
actor OutboxKeeper {
    private nonisolated let executor = ThreadExecutor(name: "outbox")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Between two overviews.
    private static let pause = Duration.seconds(1)
    /// Between two looks for imports of other processes.
    private static let lookSeconds = 2.0
    private static let sweepSeconds = 3600.0

    private let outbox: Outbox
    private let retention: Retention
    private let logger: Logger
    private var index: OutboxIndex
    private var nextSweep = ContinuousClock.now
    private var seen: [Int] = []
    private nonisolated let changes = Mailbox<InboxNotes?>()

    init(_ outbox: Outbox, retentionDays: Int, logger: Logger) {
        self.outbox = outbox
        self.logger = logger
        retention = Retention(outbox, days: retentionDays)
        index = OutboxIndex(outbox)
    }

    deinit { executor.stop() }

    /// Something has changed in the outbox, or in the inbox when there are notes of it.
    nonisolated func changed(_ notes: InboxNotes? = nil) { changes.put(notes) }

    /// Until the task is cancelled; then the overview is brought up to date once more.
    func run() async {
        while !Task.isCancelled {
            let messages = await changes.take(until: .now + .seconds(OutboxKeeper.lookSeconds))
            keep(messages)
            if nextSweep <= .now { sweep() }
            if !messages.isEmpty { try? await Task.sleep(for: OutboxKeeper.pause) }
        }
        keep(await changes.take(until: .now) + [nil])
    }

    private func keep(_ messages: [InboxNotes?]) {
        do {
            if let notes = messages.compactMap(\.self).last { index.inbox = notes }
            // Without a message, another process may have imported something.
            guard !messages.isEmpty || modified() != seen else { return }
            try index.rebuild()
            seen = modified()
        } catch {
            logger.warning("the overview of the outbox could not be written", metadata: ["error": "\(error)"])
        }
    }

    /// When a name in the outbox was made, replaced or removed last.
    private func modified() -> [Int] {
        var status = stat()
        guard stat(outbox.path, &status) == 0 else { return [] }
        return [Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec)]
    }

    private func sweep() {
        let (removed, hasMore) = retention.sweep()
        nextSweep = .now + .seconds(hasMore ? 1 : OutboxKeeper.sweepSeconds)
        guard !removed.isEmpty else { return }
        logger.notice("old imports removed from the outbox", metadata: ["outbox.removed": "\(removed.count)"])
        changed()
    }
}
