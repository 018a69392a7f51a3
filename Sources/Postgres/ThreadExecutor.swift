internal import CLinux
internal import Glibc

/// A serial executor with a thread of its own, so that blocking C calls never hold a thread of the cooperative pool.
package final class ThreadExecutor: SerialExecutor {
    private let jobs = Handoff<UnownedJob>()

    package init(name: String) {
        spawnThread(named: name) { [self] in
            while let job = jobs.take() { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }

    package func enqueue(_ job: consuming ExecutorJob) { jobs.put(UnownedJob(job)) }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    /// Ends the thread after the jobs it already has. Nothing may be enqueued afterwards.
    package func stop() { jobs.close() }
}

/// Starts a detached thread that runs `body` once.
package func spawnThread(named name: String, _ body: @escaping @Sendable () -> Void) {
    final class Box {
        let body: @Sendable () -> Void
        let name: String
        init(_ body: @escaping @Sendable () -> Void, _ name: String) {
            self.body = body
            self.name = name
        }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, 16 << 20)
    pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(Box(body, name)).toOpaque()
    let status = pthread_create(
        &thread, &attributes,
        { argument in
            let box = Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue()
            pthread_setname_np(pthread_self(), String(box.name.prefix(15)))
            box.body()
            return nil
        }, argument)
    precondition(status == 0, "no thread could be started: error \(status)")
}
