import Catalog
import Glibc
import Logging
import Pipeline
import Postgres
import SystemPackage

/// The database of one run of the program: the one that DATABASE_URL names, or the embedded cluster.
struct DatabaseAccess: Sendable {
    let conninfo: String
    private let cluster: EmbeddedCluster?

    var isEmbedded: Bool { cluster != nil }

    /// For people: how to reach it, without a password.
    func description(_ settings: Settings) -> String {
        settings.databaseDescription ?? "embedded; psql \"\(conninfo)\""
    }

    /// Lends the database to `body`, with its schema up to date, and stops the embedded cluster afterwards.
    ///
    /// - Parameter waiting: whether an external database that is away is waited for; services do, commands do not.
    static func with<Output>(
        _ settings: Settings, waiting: Bool = false, logger: Logger,
        _ body: (DatabaseAccess) async throws -> Output
    ) async throws -> Output {
        let access = try await open(settings, logger)
        do {
            if SignalTrap.shared.wasCalled { throw CommandError.interrupted }
            if !waiting { try await access.migrate() }
            let output = try await body(access)
            await access.cluster?.stop()
            return output
        } catch {
            await access.cluster?.stop()
            throw error
        }
    }

    private static func open(_ settings: Settings, _ logger: Logger) async throws -> DatabaseAccess {
        if let url = settings.databaseURL { return DatabaseAccess(conninfo: url, cluster: nil) }
        do {
            try settings.makeFolder("IMPORTER_DATA", settings.data)
            let start = Task {
                try await EmbeddedCluster.start(directory: settings.clusterFolder, logger: logger)
            }
            let cluster = try await SignalTrap.shared.handling({ _ in start.cancel() }) { try await start.value }
            return DatabaseAccess(conninfo: cluster.connectionString, cluster: cluster)
        } catch is CancellationError {
            throw CommandError.interrupted
        } catch let error as CommandError {
            throw error
        } catch {
            throw CommandError(message: "\(error)", exitCode: 75)
        }
    }

    /// - Returns: the names of the migrations that were applied.
    @discardableResult
    func migrate() async throws -> [String] {
        do {
            let session = Session(conninfo)
            let applied = try await session.run { try Schema.migrate($0) }
            await session.close()
            return applied
        } catch let error as PostgresError where error.remedy == .reconnect {
            throw CommandError.databaseUnreachable(error.message)
        } catch let error as SchemaError {
            throw CommandError.failed(error.description)
        } catch let error as PostgresError {
            throw CommandError.failed("The database refused to set up its tables: \(error.message)")
        }
    }
}
