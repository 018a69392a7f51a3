internal import Catalog
internal import FoundationEssentials
internal import Logging
internal import Pipeline
internal import Postgres

/// The claimed drops that are still to be imported: one at a time, in the order of their claims.
actor ImportQueue {
    private struct Entry {
        let job: ImportJob
        let cancellation = ImportCancellation()
    }

    private nonisolated let executor = ThreadExecutor(name: "imports")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Runs the imports.
    private let pipeline: ImportPipeline
    /// Ends imports that were cancelled before their turn, beside the one that runs.
    private let besides: ImportPipeline
    /// Files an ended import away while the next one runs.
    private let desk: FilingDesk
    private let outbox: Outbox
    /// Called when an import was queued or has ended.
    private let onChange: @Sendable () -> Void
    private let logger: Logger
    private var waiting: ArraySlice<Entry> = []
    private var running: Entry?
    /// Cancelled before their turn and not ended yet, or ended and not filed away yet.
    private var ending: Set<ImportID> = []
    private var isStopping = false
    private nonisolated let wake = Mailbox<Void>()

    /// - Parameters:
    ///   - session: the connection of the running import.
    ///   - control: a connection for short work beside it.
    ///   - onChange: called when an import was queued or has ended.
    init(
        session: Session, control: Session, outbox: Outbox, options: ImportPipeline.Options, logger: Logger,
        onChange: @escaping @Sendable () -> Void
    ) {
        pipeline = ImportPipeline(session: session, outbox: outbox, options: options, logger: logger)
        besides = ImportPipeline(session: control, outbox: outbox, options: options, logger: logger)
        desk = FilingDesk(besides.filing)
        self.outbox = outbox
        self.logger = logger
        self.onChange = onChange
    }

    deinit { executor.stop() }

    /// All drops that are in hand here: queued, running or ending.
    var inHand: Set<ImportID> {
        ending.union(waiting.map(\.job.id)).union(running.map { [$0.job.id] } ?? [])
    }

    /// Whether there is anything that could be cancelled.
    var isBusy: Bool { running != nil || !waiting.isEmpty }

    /// Appends drops, whose rows are there.
    func add(_ drops: [ClaimedDrop]) {
        for drop in drops {
            // The next one up writes its own progress in a moment.
            if running != nil || !waiting.isEmpty { drop.tell(.queued, "Waiting for its turn", in: outbox, logger) }
            waiting.append(Entry(job: drop.job))
            wake.put(())
        }
        if !drops.isEmpty { onChange() }
    }

    /// Imports until `stop`, or until the task is cancelled: then the running import is rolled back and stays queued.
    func run() async {
        var filing: Task<Void, Never>?
        while !isStopping, !Task.isCancelled {
            guard let entry = waiting.popFirst() else {
                _ = await wake.take()
                continue
            }
            running = entry
            let end = await run(entry)
            ending.insert(entry.job.id)
            running = nil
            // One at a time and in order, so that never more than two imports are unfiled.
            await filing?.value
            filing = Task { await file(entry.job, end) }
        }
        await filing?.value
    }

    /// - Returns: nil when it has not ended, or not here.
    private func run(_ entry: Entry) async -> ImportProgress? {
        do {
            switch try await pipeline.runUntilEnded(entry.job, cancellation: entry.cancellation) {
            case .ended(let end): return end
            case .notOurs:
                logger.notice(
                    "an import had ended, or another process has it", metadata: ["import.id": "\(entry.job.id)"])
            }
        } catch is CancellationError {
            logger.notice("an import was interrupted and stays queued", metadata: ["import.id": "\(entry.job.id)"])
        } catch {
            // Its row is still queued: recovery takes it up again.
            logger.error(
                "an import could not be run", metadata: ["import.id": "\(entry.job.id)", "error": "\(error)"])
        }
        return nil
    }

    private func file(_ job: ImportJob, _ end: ImportProgress?) async {
        if let end { await desk.file(job, end) }
        ending.remove(job.id)
        onChange()
    }

    /// No further import is begun.
    func stop() {
        isStopping = true
        wake.put(())
    }

    /// Cancels a drop in hand. One that waits for its turn ends at once, whatever runs.
    ///
    /// - Returns: false when it is not in hand, or about to end anyway.
    @discardableResult
    func cancel(_ id: ImportID) async -> Bool {
        if let running, running.job.id == id {
            running.cancellation.request()
            return true
        }
        guard let index = waiting.firstIndex(where: { $0.job.id == id }) else { return false }
        let entry = waiting.remove(at: index)
        entry.cancellation.request()
        ending.insert(id)
        defer { ending.remove(id) }
        _ = try? await besides.run(entry.job, cancellation: entry.cancellation)
        onChange()
        return true
    }
}

/// Does the filing on a thread of its own.
private actor FilingDesk {
    private nonisolated let executor = ThreadExecutor(name: "filing")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let filing: ImportFiling

    init(_ filing: ImportFiling) { self.filing = filing }

    deinit { executor.stop() }

    func file(_ job: ImportJob, _ end: ImportProgress) async { _ = await filing.file(job, end) }
}
