internal import NIOPosix

/// Runs work that may block (files, folders) on NIO's threads for that, never on the cooperative pool.
func offThread<Output: Sendable>(_ body: @escaping @Sendable () throws -> Output) async throws -> Output {
    try await NIOThreadPool.singleton.runIfActive(body)
}

/// Gives an answer that may be long in coming no longer than `limit`.
///
/// Some waits cannot be interrupted: a connect to an address that swallows packets, a folder on a network mount whose
/// server is gone. Such work is cancelled and left behind, and ends when the kernel gives up on it; that is why this is
/// a task of its own and not a child task, for which we would have to wait.
///
/// - Returns: nil when the time was up, or the caller was cancelled.
func within<Output: Sendable>(
    _ limit: Duration, _ body: @escaping @Sendable () async throws -> Output
) async throws -> Output? {
    let (answers, answer) = AsyncStream.makeStream(of: Result<Output, any Error>.self)
    let work = Task {
        do {
            answer.yield(.success(try await body()))
        } catch {
            answer.yield(.failure(error))
        }
        answer.finish()
    }
    let timer = Task {
        try await Task.sleep(for: limit)
        answer.finish()
    }
    defer {
        timer.cancel()
        work.cancel()
    }
    for await result in answers { return try result.get() }
    return nil
}
