internal import Glibc

/// A small pool of sessions to one database. Sessions are made when needed, up to `maximum`, and then lent in turn.
package actor Database {
    package nonisolated let conninfo: String
    private let maximum: Int
    private var idle: [Session] = []
    private var count = 0
    private var waiting: [CheckedContinuation<Session, Never>] = []

    package init(_ conninfo: String, maximum: Int = 4) {
        self.conninfo = conninfo
        self.maximum = maximum
    }

    /// Lends a connection for the time of `body`, which runs on the session's own thread.
    package func withConnection<Output: Sendable>(
        _ body: @Sendable (Connection) throws -> Output
    ) async throws -> Output {
        let session = await borrow()
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

    private func borrow() async -> Session {
        if let session = idle.popLast() { return session }
        if count < maximum {
            count += 1
            return Session(conninfo, name: "postgres-\(count)")
        }
        return await withCheckedContinuation { waiting.append($0) }
    }

    private func giveBack(_ session: Session) {
        if waiting.isEmpty {
            idle.append(session)
        } else {
            waiting.removeFirst().resume(returning: session)
        }
    }
}

func sleepMilliseconds(_ milliseconds: Int) {
    usleep(UInt32(milliseconds * 1000))
}
