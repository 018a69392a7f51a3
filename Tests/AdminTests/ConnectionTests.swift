import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import Admin

@Suite struct ConnectionTests {
    @Test func aBodyThatDripsIsEndedAndAQuickOneIsNot() throws {
        let slow = Connection()
        try slow.begin()
        var seconds = 0
        // A byte a second, as slow clients do.
        while !slow.errors.hasFailed, seconds < 120 {
            seconds += 1
            slow.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
            try slow.receive(bytes: 1)
        }
        #expect((30...40).contains(seconds))
        // Time to read the answer, then it is over.
        slow.channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(!slow.channel.isActive)

        let quick = Connection()
        try quick.begin()
        for _ in 0..<600 {
            quick.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
            try quick.receive(bytes: 8 << 10)
        }
        #expect(!quick.errors.hasFailed && quick.channel.isActive)
        _ = try quick.channel.finish()
    }

    @Test func timeInWhichNobodyReadsDoesNotCount() throws {
        let connection = Connection()
        try connection.begin(reading: false)
        connection.channel.embeddedEventLoop.advanceTime(by: .seconds(600))
        #expect(!connection.errors.hasFailed && connection.channel.isActive)
        _ = try connection.channel.finish()
    }

    @Test func anAnswerBeforeTheEndOfItsRequestEndsTheConnection() throws {
        let connection = Connection()
        try connection.begin()
        try connection.answer()
        #expect(connection.channel.isActive)
        connection.channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(!connection.channel.isActive)

        let whole = Connection()
        try whole.begin()
        try whole.channel.writeInbound(HTTPRequestPart.end(nil))
        try whole.answer()
        whole.channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        #expect(whole.channel.isActive)
        _ = try whole.channel.finish()
    }

    @Test func theOneThatIsIdleForLongestGivesWay() throws {
        let limit = ConnectionLimit(3)
        let connections = (0..<3).map { _ in Connection(limit: limit) }
        try connections[0].begin()
        try connections[0].channel.writeInbound(HTTPRequestPart.end(nil))
        try connections[1].begin()
        #expect(limit.count == 3)
        let fourth = Connection(limit: limit)
        fourth.run()
        connections.forEach { $0.run() }
        #expect(connections.map(\.channel.isActive) == [true, true, false] && fourth.channel.isActive)
        // One whose body comes in gives way before one that is being answered; a new one only when all are.
        try fourth.begin()
        try fourth.channel.writeInbound(HTTPRequestPart.end(nil))
        let fifth = Connection(limit: limit)
        connections.forEach { $0.run() }
        #expect(connections.map(\.channel.isActive) == [true, false, false] && fifth.channel.isActive)
        #expect(limit.count == 3)
        for connection in connections + [fourth, fifth] { _ = try? connection.channel.finish() }
        #expect(limit.count == 0)
    }
}

/// A connection without a network, whose clock is turned by hand.
private final class Connection {
    final class Errors: ChannelInboundHandler {
        typealias InboundIn = HTTPRequestPart
        var hasFailed = false
        func errorCaught(context: ChannelHandlerContext, error: any Error) { hasFailed = error is RequestTooSlow }
    }

    let channel = EmbeddedChannel()
    let errors = Errors()

    init(limit: ConnectionLimit = ConnectionLimit(10)) {
        let operations = channel.pipeline.syncOperations
        try? operations.addHandlers([ConnectionHandler(limit: limit), errors])
        try? channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        // Reads by itself as long as its option says so.
        run()
    }

    func run() { channel.embeddedEventLoop.run() }

    func begin(reading: Bool = true) throws {
        let head = HTTPRequest(method: .post, scheme: "http", authority: "localhost", path: "/")
        try channel.writeInbound(HTTPRequestPart.head(head))
        if reading { channel.read() }
    }

    func receive(bytes: Int) throws {
        try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(repeating: 0x20, count: bytes)))
        channel.read()
    }

    func answer() throws {
        try channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: .contentTooLarge)))
        try channel.writeOutbound(HTTPResponsePart.end(nil))
    }
}
