import Admin
import Catalog
import Logging
import Pipeline
import Postgres
import ServiceLifecycle
import Watcher

/// Builds the services of one process and runs them until SIGINT or SIGTERM.
struct Services {
    let settings: Settings
    let database: DatabaseAccess
    let logger: Logger
    private let manager: ServiceManager
    private let startUp: StartUp
    private let ownListener: OwnListener

    /// - Parameter parts: what the service manager is to wait for.
    init(_ parts: Set<StartUp.Part>, settings: Settings, database: DatabaseAccess, logger: Logger) {
        self.settings = settings
        self.database = database
        self.logger = logger
        manager = ServiceManager()
        ownListener = OwnListener(host: settings.host, port: settings.port)
        startUp = StartUp(manager, awaiting: parts)
    }

    /// Within ten seconds of a signal everything has ended; the running import gets most of it.
    private static let shutdownSeconds = 9

    func inbox() -> InboxService {
        var options = InboxOptions(inbox: settings.inbox, outbox: settings.outbox)
        options.settleSeconds = settings.settleSeconds
        options.scanSeconds = settings.scanSeconds
        options.retentionDays = settings.retentionDays
        options.commandWorkFolder = settings.commandWorkFolder
        var pipeline = ImportPipeline.Options()
        pipeline.maximumRejectPercent = settings.maximumRejectPercent
        return InboxService(
            options: options, conninfo: database.conninfo, pipelineOptions: pipeline, logger: logger,
            onWatching: { [startUp] in startUp.isUp(.inbox) })
    }

    func webhooks() -> WebhookDelivery {
        WebhookDelivery(
            Services.webhookOptions(settings, ownListener), conninfo: database.conninfo, logger: logger)
    }

    /// The same for those who send and those who test.
    private static func webhookOptions(_ settings: Settings, _ ownListener: OwnListener) -> WebhookOptions {
        var options = WebhookOptions()
        options.allowed = settings.webhookAllow
        options.retries = RetryPolicy(schedule: settings.webhookRetrySchedule)
        options.timeoutSeconds = settings.webhookTimeoutSeconds
        options.ownListener = ownListener
        return options
    }

    func admin(_ onListening: @escaping @Sendable (ListeningAddress) async -> Void) throws -> any Service {
        var options = try Services.adminOptions(settings, conninfo: database.conninfo)
        options.webhooks = Services.webhookOptions(settings, ownListener)
        return try AdminServer(options, logger: logger) { [startUp, ownListener] address in
            ownListener.listens(on: address.port)
            await onListening(address)
            startUp.isUp(.admin)
        }
    }

    /// - Throws: `CommandError` when the server must not start with these settings.
    @discardableResult
    static func adminOptions(_ settings: Settings, conninfo: String = "") throws -> AdminOptions {
        let options = AdminOptions(
            host: settings.host, port: settings.port, password: settings.adminPassword, apiToken: settings.apiToken,
            allowedHosts: settings.allowedHosts, trustedProxies: settings.trustedProxies, inboxPath: settings.inbox,
            outboxPath: settings.outbox,
            database: Database(conninfo))
        do {
            try options.validate()
        } catch {
            throw CommandError.usage("\(error)")
        }
        return options
    }

    /// Runs the services, listed sink to source: they are shut down in the opposite order.
    func run(_ services: [any Service]) async throws {
        // The database goes last, so it is listed first.
        let database: [any Service] =
            database.isEmbedded ? [ClusterGuard(folder: settings.clusterFolder, logger: logger)] : []
        var configuration = ServiceGroupConfiguration(
            services: (database + services + [SignsOfLife(manager: manager)]).map { .init(service: $0) },
            logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(Services.shutdownSeconds)
        do {
            let group = ServiceGroup(configuration: configuration)
            try await SignalTrap.shared.handling({ _ in Task { await group.triggerGracefulShutdown() } }) {
                try await group.run()
            }
        } catch let error as InboxError {
            throw CommandError.failed("\(error)")
        } catch let error as SystemError {
            throw CommandError.failed("\(error)")
        } catch let error as SchemaError {
            throw CommandError.failed("\(error)")
        } catch let error as ListenError {
            throw CommandError.failed("\(error)")
        }
    }
}

/// Brings the schema up to date, however long the database stays away, then waits for the end.
struct SchemaUpgrade: Service {
    let conninfo: String
    let logger: Logger

    func run() async throws {
        let session = Session(conninfo, name: "schema")
        while !Task.isShuttingDownGracefully {
            do {
                let applied = try await session.run { try Schema.migrate($0) }
                if !applied.isEmpty { logger.notice("schema upgraded", metadata: ["schema.applied": "\(applied)"]) }
                break
            } catch let error as PostgresError where error.isTransient {
                logger.warning("waiting for the database", metadata: ["error": "\(String(reflecting: error))"])
                await cancelWhenGracefulShutdown { try? await Task.sleep(for: .seconds(2)) }
            }
        }
        await session.close()
        try await gracefulShutdown()
    }
}
