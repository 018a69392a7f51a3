internal import Hummingbird
internal import Logging
internal import NIOCore

/// What a request carries beside itself: Hummingbird's own facts, and who sent it.
struct AdminContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Filled in by `HostGuard`, which every request meets first.
    var client = Client()
    /// The other end of the connection; nil in tests without a socket.
    let peer: SocketAddress?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        peer = source.channel.remoteAddress
    }

    /// Who asks, and by which name: as the connection tells, or a proxy that is trusted to.
    struct Client: Sendable {
        /// As in a `Host` header, with its port when it has one.
        var host = ""
        var scheme = "http"
        /// An address without a port; empty when it is not known.
        var address = ""
        /// The path below which a proxy serves us, without a slash at its end.
        var prefix = ""
    }
}

/// The rest of the way, as Hummingbird hands it to its middleware.
typealias AdminNext = @concurrent (Request, AdminContext) async throws -> Response
