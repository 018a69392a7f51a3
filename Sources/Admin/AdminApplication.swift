internal import FoundationEssentials
package import Hummingbird
package import Logging
internal import HummingbirdCore
internal import NIOCore
internal import Pipeline

/// The admin server: builds the router and the application around it.
///
/// ```swift
/// try options.validate()
/// let admin = try AdminApplication.build(options, logger: logger) { address in print("Admin: \(address.url)") }
/// // a ServiceLifecycle service: hand it to the ServiceGroup
/// ```
package enum AdminApplication {
    /// A connection that neither sends nor receives for so long is closed.
    static let idleTimeout = TimeAmount.seconds(60)
    static let maximumConnections = 1000

    /// - Parameter onListening: called once the server accepts connections, with where it really listens.
    /// - Returns: a service that runs until it is shut down gracefully; open answers are finished first.
    package static func build(
        _ options: AdminOptions, logger: Logger,
        onListening: @escaping @Sendable (ListeningAddress) async -> Void = { _ in }
    ) throws -> some ApplicationProtocol {
        let host = HostName(options.host)
        return Application(
            router: try router(options),
            server: .http1(configuration: .init(idleTimeout: idleTimeout)),
            configuration: ApplicationConfiguration(
                address: .hostname(host.text, port: options.port),
                availableConnectionsDelegate: MaximumAvailableConnections(maximumConnections, logger: logger)),
            onServerRunning: { channel in
                let address = ListeningAddress(host: host, port: channel.localAddress?.port ?? options.port)
                logger.notice("the admin server is listening", metadata: ["url": "\(address.url)"])
                await onListening(address)
            },
            logger: logger)
    }

    /// Every route, with what guards it. The order of the middleware is the order in which a request meets it.
    static func router(_ options: AdminOptions) throws -> Router<AdminContext> {
        let outbox = Outbox(path: options.outboxPath)
        let database = BoundedDatabase(options.database)
        let assets = Assets()
        let pages = try PageTemplates()

        let router = Router(context: AdminContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: SecurityHeaders())
        router.add(middleware: ErrorResponses(pages: pages))
        router.add(middleware: HostGuard(options))
        router.add(middleware: AccessGuard(options))
        router.add(middleware: ChangeGuard())

        let overview = ImportOverview(outbox: outbox, database: database)
        let readiness = Readiness(options, database: database)
        HealthController(readiness: readiness).addRoutes(to: router)
        ImportsController(overview: overview).addRoutes(to: router)
        OutboxController(root: options.outboxPath).addRoutes(to: router)
        PagesController(pages: pages, overview: overview, inboxPath: options.inboxPath).addRoutes(to: router)
        WebhooksController(database: database, options: options.webhooks).addRoutes(to: router)
        DeliveriesController(database: database).addRoutes(to: router)
        WebhookPagesController(pages: pages, database: database).addRoutes(to: router)
        AssetsController(assets: assets).addRoutes(to: router)
        return router
    }
}

/// Where the server really listens, which differs from what was asked for when the port was 0.
package struct ListeningAddress: Sendable {
    let host: HostName
    package let port: Int

    /// An address that a person can open: every address of the machine is reached as `localhost`.
    package var url: String { "http://\(host.isWildcard ? "localhost" : host.bracketed):\(port)/" }
}
