package import Catalog
internal import FoundationEssentials
package import Logging
package import Pipeline
internal import Postgres
internal import ServiceLifecycle

/// Watches one inbox: files become claimed drops, drops become imports, one after the other.
///
/// `run` ends on graceful shutdown: nothing more is claimed, and the running import is given some seconds before it is
/// rolled back. Whatever was not imported is still there at the next start.
package actor InboxService: Service {
    private enum Message: Sendable {
        case event(InboxWatch.Event)
        case stop
    }

    private nonisolated let executor = ThreadExecutor(name: "inbox")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let options: InboxOptions
    private let folders: InboxFolders
    private let outbox: Outbox
    private let logger: Logger
    /// Claims, recovery and cancellations; the queue has a connection of its own.
    private let session: Session
    private let queue: ImportQueue
    private let keeper: OutboxKeeper
    private let onWatching: @Sendable () -> Void
    private nonisolated let mailbox = Mailbox<Message>()
    private var tracker: DropTracker
    private var database = DatabaseAvailability()
    /// Since when nobody needs to be told that events are lost.
    private var toldLost: ContinuousClock.Instant?
    /// Claimed, but not recorded yet because the database went away in between.
    private var unrecorded: [ClaimedDrop] = []

    /// How many files are claimed before their rows are made.
    private static let batch = 256
    /// More than a tick of the kernel's clock, by which the times of files are told.
    private static let tickSeconds = 0.02

    /// - Parameters:
    ///   - conninfo: the database, as libpq takes it. The service opens two connections to it.
    ///   - pipelineOptions: its settle time is set from `options`.
    ///   - onWatching: called once the inbox is ours and no drop can be missed.
    package init(
        options: InboxOptions, conninfo: String, pipelineOptions: ImportPipeline.Options = .init(), logger: Logger,
        onWatching: @escaping @Sendable () -> Void = {}
    ) {
        self.onWatching = onWatching
        self.options = options
        self.logger = logger
        folders = InboxFolders(inbox: options.inbox)
        outbox = Outbox(path: options.outbox)
        session = Session(conninfo, name: "inbox-db")
        var pipelineOptions = pipelineOptions
        pipelineOptions.settleSeconds = options.settleSeconds
        keeper = OutboxKeeper(outbox, retentionDays: options.retentionDays, logger: logger)
        queue = ImportQueue(
            session: Session(conninfo, name: "import-db"), control: session, outbox: outbox, options: pipelineOptions,
            logger: logger, onChange: { [keeper] in keeper.changed() })
        tracker = DropTracker(
            folders: folders, outbox: outbox, settle: .seconds(options.settleSeconds), logger: logger)
    }

    deinit { executor.stop() }

    /// Files in the inbox that are not ours to import, for a page that shows them.
    package var otherFiles: Set<InboxFile> { tracker.others }

    /// Cancels a drop that is queued or running here. It then ends as `cancelled`, unless its COMMIT is under way.
    @discardableResult
    package func cancel(_ id: ImportID) async -> Bool { await queue.cancel(id) }

    // MARK: Life

    /// - Throws: `InboxError`, `SystemError` or `SchemaError`, in words for the person who started the program.
    package func run() async throws {
        try folders.make()
        try outbox.prepare()
        var lock = try folders.lock()
        let inbox = try folders.identity()
        let watch = try InboxWatch(folders, logger: logger) { [mailbox] in mailbox.put(.event($0)) }
        logger.notice("watching", metadata: ["inbox.path": "\(options.inbox)", "inbox.id": "\(inbox)"])
        onWatching()
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                let importsEnded = Mailbox<Void>()
                group.addTask { [keeper] in await keeper.run() }
                group.addTask { [queue] in
                    await queue.run()
                    importsEnded.put(())
                }
                do {
                    try await withGracefulShutdownHandler {
                        try await watchOver(inbox, &lock)
                    } onGracefulShutdown: { [mailbox] in
                        mailbox.put(.stop)
                    }
                } catch {
                    group.cancelAll()
                    throw error
                }
                await queue.stop()
                _ = await importsEnded.take(until: .now + .seconds(options.drainSeconds))
                group.cancelAll()
            }
        } catch {
            await watch.stop()
            withExtendedLifetime(lock) {}
            throw error
        }
        await watch.stop()
        // Nobody else may watch before the last import has ended.
        withExtendedLifetime(lock) {}
        logger.notice("no longer watching", metadata: ["inbox.path": "\(options.inbox)"])
    }

    /// Looks, claims and recovers, until the program is to stop.
    private func watchOver(_ inbox: UUID, _ lock: inout Descriptor) async throws {
        let recovery = Recovery(
            folders: folders, inbox: inbox, outbox: outbox, session: session,
            commandWork: options.commandWorkFolder ?? "\(options.outbox)/.work", logger: logger)
        var claims = FileClaim(folders: folders, inbox: inbox)
        // Before any event is looked at: what came earlier has none.
        var nextScan = try await scanAll(&lock, inbox)
        var nextRecovery = ContinuousClock.now
        /// Set while files could not be claimed.
        var nextClaim: ContinuousClock.Instant?
        /// Which state of the inbox the overview knows.
        var toldVersion = -1
        /// Set while there is anything that could be cancelled.
        var nextCancelCheck: ContinuousClock.Instant?
        while !Task.isCancelled {
            let due = [nextScan, database.nextTry ?? nextRecovery, tracker.nextCheck, nextClaim, nextCancelCheck]
                .compactMap(\.self).min()
            var hasScannedAll = false
            for message in await mailbox.take(until: due) {
                switch message {
                case .stop: return
                case .event(.rescan(let reason)):
                    // Here and not later: the events before tell of earlier files, those behind of later ones.
                    guard !hasScannedAll else { continue }
                    tell(reason)
                    nextScan = try await scanAll(&lock, inbox)
                    hasScannedAll = true
                case .event(let event): look(event)
                }
            }
            if nextScan <= .now {
                nextScan = try scan(&lock, inbox, leavingYounger: 1)
            } else {
                tracker.recheck(now: .now)
            }
            if nextRecovery <= .now, database.isDue {
                // Drops of an earlier run come before any new claim.
                if try await recover(recovery) { nextRecovery = .now + .seconds(options.recoverySeconds) }
            }
            nextClaim = try await claim(&claims) ? nil : .now + .seconds(1)
            if tracker.notesVersion != toldVersion {
                toldVersion = tracker.notesVersion
                keeper.changed(tracker.inboxNotes)
            }
            if nextCancelCheck ?? .now <= .now {
                nextCancelCheck = await cancelRequested(inbox) ? .now + .milliseconds(500) : nil
            }
        }
    }

    /// Looks for files that can have no event any more. What comes meanwhile has one.
    ///
    /// - Returns: when to look again.
    private func scanAll(_ lock: inout Descriptor, _ inbox: UUID) async throws -> ContinuousClock.Instant {
        // Whatever was there before the watch, or came when events were lost, is now older than a tick.
        try? await Task.sleep(for: .seconds(InboxService.tickSeconds))
        return try scan(&lock, inbox, leavingYounger: InboxService.tickSeconds)
    }

    private func scan(
        _ lock: inout Descriptor, _ inbox: UUID, leavingYounger seconds: Double
    ) throws -> ContinuousClock.Instant {
        try keep(&lock, inbox)
        let hasYoung = tracker.scan(now: .now, leavingYounger: seconds)
        return .now + .seconds(hasYoung ? min(1, options.scanSeconds) : options.scanSeconds)
    }

    /// Events are lost by the hundred when they are: one warning a minute is enough.
    private func tell(_ reason: InboxWatch.Reason) {
        let isNews = toldLost.map { $0 + .seconds(60) < .now } ?? true
        logger.log(
            level: isNews ? .warning : .debug, "looking at the whole inbox",
            metadata: ["inbox.reason": "\(reason.rawValue)"])
        if isNews { toldLost = .now }
    }

    private func look(_ event: InboxWatch.Event) {
        switch event {
        case .created(let file), .closed(let file), .attributes(let file), .gone(let file):
            tracker.look(at: file, now: .now)
        case .movedIn(let file): tracker.look(at: file, movedIn: true, now: .now)
        case .rescan: break
        }
    }

    /// Makes folders again that were deleted, and locks the inbox again when it is another folder than before.
    private func keep(_ lock: inout Descriptor, _ inbox: UUID) throws {
        do {
            try folders.make()
            try outbox.prepare()
            guard !folders.holds(lock) else { return }
            lock = try folders.lock()
            _ = try folders.identity(new: inbox)
        } catch let error as SystemError {
            logger.error("the inbox or outbox cannot be used", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Database work

    /// - Returns: whether it has been done; otherwise the database is away.
    private func recover(_ recovery: Recovery) async throws -> Bool {
        var inHand = await queue.inHand
        inHand.formUnion(unrecorded.map(\.job.id))
        do {
            if database.isNew { try await session.run { _ = try Schema.migrate($0) } }
            await queue.add(try await recovery.run(inHand: inHand))
            database.came(logger)
            return true
        } catch let error as SchemaError {
            throw error
        } catch is CancellationError {
            return false
        } catch {
            away(error)
            return false
        }
    }

    /// Claims what is ready and records it, as long as the database answers.
    ///
    /// - Returns: false when the machine is in trouble, and the rest is to be claimed a little later.
    private func claim(_ claims: inout FileClaim) async throws -> Bool {
        var hasDelayed = false
        while !hasDelayed, tracker.hasReady || !unrecorded.isEmpty {
            guard database.isDue, !database.isNew else {
                tracker.hold(database.reason)
                return true
            }
            do {
                try await check()
                if unrecorded.isEmpty {
                    let outcomes = claims.claim(tracker.takeReady(InboxService.batch))
                    hasDelayed = tracker.ended(outcomes, now: .now)
                    for case (_, .claimed(let drop)) in outcomes { unrecorded.append(drop) }
                }
                try await record(unrecorded)
                database.came(logger)
                let recorded = unrecorded
                unrecorded = []
                await queue.add(recorded)
            } catch is CancellationError {
                return true
            } catch {
                away(error)
                return true
            }
        }
        return !hasDelayed
    }

    /// Nothing is claimed while the database is away. A connection that died in the meantime is replaced first.
    private func check() async throws {
        do {
            try await session.run { _ = try $0.query("SELECT 1") }
        } catch let error as PostgresError where error.remedy == .reconnect {
            try await session.run { _ = try $0.query("SELECT 1") }
        }
    }

    private func record(_ claimed: [ClaimedDrop]) async throws {
        guard !claimed.isEmpty else { return }
        try await session.run { connection in
            try connection.transaction {
                let store = ImportStore(connection)
                for drop in claimed {
                    let job = drop.job
                    try store.insert(
                        job.id, inbox: job.inbox, file: job.file, dryRun: job.dryRun, bytes: drop.bytes,
                        receivedAt: job.receivedAt)
                }
            }
        }
        let uploads = UploadFolder(inbox: options.inbox)
        for job in claimed.map(\.job) {
            uploads.removeTicket(job.id)
            logger.info("claimed", metadata: ["import.id": "\(job.id)", "import.file": "\(job.file)"])
        }
    }

    /// Carries wishes to cancel, which other processes write into the rows, to the queue.
    ///
    /// - Returns: whether there is anything in hand that could be cancelled.
    private func cancelRequested(_ inbox: UUID) async -> Bool {
        guard await queue.isBusy else { return false }
        let requested = try? await session.run { try ImportStore($0).cancelRequests(inbox: inbox) }
        for id in requested ?? [] { await queue.cancel(id) }
        return true
    }

    private func away(_ error: any Error) {
        database.went(error, logger)
        tracker.hold(database.reason)
        for drop in unrecorded { drop.tell(.waiting, database.reason, in: outbox, logger) }
    }
}
