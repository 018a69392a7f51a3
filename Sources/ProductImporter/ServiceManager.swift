import Glibc
import ServiceLifecycle
import Synchronization

/// Tells the service manager how this process is: the datagrams of sd_notify(3), without its library.
/// Where nobody asks (no `NOTIFY_SOCKET`), it does nothing.
struct ServiceManager: Sendable {
    private let socketPath: String?
    /// How often a sign of life is expected, if at all (`WATCHDOG_USEC`).
    let watchdog: Duration?

    init(environment: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }) {
        socketPath = environment("NOTIFY_SOCKET").flatMap { $0.isEmpty ? nil : $0 }
        let isMeant = environment("WATCHDOG_PID").map { pid_t($0) == getpid() } ?? true
        let microseconds = environment("WATCHDOG_USEC").flatMap { Int64($0) } ?? 0
        watchdog = isMeant && microseconds > 0 ? .microseconds(microseconds) : nil
    }

    /// - Parameter state: assignments, one a line: `READY=1`.
    func tell(_ state: String) {
        guard let socketPath else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(socketPath.utf8)
        // An abstract name begins with NUL, and is written with @.
        if path.first == UInt8(ascii: "@") { path[0] = 0 }
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count + (path[0] == 0 ? 0 : 1))

        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var bytes = Array(state.utf8)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(descriptor, &bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, length)
            }
        }
    }
}

/// What of a process must have come up before the service manager hears that it is ready.
final class StartUp: Sendable {
    enum Part: Hashable { case inbox, admin }

    private let manager: ServiceManager
    private let awaited: Mutex<Set<Part>>

    init(_ manager: ServiceManager, awaiting parts: Set<Part>) {
        self.manager = manager
        awaited = Mutex(parts)
    }

    func isUp(_ part: Part) {
        let isReady = awaited.withLock { $0.remove(part) != nil && $0.isEmpty }
        if isReady { manager.tell("READY=1") }
    }
}

/// Signs of life for the service manager's watchdog, and word of the end. They come from the pool of threads that all
/// services share, so they stop when that is stuck.
struct SignsOfLife: Service {
    let manager: ServiceManager

    func run() async throws {
        let pause = manager.watchdog.map { $0 / 3 } ?? .seconds(86_400)
        while !Task.isShuttingDownGracefully {
            if manager.watchdog != nil { manager.tell("WATCHDOG=1") }
            await cancelWhenGracefulShutdown { try? await Task.sleep(for: pause) }
            if Task.isCancelled { return }
        }
        manager.tell("STOPPING=1")
    }
}
