internal import Glibc

/// A small pool of sessions to one database. Sessions are made when needed, up to `maximum`, and then lent in turn.
package actor Database {
    package nonisolated let conninfo: String
    private let maximum: Int
    private var idle: [Session] = []
    private var count = 0
    private var waiting: [(number: Int, continuation: CheckedContinuation<Session, any Error>)] = []
    private var lastNumber = 0

    package init(_ conninfo: String, maximum: Int = 4) {
        precondition(maximum > 0, "a pool needs a session")
        self.conninfo = conninfo
        self.maximum = maximum
    }

    /// Lends a connection for the time of `body`, which runs on the session's own thread. Who comes first is served
    /// first; who is cancelled while waiting leaves the queue with `CancellationError`.
    package func withConnection<Output: Sendable>(
        _ body: @Sendable (Connection) throws -> Output
    ) async throws -> Output {
        let session = try await borrow()
        do {
            let output = try await session.run(body)
            giveBack(session)
            return output
        } catch {
            giveBack(session)
            throw error
        }
    }

    /// The same, inside one transaction.
    package func transaction<Output: Sendable>(
        _ body: @Sendable (Connection) throws -> Output
    ) async throws -> Output {
        try await withConnection { connection in
            try connection.transaction { try body(connection) }
        }
    }

    /// Closes idle connections.
    package func close() async {
        for session in idle { await session.close() }
    }

    private func borrow() async throws -> Session {
        if let session = idle.popLast() { return session }
        if count < maximum {
            count += 1
            return Session(conninfo, name: "postgres-\(count)")
        }
        lastNumber += 1
        let number = lastNumber
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiting.append((number, $0)) }
        } onCancel: {
            // Runs on the actor, so after the line above even if the task was cancelled before it came here.
            Task { await leave(number) }
        }
    }

    private func leave(_ number: Int) {
        guard let place = waiting.firstIndex(where: { $0.number == number }) else { return }
        waiting.remove(at: place).continuation.resume(throwing: CancellationError())
    }

    private func giveBack(_ session: Session) {
        if waiting.isEmpty {
            idle.append(session)
        } else {
            waiting.removeFirst().continuation.resume(returning: session)
        }
    }
}

func sleepMilliseconds(_ milliseconds: Int) {
    usleep(UInt32(milliseconds * 1000))
}
