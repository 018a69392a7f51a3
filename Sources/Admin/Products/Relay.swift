internal import Glibc
internal import Synchronization

/// Carries values from a thread that may block to a task that may not: a few at a time, so that the fast one waits for
/// the slow one.
final class Relay<Value: Sendable>: Sendable {
    /// Sent to nobody: who took the values has gone, or took none for a minute.
    struct Abandoned: Error {}

    let values: AsyncStream<Value>
    private let continuation: AsyncStream<Value>.Continuation
    private let credit: Credit

    private static var capacity: UInt32 { 4 }
    private static var patience: Int { 60 }

    init() {
        let credit = Credit(Relay.capacity)
        let (stream, continuation) = AsyncStream.makeStream(of: Value.self)
        self.credit = credit
        self.continuation = continuation
        values = stream
    }

    /// Blocks while four values are under way.
    func send(_ value: Value) throws(Abandoned) {
        guard credit.take(within: Relay.patience) else { throw Abandoned() }
        continuation.yield(value)
    }

    /// To be called for each value once it has been dealt with.
    func taken() { credit.give() }

    func finish() { continuation.finish() }

    /// Nobody takes values any more; whoever is in `send`, now or later, is told.
    func abandon() { credit.abandon() }
}

/// A semaphore that can be closed.
private final class Credit: Sendable {
    // sem_t is made to be shared between threads, and its address must not change.
    nonisolated(unsafe) private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    private let isAbandoned = Atomic(false)

    init(_ count: UInt32) { sem_init(semaphore, 0, count) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func give() { sem_post(semaphore) }

    func abandon() {
        isAbandoned.store(true, ordering: .releasing)
        sem_post(semaphore)
    }

    func take(within seconds: Int) -> Bool {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += seconds
        while sem_timedwait(semaphore, &deadline) != 0 {
            if errno != EINTR { return false }
        }
        return !isAbandoned.load(ordering: .acquiring)
    }
}
