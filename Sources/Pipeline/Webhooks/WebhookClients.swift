internal import AsyncHTTPClient
internal import NIOCore
internal import NIOSSL
internal import Synchronization

/// HTTP clients that connect to the address that was checked, and to no other.
///
/// AsyncHTTPClient takes its `dnsOverride` for a whole client, so each name and address has a client of its own; they
/// are light, and share their threads. Where the URL has an address in its strict form, nothing is ever looked up, and
/// one client serves all.
final class WebhookClients: Sendable {
    private struct Pin: Hashable {
        let host: String
        let address: String
    }

    private struct Lent {
        let client: HTTPClient
        var users = 0
        /// A place in the order of uses.
        var lastUse = 0
    }

    private struct State {
        var clients: [Pin?: Lent] = [:]
        var uses = 0
    }

    private let state = Mutex(State())
    private let configuration: HTTPClient.Configuration

    /// More of them than this are shut down when nobody uses them.
    private static let maximumIdle = 64

    /// - Parameters:
    ///   - seconds: of a whole attempt; connecting may take two thirds of it.
    ///   - connections: to one host.
    init(seconds: Double, connections: Int, tls: TLSConfiguration? = nil) {
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(
                connect: .milliseconds(Int64(seconds * 1000 * 2 / 3)), read: .milliseconds(Int64(seconds * 1000)),
                write: .milliseconds(Int64(seconds * 1000))))
        configuration.httpVersion = .http1Only
        // Short, because a server that closes an idle connection just when we use it looks like a failure.
        configuration.connectionPool.idleTimeout = .seconds(5)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        // Trying again is our business, and has its schedule.
        configuration.connectionPool.retryConnectionEstablishment = false
        self.configuration = configuration
    }

    deinit {
        // Who serves until the process ends has no moment to shut down in; a client wants it all the same.
        let clients = state.withLock { $0.clients.values.map(\.client) }
        if !clients.isEmpty { Task { for client in clients { try? await client.shutdown() } } }
    }

    func with<Output>(
        _ destination: WebhookDestinations.Destination, _ body: (HTTPClient) async throws -> Output
    ) async throws -> Output {
        let pin: Pin? =
            IPAddress(destination.host) == nil
            ? Pin(host: destination.host, address: destination.address.description) : nil
        let client = borrow(pin)
        do {
            let output = try await body(client)
            await giveBack(pin)
            return output
        } catch {
            await giveBack(pin)
            throw error
        }
    }

    private func borrow(_ pin: Pin?) -> HTTPClient {
        state.withLock { state in
            state.uses += 1
            var lent = state.clients[pin] ?? Lent(client: make(pin))
            lent.users += 1
            lent.lastUse = state.uses
            state.clients[pin] = lent
            return lent.client
        }
    }

    private func make(_ pin: Pin?) -> HTTPClient {
        var configuration = configuration
        if let pin { configuration.dnsOverride = [pin.host: pin.address] }
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    private func giveBack(_ pin: Pin?) async {
        let idle = state.withLock { state -> HTTPClient? in
            state.clients[pin]?.users -= 1
            guard state.clients.count > WebhookClients.maximumIdle else { return nil }
            let oldest = state.clients.filter { $0.value.users == 0 }.min { $0.value.lastUse < $1.value.lastUse }
            guard let oldest else { return nil }
            return state.clients.removeValue(forKey: oldest.key)?.client
        }
        if let idle { try? await idle.shutdown() }
    }

    /// To be called once nobody uses them any more.
    func shutdown() async {
        let clients = state.withLock { state in
            defer { state.clients = [:] }
            return state.clients.values.map(\.client)
        }
        for client in clients { try? await client.shutdown() }
    }
}
