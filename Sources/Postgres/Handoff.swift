internal import Glibc

/// Hands values from thread to thread, in order. Taking blocks the calling thread until there is one, so this is for
/// threads of our own and not for the cooperative pool.
package final class Handoff<Value: Sendable>: @unchecked Sendable {
    // Everything below is guarded by `mutex`; pthread objects need a stable address, hence the pointers.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var values: [Value] = []
    private var isClosed = false

    package init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    package func put(_ value: Value) {
        pthread_mutex_lock(mutex)
        values.append(value)
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    /// No more values come: who takes gets those that are there, and then nil.
    package func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }

    /// The next value; nil once all have been taken and no more will come.
    package func take() -> Value? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while values.isEmpty && !isClosed { pthread_cond_wait(condition, mutex) }
        return values.isEmpty ? nil : values.removeFirst()
    }
}
