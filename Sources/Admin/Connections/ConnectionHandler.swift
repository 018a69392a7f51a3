internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes

/// A request's body came in slower than anybody needs to send one.
struct RequestTooSlow: Error {}

/// Watches over one connection: slow senders are told and let go, so that they cost little however many they are.
///
/// The head is under the server's idle timeout, which only whole parts of a request reset. Bodies reset it with every
/// byte, so they are measured here: a body may keep us waiting for half a minute, and for as long as it takes at four
/// KiB a second on top of that. Time in which *we* do not read (a slow disk, say) does not count.
///
/// An answer that is given before the whole body is here (it is too large, say) is followed by the end of the
/// connection: otherwise the rest would have to be read.
///
/// What is no HTTP request at all never reaches the router: the server's own answer to it, which is empty, becomes one
/// that says why.
final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let limit: ConnectionLimit
    private var isReceiving = false
    private var hasFailed = false
    private var bytes = 0
    /// Time for which a read was outstanding during this body.
    private var waited = TimeAmount.zero
    private var waitsSince: NIODeadline?
    private var check: RepeatedTask?
    private var farewell: Scheduled<Void>?
    /// What is to be said about something that could not be read.
    private var refusal: Problem?

    static let grace = TimeAmount.seconds(30)
    static let bytesPerSecond = 4 << 10
    /// How long a client may take to read an answer that came before it had sent everything.
    private static let linger = TimeAmount.seconds(2)

    init(limit: ConnectionLimit) { self.limit = limit }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { limit.opened(context.channel) }
    }

    func channelActive(context: ChannelHandlerContext) {
        limit.opened(context.channel)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        limit.closed(context.channel)
        check?.cancel()
        farewell?.cancel()
        context.fireChannelInactive()
    }

    func read(context: ChannelHandlerContext) {
        if isReceiving, waitsSince == nil { waitsSince = context.eventLoop.now }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        stopWaiting(context)
        switch unwrapInboundIn(data) {
        case .head: begin(context)
        case .body(let piece): bytes += piece.readableBytes
        case .end:
            isReceiving = false
            check?.cancel()
            farewell?.cancel()
            limit.changed(context.channel, to: .answering)
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let part = unwrapOutboundIn(data)
        if case .head(let head) = part, let answer = refusal?.replacing(head) {
            context.write(wrapOutboundOut(.head(answer.head)), promise: promise)
            context.write(wrapOutboundOut(.body(answer.body)), promise: nil)
            return
        }
        if case .end = part {
            limit.changed(context.channel, to: .idle)
            if isReceiving || refusal != nil { sayFarewell(context) }
        }
        context.write(data, promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? HTTPParserError { refusal = Problem(error) }
        context.fireErrorCaught(error)
    }

    // MARK: A body

    private func begin(_ context: ChannelHandlerContext) {
        isReceiving = true
        (bytes, waited, waitsSince) = (0, .zero, nil)
        limit.changed(context.channel, to: .receiving)
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        check = context.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(5), delay: .seconds(5)) { _ in
            bound.value.handler.checkPace(bound.value.context)
        }
    }

    private func stopWaiting(_ context: ChannelHandlerContext) {
        if let waitsSince { waited = waited + (context.eventLoop.now - waitsSince) }
        waitsSince = nil
    }

    private func checkPace(_ context: ChannelHandlerContext) {
        let waited = self.waited + (waitsSince.map { context.eventLoop.now - $0 } ?? .zero)
        let allowed = ConnectionHandler.grace + .seconds(Int64(bytes / ConnectionHandler.bytesPerSecond))
        guard isReceiving, !hasFailed, waited > allowed else { return }
        hasFailed = true
        check?.cancel()
        // Ends the body with this error for whoever reads it, and closes if nobody answers.
        context.fireErrorCaught(RequestTooSlow())
        sayFarewell(context)
    }

    private func sayFarewell(_ context: ChannelHandlerContext) {
        guard farewell == nil else { return }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        farewell = context.eventLoop.scheduleTask(in: ConnectionHandler.linger) {
            bound.value.close(mode: .all, promise: nil)
        }
    }
}

extension Problem {
    /// A request that cannot be read.
    fileprivate init(_ error: HTTPParserError) {
        switch error {
        case .headerOverflow:
            self.init(.requestHeaderFieldsTooLarge, "The address or a header of the request is too long. Shorten it.")
        case .invalidMethod:
            self.init(.notImplemented, "This server knows no such method. See /openapi.json for those it knows.")
        case .invalidVersion:
            self.init(.httpVersionNotSupported, "This server speaks HTTP/1.1.")
        default:
            self.init(.badRequest, "This is no HTTP/1.1 request that can be read. Send it again.")
        }
    }

    /// The whole answer in place of the empty one of the server; nil when it is another one.
    fileprivate func replacing(_ head: HTTPResponse) -> (head: HTTPResponse, body: ByteBuffer)? {
        guard head.status == .badRequest, head.headerFields[.contentLength] == "0",
            let json = try? ByteBuffer(json: self)
        else { return nil }
        var answer = HTTPResponse(status: status, headerFields: head.headerFields)
        answer.headerFields[.contentType] = Problem.mediaType
        answer.headerFields[.contentLength] = "\(json.readableBytes)"
        answer.headerFields[.cacheControl] = "no-store"
        SecurityHeaders.add(to: &answer.headerFields)
        return (answer, json)
    }
}
