package import Pipeline
package import Postgres

/// What the admin server is told: where to listen, who may come in, and what it shows.
package struct AdminOptions: Sendable {
    /// The name or address to bind; `0.0.0.0` and `::` are every address of the machine.
    package var host: String
    /// 0 lets the kernel choose a free port.
    package var port: Int
    /// Asked for by every page and route but `/health`; needed as soon as the host is not loopback. Empty means none.
    package var password: String?
    /// What scripts may send instead of the password, as `Authorization: Bearer …`. Empty means none.
    package var apiToken: String?
    /// Accepted `Host` names beside the loopback names and the bound host, without a port.
    package var allowedHosts: [String]
    /// Addresses and networks (`10.0.0.0/8`) of reverse proxies whose `X-Forwarded-…` headers are believed.
    package var trustedProxies: [String]
    package var inboxPath: String
    package var outboxPath: String
    /// A pool of its own: the server gives up waiting for a database that hangs, and must not take others' sessions.
    package var database: Database
    /// How webhooks are tested; the same as they are delivered.
    package var webhooks = WebhookOptions()

    package init(
        host: String = "127.0.0.1", port: Int = 8000, password: String? = nil, apiToken: String? = nil,
        allowedHosts: [String] = [], trustedProxies: [String] = [], inboxPath: String, outboxPath: String,
        database: Database
    ) {
        self.host = host
        self.port = port
        self.password = password.flatMap { $0.isEmpty ? nil : $0 }
        self.apiToken = apiToken.flatMap { $0.isEmpty ? nil : $0 }
        self.allowedHosts = allowedHosts
        self.trustedProxies = trustedProxies
        self.inboxPath = inboxPath
        self.outboxPath = outboxPath
        self.database = database
    }

    /// To be called before the server is built.
    ///
    /// - Throws: `AdminOptionsError` when these options would open the catalogue to the network.
    package func validate() throws {
        if password == nil, !HostName(host).isLoopback { throw AdminOptionsError.passwordNeeded(host: host) }
        guard (0...65535).contains(port) else { throw AdminOptionsError.port(port) }
        for proxy in trustedProxies where Network(proxy) == nil { throw AdminOptionsError.proxy(proxy) }
    }
}

/// Why the admin server does not start, in words for whoever starts it.
package enum AdminOptionsError: Error, Equatable, CustomStringConvertible {
    case passwordNeeded(host: String)
    case port(Int)
    case proxy(String)

    package var description: String {
        switch self {
        case .passwordNeeded(let host):
            "The admin server does not listen on \(host) without a password, because others could reach it there. "
                + "Set IMPORTER_ADMIN_PASSWORD, or leave IMPORTER_HOST at 127.0.0.1."
        case .port(let port):
            "IMPORTER_PORT is \(port); a port is a number from 0 to 65535."
        case .proxy(let proxy):
            "IMPORTER_TRUSTED_PROXIES has \"\(proxy)\", but each must be an address or a network, such as 127.0.0.1 or "
                + "10.0.0.0/8."
        }
    }
}
