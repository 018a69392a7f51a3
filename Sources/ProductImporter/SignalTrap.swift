import Synchronization
import UnixSignals

/// SIGINT and SIGTERM from the first moment on: without it, a signal during the start would kill the program and leave
/// the embedded database behind. Whoever runs just now says what a signal means.
final class SignalTrap: Sendable {
    static let shared = SignalTrap()

    private let state = Mutex<(count: Int, handler: (@Sendable (Int) -> Void)?)>((0, nil))

    var wasCalled: Bool { state.withLock { $0.count > 0 } }

    /// Returns once signals no longer end the program by themselves.
    func install() async {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        Task.detached { [self] in
            for await _ in signals {
                let (count, handler) = state.withLock { state in
                    state.count += 1
                    return (state.count, state.handler)
                }
                handler?(count)
            }
        }
    }

    /// Runs `body` while signals call `handler` with how many have come so far, also for those that came before.
    func handling<Output>(
        _ handler: @escaping @Sendable (Int) -> Void, _ body: () async throws -> Output
    ) async rethrows -> Output {
        let (before, count) = state.withLock { state in
            let before = state.handler
            state.handler = handler
            return (before, state.count)
        }
        defer { state.withLock { $0.handler = before } }
        if count > 0 { handler(count) }
        return try await body()
    }
}
