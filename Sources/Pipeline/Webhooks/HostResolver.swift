internal import Glibc
internal import Postgres
internal import Synchronization

/// Finds the addresses of a name, as the system does for everybody.
struct HostResolver: Sendable {
    /// No such name, or nobody who could be asked.
    struct NotFound: Error {
        let message: String
        /// The time was up before there was an answer.
        var isTimeout = false
    }

    let resolve: @Sendable (String, ContinuousClock.Instant) async throws -> [IPAddress]

    /// `getaddrinfo`. Numbers in all their spellings are answered at once; a name is looked up on a thread of its own,
    /// which nothing can interrupt: it is left behind when the deadline passes.
    static let system = HostResolver { host, deadline in
        if let addresses = try? lookUp(host, flags: AI_NUMERICHOST) { return addresses }
        let answer = Answer()
        return try await withThrowingTaskGroup(of: [IPAddress].self) { group in
            group.addTask {
                try await answer.wait {
                    spawnThread(named: "resolver") { answer.give(Result { try lookUp(host, flags: 0) }) }
                }
            }
            group.addTask {
                try await Task.sleep(until: deadline, clock: .continuous)
                throw NotFound(message: "The name \(host) was not found in time.", isTimeout: true)
            }
            defer {
                group.cancelAll()
                answer.give(.failure(CancellationError()))
            }
            return try await group.next()!
        }
    }

    /// One answer, for one who waits; whatever is given after the first is dropped.
    private final class Answer: Sendable {
        private let continuation = Mutex<CheckedContinuation<[IPAddress], any Error>?>(nil)

        func wait(_ start: () -> Void) async throws -> [IPAddress] {
            try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { new in
                    continuation.withLock { $0 = new }
                    start()
                }
            } onCancel: {
                give(.failure(CancellationError()))
            }
        }

        func give(_ result: Result<[IPAddress], any Error>) {
            let waiting = continuation.withLock { waiting in
                defer { waiting = nil }
                return waiting
            }
            waiting?.resume(with: result)
        }
    }

    private static func lookUp(_ host: String, flags: CInt) throws -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_flags = flags
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, nil, &hints, &list)
        guard status == 0 else {
            throw NotFound(message: "The name \(host) was not found: \(String(cString: gai_strerror(status))).")
        }
        defer { freeaddrinfo(list) }
        var found: [IPAddress] = []
        var next = list
        while let entry = next {
            if let address = IPAddress(UnsafePointer(entry.pointee.ai_addr)), !found.contains(address) {
                found.append(address)
            }
            next = entry.pointee.ai_next
        }
        return found
    }
}
