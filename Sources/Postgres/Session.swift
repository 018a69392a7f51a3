internal import Synchronization

/// A connection on a thread of its own: connects when it is first needed, and again after it broke.
///
/// What a run sets for the session (SET, LISTEN, advisory locks) stays until the connection is closed: use SET LOCAL
/// and transaction locks, unless the session is yours alone, and do it again after a reconnect.
package actor Session {
    private nonisolated let executor: ThreadExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let conninfo: String
    private var connection: Connection?
    /// The run that a cancelled task has to interrupt: never a later one.
    private nonisolated let running = Mutex<(run: Int, canceller: Canceller)?>(nil)
    private nonisolated let tickets = Atomic(0)

    package init(_ conninfo: String, name: String = "postgres") {
        self.conninfo = conninfo
        self.executor = ThreadExecutor(name: name)
    }

    deinit { executor.stop() }

    /// Runs `body` with the connection on this session's thread. Task cancellation interrupts the running statement,
    /// and `body` then ends with `CancellationError` or SQLSTATE 57014.
    package func run<Output: Sendable>(_ body: @Sendable (Connection) throws -> Output) async throws -> Output {
        let ticket = tickets.wrappingAdd(1, ordering: .relaxed).newValue
        return try await withTaskCancellationHandler {
            try runBlocking(ticket, body)
        } onCancel: {
            // PQcancel blocks for a round trip, and a request that arrives between two statements is lost: repeat it
            // from a thread of its own until the work has ended.
            spawnThread(named: "postgres-cancel") { [self] in
                while let canceller = requestCancel(ticket) {
                    canceller.interrupt()
                    sleepMilliseconds(100)
                }
            }
        }
    }

    private func runBlocking<Output: Sendable>(
        _ ticket: Int, _ body: (Connection) throws -> Output
    ) throws -> Output {
        try Task.checkCancellation()
        let connection = try openConnection()
        running.withLock { $0 = (ticket, connection.canceller) }
        defer {
            running.withLock { $0 = nil }
            // A late cancel request could hit the next user's statement, and an open transaction is a scope that did
            // not end: such a connection is never used again.
            if connection.isBroken || connection.isInTransaction || connection.canceller.isRequested {
                self.connection = nil
            }
        }
        if Task.isCancelled { throw CancellationError() }
        do {
            return try body(connection)
        } catch let error as PostgresError where error.isCancellation && connection.canceller.isRequested {
            throw CancellationError()
        }
    }

    /// Marks a run as cancelled; nil once it has ended. Under the lock, so that a run that ends at this moment either
    /// sees the mark and gives its connection up, or is over before the mark could meet the next run.
    private nonisolated func requestCancel(_ ticket: Int) -> Canceller? {
        running.withLock { current in
            guard let current, current.run == ticket else { return nil }
            current.canceller.request()
            return current.canceller
        }
    }

    /// The server may have closed an idle connection (a restart, an administrator): then a new one is opened at once.
    private func openConnection() throws -> Connection {
        if let connection, !connection.hasEnded() { return connection }
        connection = nil
        let opened = try Connection(conninfo)
        connection = opened
        return opened
    }

    /// Closes the connection; the next use opens a new one.
    package func close() {
        connection = nil
    }
}
