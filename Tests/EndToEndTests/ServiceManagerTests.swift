import Foundation
import Glibc
import TestSupport
import Testing

/// The program as a service manager runs it (sd_notify(3)).
@Suite(.serialized) struct ServiceManagerTests {
    /// The manager's end of NOTIFY_SOCKET.
    private final class NotifySocket {
        let path: String
        private let descriptor: CInt

        init(in folder: String) throws {
            path = "\(folder)/notify"
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
            let bound = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            var limit = timeval(tv_sec: 30, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            try #require(bound == 0)
        }

        deinit { close(descriptor) }

        /// The next message; nil when none comes within half a minute.
        func next() -> String? {
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &bytes, bytes.count, 0)
            return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
        }

        /// Waits for a message, whatever comes before it.
        func has(_ message: String) -> Bool {
            while let next = next() {
                if next == message { return true }
            }
            return false
        }
    }

    @Test(arguments: [["watch"], ["serve"], ["up"]])
    func tellsWhenItIsReadyAliveAndStopping(_ command: [String]) async throws {
        try await TestDatabase.with(migrated: false) { database in
            try await withTemporaryFolder { folder in
                let manager = try NotifySocket(in: folder)
                var program = Program(folder: folder, database: database.conninfo)
                program.environment["NOTIFY_SOCKET"] = manager.path
                program.environment["WATCHDOG_USEC"] = "300000"
                let running = try program.start(command[0])
                #expect(manager.has("READY=1"), "\(running.log)")
                // Ready means that nothing that is dropped now can be missed.
                if command[0] != "serve" { #expect(program.files(below: "inbox/.work").contains(".lock")) }
                #expect(manager.has("WATCHDOG=1"))
                #expect(manager.has("WATCHDOG=1"))
                _ = running.stop()
                #expect(manager.has("STOPPING=1"))
            }
        }
    }
}
