internal import CLibPQ
internal import Glibc

/// A message sent with NOTIFY.
package struct Notification: Sendable {
    package let channel: String
    package let payload: String
}

extension Connection {
    /// Starts listening; `channel` is one of our own constants.
    package func listen(to channel: String) throws {
        try canceller.check()
        guard let quoted = PQescapeIdentifier(handle, channel, channel.utf8.count) else {
            throw PostgresError(result: nil, connection: handle)
        }
        defer { PQfreemem(quoted) }
        _ = try rows(PQexec(handle, "LISTEN " + String(cString: quoted)))
    }

    package func notify(_ channel: String, _ payload: String = "") throws {
        try query("SELECT pg_catalog.pg_notify(\(channel), \(payload))")
    }

    /// Waits for notifications for up to `milliseconds`; returns what came, perhaps nothing.
    ///
    /// - Throws: `CancellationError`, at most a fifth of a second late; class 08 when the server has gone.
    package func notifications(waiting milliseconds: Int) throws -> [Notification] {
        let deadline = ContinuousClock.now + .milliseconds(milliseconds)
        while true {
            try canceller.check()
            let pending = takeNotifications()
            let left = Int((deadline - .now) / .milliseconds(1))
            if !pending.isEmpty || left <= 0 { return pending }
            // In slices, because a server that runs no statement cannot be interrupted.
            var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
            _ = poll(&descriptor, 1, CInt(min(left, 200)))
            guard PQconsumeInput(handle) == 1 else { throw PostgresError(result: nil, connection: handle) }
        }
    }

    private func takeNotifications() -> [Notification] {
        var taken: [Notification] = []
        while let notification = PQnotifies(handle) {
            taken.append(
                Notification(
                    channel: String(cString: notification.pointee.relname),
                    payload: String(cString: notification.pointee.extra)))
            PQfreemem(notification)
        }
        return taken
    }
}
