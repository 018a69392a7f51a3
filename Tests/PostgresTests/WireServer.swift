import Glibc
import Postgres
import Synchronization

/// A Unix socket in a folder on which clients find a server that we made up, one client at a time.
final class WireServer: Sendable {
    let conninfo: String
    private let listener: CInt

    /// - Parameter serve: runs on a thread of its own with the descriptor of each client, which it need not close.
    init(folder: String, _ serve: @escaping @Sendable (CInt) -> Void) throws {
        listener = try WireServer.socket("\(folder)/.s.PGSQL.5432") { bind($0, $1, $2) }
        listen(listener, 8)
        conninfo = "host=\(folder) port=5432 user=importer dbname=importer"
        spawnThread(named: "wire-server") { [listener] in
            while case let client = accept(listener, nil, nil), client >= 0 {
                serve(client)
                close(client)
            }
            // Only here, where nobody waits for it any more: the next socket may get its number.
            close(listener)
        }
    }

    deinit { shutdown(listener, CInt(SHUT_RDWR)) }

    /// A server that refuses every client with this error.
    static func refusing(folder: String, sqlState: String, message text: String) throws -> WireServer {
        try WireServer(folder: folder) { client in
            _ = receive(client)
            send(message("E", "SFATAL", "VFATAL", "C\(sqlState)", "M\(text)", ""), to: client)
        }
    }

    /// A server that lets every client in, and dies while the client does nothing, with the words of a crash.
    static func crashing(folder: String, when die: Signal, then died: Signal) throws -> WireServer {
        try WireServer(folder: folder) { client in
            _ = receive(client)
            send([UInt8(ascii: "R"), 0, 0, 0, 8, 0, 0, 0, 0], to: client)
            send(message("S", "server_encoding", "UTF8") + message("S", "client_encoding", "UTF8"), to: client)
            send([UInt8(ascii: "Z"), 0, 0, 0, 5, UInt8(ascii: "I")], to: client)
            die.wait()
            send(message("N", "SWARNING", "VWARNING", "C57P02", "Mterminating connection", ""), to: client)
            shutdown(client, CInt(SHUT_RDWR))
            died.send()
        }
    }

    /// Something that happens once, for threads to wait for.
    final class Signal: Sendable {
        private let hasHappened = Atomic(false)
        func send() { hasHappened.store(true, ordering: .releasing) }
        func wait() { while !hasHappened.load(ordering: .acquiring) { usleep(1000) } }
    }

    /// A message of the protocol: its letter, its length, and fields that end with a zero byte.
    private static func message(_ type: Unicode.Scalar, _ fields: String...) -> [UInt8] {
        let body: [UInt8] = fields.flatMap { Array($0.utf8) + [0] }
        let length = withUnsafeBytes(of: UInt32(body.count + 4).bigEndian) { Array($0) }
        return [UInt8(ascii: type)] + length + body
    }

    enum Cut: Sendable { case beforeCommit, afterCommit }

    /// A server that passes everything on to the real one until the client says COMMIT, and then cuts the client off:
    /// before the real server has heard it, or after it has done it.
    static func cutting(_ cut: Cut, folder: String, upstream: String) throws -> WireServer {
        try WireServer(folder: folder) { client in
            guard let server = try? socket(upstream, { connect($0, $1, $2) }) else { return }
            defer { close(server) }
            while true {
                var ready = [
                    pollfd(fd: client, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: server, events: Int16(POLLIN), revents: 0),
                ]
                guard poll(&ready, 2, -1) > 0 else { return }
                if ready[0].revents != 0 {
                    let bytes = receive(client)
                    if bytes.isEmpty { return }
                    let isCommit = bytes.first == UInt8(ascii: "Q") && bytes.dropFirst(5).elementsEqual("COMMIT\0".utf8)
                    if isCommit && cut == .beforeCommit { return }
                    send(bytes, to: server)
                    if isCommit {
                        _ = receive(server)
                        return
                    }
                }
                if ready[1].revents != 0 {
                    let bytes = receive(server)
                    if bytes.isEmpty { return }
                    send(bytes, to: client)
                }
            }
        }
    }

    private static func receive(_ descriptor: CInt) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(descriptor, &buffer, buffer.count)
        return Array(buffer.prefix(max(count, 0)))
    }

    private static func send(_ bytes: [UInt8], to descriptor: CInt) {
        _ = Glibc.send(descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL))
    }

    private static func socket(
        _ path: String, _ open: (CInt, UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) throws -> CInt {
        let descriptor = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                open(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else {
            close(descriptor)
            throw SocketError(code: errno)
        }
        return descriptor
    }

    struct SocketError: Error {
        let code: CInt
    }
}
