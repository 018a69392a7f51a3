import Glibc
import Synchronization

/// Ctrl-C and SIGTERM end the benchmark between two steps, so that it leaves no server and no watcher behind.
enum Interruption: Error {
    case requested

    private static let isRequested = Atomic(false)

    static func install() {
        for number in [SIGINT, SIGTERM] {
            signal(number) { _ in Interruption.isRequested.store(true, ordering: .relaxed) }
        }
    }

    static func check() throws {
        if isRequested.load(ordering: .relaxed) { throw Interruption.requested }
    }
}
