internal import FoundationEssentials
internal import Glibc
package import Hummingbird
package import Logging
internal import HummingbirdCore
internal import NIOCore
internal import Pipeline
internal import Postgres

/// The admin server: builds the router and the application around it.
///
/// ```swift
/// try options.validate()
/// let admin = try AdminServer(options, logger: logger) { address in print("Admin: \(address.url)") }
/// // a ServiceLifecycle service: hand it to the ServiceGroup
/// ```
package enum AdminApplication {
    /// A connection without a whole request head for so long is closed.
    static let idleTimeout = TimeAmount.seconds(30)
    static let maximumConnections = 1000

    /// - Parameter onListening: called once the server accepts connections, with where it really listens.
    /// - Returns: a service that runs until it is shut down gracefully; open answers are finished first.
    package static func build(
        _ options: AdminOptions, logger: Logger,
        onListening: @escaping @Sendable (ListeningAddress) async -> Void = { _ in }
    ) throws -> some ApplicationProtocol {
        let host = HostName(options.host)
        let limit = ConnectionLimit(maximumConnections)
        allowOpenFiles(2 * maximumConnections)
        return Application(
            router: try router(options),
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    additionalChannelHandlers: [ConnectionHandler(limit: limit)], idleTimeout: idleTimeout)),
            configuration: ApplicationConfiguration(address: .hostname(host.text, port: options.port), backlog: 1024),
            onServerRunning: { channel in
                let address = ListeningAddress(host: host, port: channel.localAddress?.port ?? options.port)
                logger.notice("the admin server is listening", metadata: ["url": "\(address.url)"])
                await onListening(address)
            },
            logger: logger)
    }

    /// Many systems begin with 1,024 open files a process, and let it have more when it asks.
    private static func allowOpenFiles(_ count: Int) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < count else {
            return
        }
        limit.rlim_cur = min(rlim_t(count), limit.rlim_max)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Every route, with what guards it. The order of the middleware is the order in which a request meets it.
    static func router(_ options: AdminOptions) throws -> Router<AdminContext> {
        let outbox = Outbox(path: options.outboxPath)
        let uploads = UploadFolder(inbox: options.inboxPath)
        let database = BoundedDatabase(options.database)
        let assets = Assets()
        let pages = try PageTemplates(asksPassword: options.password != nil)
        let throttle = LoginThrottle()

        let router = Router(context: AdminContext.self, options: .autoGenerateHeadEndpoints)
        let metrics = HTTPMetrics()
        router.add(middleware: metrics)
        router.add(middleware: SecurityHeaders())
        router.add(middleware: ErrorResponses(pages: pages))
        router.add(middleware: HostGuard(options))
        router.add(middleware: AccessGuard(options, throttle: throttle))
        router.add(middleware: ChangeGuard())

        let overview = ImportOverview(outbox: outbox, uploads: uploads, database: database)
        let readiness = Readiness(options, database: database)
        LoginController(options, pages: pages, throttle: throttle).addRoutes(to: router)
        HealthController(readiness: readiness).addRoutes(to: router)
        ImportsController(overview: overview, database: database).addRoutes(to: router)
        RepeatController(overview: overview, outbox: outbox, uploads: uploads, database: database)
            .addRoutes(to: router)
        UploadController(folder: uploads).addRoutes(to: router)
        ProductsController(database: database, export: ProductExport(conninfo: options.database.conninfo))
            .addRoutes(to: router)
        MetricsController(http: metrics, database: database).addRoutes(to: router)
        OpenAPIController().addRoutes(to: router)
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
