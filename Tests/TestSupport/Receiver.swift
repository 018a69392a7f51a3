import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A receiver of webhooks on a port of its own, that answers as a test wants it to: well, badly, or not at all.
package final class Receiver: Sendable {
    /// What becomes of one request.
    package enum Behaviour: Sendable {
        case answer(Int, headers: [String] = [], body: String = "ok", after: Duration = .zero)
        /// Says nothing.
        case hang
        /// A good head, and a body that never ends.
        case endless
        /// Breaks the connection off instead of answering.
        case reset
        /// Bytes that are no HTTP.
        case garbage
    }

    package struct Request: Sendable {
        package let head: String
        package let headers: [String: String]
        package let body: [UInt8]
    }

    private struct State {
        var requests: [Request] = []
        var connections = 0
        var open = 0
        var mostOpen = 0
    }

    private let state = Mutex(State())
    private let behaviour: @Sendable (Int, Request) -> Behaviour
    private let tls: NIOSSLContext?
    private let channel = Mutex<(any Channel)?>(nil)

    package var port: Int { channel.withLock { $0?.localAddress?.port ?? 0 } }
    package var url: String { "\(tls == nil ? "http" : "https")://127.0.0.1:\(port)/hook" }
    package var requests: [Request] { state.withLock { $0.requests } }
    package var connections: Int { state.withLock { $0.connections } }
    /// How many requests were being answered at once, at most.
    package var mostAtOnce: Int { state.withLock { $0.mostOpen } }

    /// - Parameter behaviour: asked for each request with its number, from 0.
    package static func with<Output>(
        tls: Bool = false, _ behaviour: @escaping @Sendable (Int, Request) -> Behaviour,
        _ body: (Receiver) async throws -> Output
    ) async throws -> Output {
        let receiver = try Receiver(tls: tls, behaviour)
        try await receiver.start()
        do {
            let output = try await body(receiver)
            try await receiver.stop()
            return output
        } catch {
            try? await receiver.stop()
            throw error
        }
    }

    package static func with<Output>(
        _ behaviour: Behaviour = .answer(200), _ body: (Receiver) async throws -> Output
    ) async throws -> Output {
        try await with({ _, _ in behaviour }, body)
    }

    private init(tls: Bool, _ behaviour: @escaping @Sendable (Int, Request) -> Behaviour) throws {
        self.behaviour = behaviour
        self.tls = tls ? try SelfSigned.context() : nil
    }

    private func start() async throws {
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try channel.pipeline.syncOperations.addHandler(Conversation(self))
                }
            }
        let bound = try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
        channel.withLock { $0 = bound }
    }

    private func stop() async throws {
        try await channel.withLock { $0 }?.close()
    }

    /// Waits until so many requests have come.
    package func wait(for count: Int, seconds: Double = 60) async throws -> [Request] {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while requests.count < count {
            guard ContinuousClock.now < deadline else { throw TooFew(expected: count, came: requests.count) }
            try await Task.sleep(for: .milliseconds(5))
        }
        return requests
    }

    package struct TooFew: Error {
        let expected: Int
        let came: Int
    }

    // MARK: Conversation

    fileprivate func connected() { state.withLock { $0.connections += 1 } }

    fileprivate func came(_ request: Request) -> Behaviour {
        let number = state.withLock { state in
            state.requests.append(request)
            state.open += 1
            state.mostOpen = max(state.mostOpen, state.open)
            return state.requests.count - 1
        }
        return behaviour(number, request)
    }

    fileprivate func answered() { state.withLock { $0.open -= 1 } }
}

/// Reads requests with a `content-length` from one connection, and does to it what the receiver is told to.
private final class Conversation: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let receiver: Receiver
    private var bytes: [UInt8] = []

    init(_ receiver: Receiver) { self.receiver = receiver }

    func channelActive(context: ChannelHandlerContext) {
        receiver.connected()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes += Array(unwrapInboundIn(data).readableBytesView)
        while let request = takeRequest() { act(receiver.came(request), context) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func takeRequest() -> Receiver.Request? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let head = String(text[..<end.lowerBound])
        var headers: [String: String] = [:]
        for line in head.split(separator: "\r\n").dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
        }
        let start = head.utf8.count + 4
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        guard bytes.count >= start + length else { return nil }
        let body = Array(bytes[start..<(start + length)])
        bytes.removeFirst(start + length)
        return Receiver.Request(head: head, headers: headers, body: body)
    }

    private func act(_ behaviour: Receiver.Behaviour, _ context: ChannelHandlerContext) {
        switch behaviour {
        case .answer(let status, let headers, let body, let delay):
            let lines = headers.map { "\($0)\r\n" }.joined()
            let answer = "HTTP/1.1 \(status) Word\r\ncontent-length: \(body.utf8.count)\r\n\(lines)\r\n\(body)"
            let channel = context.channel
            let receiver = receiver
            if delay == .zero {
                channel.writeAndFlush(ByteBuffer(string: answer), promise: nil)
                receiver.answered()
            } else {
                channel.eventLoop.scheduleTask(in: .nanoseconds(Int64(delay / .nanoseconds(1)))) {
                    channel.writeAndFlush(ByteBuffer(string: answer), promise: nil)
                    receiver.answered()
                }
            }
        case .hang: break
        case .endless:
            context.channel.writeAndFlush(
                ByteBuffer(string: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), promise: nil)
            Conversation.goOn(context.channel)
        case .reset:
            // No time to linger: the kernel sends RST.
            let channel = context.channel
            (channel as! any SocketOptionProvider).setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in
                channel.close(promise: nil)
            }
            receiver.answered()
        case .garbage:
            context.channel.writeAndFlush(ByteBuffer(string: "220 mail.example ESMTP\r\n\r\n"), promise: nil)
            receiver.answered()
        }
    }

    private static func goOn(_ channel: any Channel) {
        let piece = "1000\r\n" + String(repeating: "x", count: 4096) + "\r\n"
        channel.writeAndFlush(ByteBuffer(string: piece)).whenSuccess { Conversation.goOn(channel) }
    }
}

/// For localhost, trusted by nobody, until 2126.
private enum SelfSigned {
    static func context() throws -> NIOSSLContext {
        let key = try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)
        let certificates = try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8))
        return try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key)))
    }

    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgeIwS23RcwEmfZFak
        tOuu2cyVAEj8hxEp8a18Se9J+3qhRANCAARKQZuAxLNGZCdvTvCxVF4wyfRx9Tga
        jOpO4GgD3I3XSNUGHYnwBURTxVOYsZXdq8KAKRc6mCxZlfBPYUc+7wT8
        -----END PRIVATE KEY-----
        """

    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBgDCCASWgAwIBAgIUWSYIkDhd6qHufqpGw4ELNoCJDB8wCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNDE3MjczNFoYDzIxMjYxMDMx
        MTcyNzM0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAARKQZuAxLNGZCdvTvCxVF4wyfRx9TgajOpO4GgD3I3XSNUGHYnwBURT
        xVOYsZXdq8KAKRc6mCxZlfBPYUc+7wT8o1MwUTAdBgNVHQ4EFgQUZ+eMtCfBqHf2
        1Ff9NsWShJ76mhUwHwYDVR0jBBgwFoAUZ+eMtCfBqHf21Ff9NsWShJ76mhUwDwYD
        VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA4GkHoPJJEogHTgQs4EBB
        /L+A9VakqStExgZYZiL/ra4CIQC2daG3YadTXTa1Qp1FX/vCN79qnCa+4xcaVGil
        Tyou4w==
        -----END CERTIFICATE-----
        """
}
