internal import Catalog
internal import FoundationEssentials
package import Logging
internal import Postgres
internal import ServiceLifecycle

/// Sends what is due, as long as the program runs. Several processes may do so at once.
///
/// It sleeps until a NOTIFY, the next due time or the end of an attempt wakes it; then one transaction records what has
/// ended and takes what is due. On graceful shutdown nothing more is taken, and what is under way gets some seconds.
package struct WebhookDelivery: Service {
    private let options: WebhookOptions
    private let sender: WebhookSender
    private let conninfo: String
    private let session: Session
    let logger: Logger
    private let mailbox = Mailbox<Message>()

    /// Even if every NOTIFY is lost, nothing waits longer than this.
    private static let longestSleep = Duration.seconds(60)
    private static let pruneEvery = Duration.seconds(3600)

    /// - Parameter conninfo: the database, as libpq takes it. Two connections are opened to it.
    package init(_ options: WebhookOptions, conninfo: String, logger: Logger) {
        self.init(options, conninfo: conninfo, sender: WebhookSender(options), logger: logger)
    }

    init(_ options: WebhookOptions, conninfo: String, sender: WebhookSender, logger: Logger) {
        self.options = options
        self.sender = sender
        self.conninfo = conninfo
        self.logger = logger
        session = Session(conninfo, name: "webhooks-db")
    }

    /// - Throws: `SchemaError` when the database is not one for this program.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await listen() }
            do {
                try await withGracefulShutdownHandler {
                    try await deliver()
                } onGracefulShutdown: { [mailbox] in
                    mailbox.put(.stop)
                }
            } catch {
                group.cancelAll()
                throw error
            }
            group.cancelAll()
        }
        await sender.shutdown()
        await session.close()
    }

    // MARK: Waking

    private func listen() async {
        let session = Session(conninfo, name: "webhooks-listen")
        while !Task.isCancelled {
            do {
                try await session.run { connection in
                    try connection.listen(to: EventStore.channel)
                    // What came while nobody listened.
                    mailbox.put(.wake)
                    while true {
                        if try !connection.notifications(waiting: 60_000).isEmpty { mailbox.put(.wake) }
                    }
                }
            } catch {
                try? await Task.sleep(for: .seconds(2))
            }
        }
        await session.close()
    }

    // MARK: Delivering

    private func deliver() async throws {
        var state = State()
        try await withThrowingDiscardingTaskGroup { attempts in
            while !state.isStopping, !Task.isCancelled {
                if state.next <= .now {
                    for delivery in try await turn(&state, claiming: true) {
                        state.inFlight += 1
                        attempts.addTask { mailbox.put(.ended(await sender.attempt(delivery))) }
                    }
                }
                state.take(await mailbox.take(until: state.next))
            }
            let limit = ContinuousClock.now + .seconds(options.drainSeconds)
            while state.inFlight > 0, limit > .now, !Task.isCancelled {
                state.take(await mailbox.take(until: limit))
                _ = try await turn(&state, claiming: false)
            }
            // What is still under way ends as interrupted, and is due again at once.
            attempts.cancelAll()
        }
        state.take(await mailbox.take(until: .now))
        await recordLast(state.results)
    }

    /// One transaction: records what has ended, takes what is due, and finds out when to look again.
    private func turn(_ state: inout State, claiming: Bool) async throws -> [DueDelivery] {
        let (results, isMigrated) = (state.results, state.isMigrated)
        let cares = state.nextCare <= .now
        var limits = options.limits
        limits.total = claiming ? limits.total - state.inFlight : 0
        let (room, leaseSeconds) = (limits, options.leaseSeconds)
        do {
            let done = try await session.run { connection in
                if !isMigrated { _ = try Schema.migrate(connection) }
                return try connection.transaction {
                    let store = DeliveryStore(connection)
                    try store.dontWaitForDisk()
                    var done = Turn()
                    if cares {
                        done.interrupted = try store.recoverInterrupted(leaseSeconds: leaseSeconds)
                        try store.giveUpDisabled()
                    }
                    done.switchedOff = try store.record(results)
                    done.claimed = try store.claim(room, lease: UUID(), seconds: leaseSeconds)
                    done.secondsToNext = try store.secondsToNext()
                    return done
                }
            }
            state.results.removeFirst(results.count)
            tell(results, done)
            came(&state, done, cares: cares)
            if state.nextPrune <= .now { await prune(&state) }
            return done.claimed
        } catch let error as SchemaError {
            throw error
        } catch {
            went(&state, error)
            return []
        }
    }

    private func came(_ state: inout State, _ done: Turn, cares: Bool) {
        if state.failures > 0 { logger.notice("webhooks are delivered again") }
        state.failures = 0
        state.isMigrated = true
        let sleep = done.secondsToNext.map { min(Duration.seconds(max($0, 0.001)), WebhookDelivery.longestSleep) }
        state.next = .now + (sleep ?? WebhookDelivery.longestSleep)
        // A lease that runs out is noticed when it does; else now and then.
        if cares || state.nextCare > state.next { state.nextCare = state.next }
    }

    private func went(_ state: inout State, _ error: any Error) {
        if state.failures == 0 && !Task.isCancelled {
            logger.warning(
                "webhooks wait for the database", metadata: ["error": "\(String(reflecting: error))"])
        }
        state.failures += 1
        state.next = .now + .milliseconds(min(10_000, 200 << min(state.failures, 6)))
    }

    /// The program ends: what is known is recorded, also when our own task has been cancelled.
    private func recordLast(_ results: [DeliveryResult]) async {
        guard !results.isEmpty else { return }
        do {
            try await Task {
                try await session.run { connection in
                    try connection.transaction { _ = try DeliveryStore(connection).record(results) }
                }
            }.value
        } catch {
            logger.warning(
                "the last attempts could not be recorded; they will be repeated",
                metadata: ["webhook.attempts": "\(results.count)", "error": "\(String(reflecting: error))"])
        }
    }

    /// In small batches, so that nobody waits for them.
    private func prune(_ state: inout State) async {
        do {
            let hasMore = try await session.run { connection in
                try connection.transaction { try DeliveryStore(connection).prune() }
            }
            state.nextPrune = .now + (hasMore ? .seconds(1) : WebhookDelivery.pruneEvery)
            if hasMore { state.next = min(state.next, state.nextPrune) }
        } catch {
            state.nextPrune = .now + .seconds(60)
        }
    }
}
