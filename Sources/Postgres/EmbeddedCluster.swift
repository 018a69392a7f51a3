package import Logging
package import SystemPackage

/// A private PostgreSQL cluster, so that the program works without a database server that somebody had to set up.
///
/// It is made on first use, shared by all processes of this program that use the same folder, and stopped by the last
/// of them that leaves. It listens on a Unix socket only, and lets in its own operating-system user and root.
///
/// ```
/// directory/            IMPORTER_DATA/postgres, or what that link points to (see ``ClusterFolder``)
///   data/               the cluster itself (PGDATA); importer*.conf in it are ours and rewritten at each start
///   server.log          the server's log; server.log.1 is the one before
///   start.lock          held while the server is made, started or stopped
///   users.lock          shared by every process that uses the server
/// ```
///
/// ```swift
/// let cluster = try await EmbeddedCluster.start(directory: "var/postgres", logger: logger)
/// let connection = cluster.connectionString  // host=… port=5432 user=importer dbname=importer
/// await cluster.stop()
/// ```
///
/// A process that dies without ``stop()`` leaves the server running. The next one that starts adopts it.
package actor EmbeddedCluster {
    /// UTF-8 text and byte order: the same on every machine, and independent of the locale of whoever starts it.
    package static let defaultInitdbArguments = ["--locale=C.UTF-8"]

    /// libpq keywords that lead to the database `importer` as its owner, the superuser `importer`.
    package nonisolated let connectionString: String

    private let server: ClusterServer
    private let gate: FileLock
    /// Held for as long as this process uses the server. The kernel frees it if the process dies.
    private var membership: FileLock?
    private var stopping: Task<Void, Never>?

    private init(server: ClusterServer, socketDirectory: FilePath, gate: FileLock, membership: FileLock) {
        self.connectionString = ConnectionKeywords(socketDirectory: socketDirectory, database: "importer").text
        self.server = server
        self.gate = gate
        self.membership = membership
    }

    /// Makes the cluster if there is none, starts its server if it is not running, and joins its users.
    ///
    /// - Parameters:
    ///   - directory: The cluster's folder, `IMPORTER_DATA/postgres`. A relative path starts at the working directory.
    ///   - initdbArguments: Locale options for a cluster that has yet to be made; without effect on an existing one.
    ///     The encoding is UTF-8 in any case.
    ///   - settings: Server settings that replace or extend ours. Without effect on a server that runs already.
    /// - Throws: ``ClusterError``, or `CancellationError`; in both cases nothing stays behind that was started here.
    package static func start(
        directory: FilePath,
        initdbArguments: [String] = defaultInitdbArguments,
        settings: [String: String] = [:],
        logger: Logger
    ) async throws -> EmbeddedCluster {
        let folder = try await ClusterFolder.prepare(directory, logger: logger)
        let gate = try FileLock(folder.path.appending("start.lock"), owner: folder.account)
        let membership = try FileLock(folder.path.appending("users.lock"), owner: folder.account)
        try await gate.acquire(waiting: "waiting for another process that starts or stops the database", logger: logger)
        defer { gate.release() }
        // Under the gate nobody holds users.lock alone for longer than an attempt takes.
        try await membership.acquire(.shared, waiting: "waiting for the database's users", logger: logger)

        let binaries = try await ServerBinaries.find(version: folder.dataVersion, data: folder.data)
        let server = ClusterServer(folder: folder, binaries: binaries, settings: settings, logger: logger)
        do {
            if folder.dataVersion == nil {
                try await folder.createCluster(binaries: binaries, arguments: initdbArguments, logger: logger)
            }
            let socketDirectory = try await server.ensureRunning(isOnlyUser: { membership.tryAcquire(.exclusive) })
            try await membership.acquire(.shared, waiting: "waiting for the database's users", logger: logger)
            try await server.ensureDatabase(socketDirectory: socketDirectory)
            return EmbeddedCluster(
                server: server, socketDirectory: socketDirectory, gate: gate, membership: membership)
        } catch {
            await stopIfLast(server, membership: membership)
            throw error
        }
    }

    /// Leaves the cluster, and stops the server if no other process uses it.
    ///
    /// Returns when that is done. May be called any number of times, and in a cancelled task.
    package func stop() async {
        if stopping == nil, let membership {
            self.membership = nil
            let (server, gate) = (server, gate)
            // A task of its own: stopping must go on when the caller's task is cancelled, as it is at a shutdown.
            stopping = Task { await Self.leave(server, gate: gate, membership: membership) }
        }
        await stopping?.value
    }

    private static func leave(_ server: ClusterServer, gate: FileLock, membership: FileLock) async {
        // Whoever holds the gate for so long will find our membership gone, and stop the server in our place.
        if await gate.acquire(within: .seconds(90)) {
            await stopIfLast(server, membership: membership)
            gate.release()
        }
        membership.release()
    }

    /// To be called under the gate, so that nobody can join between the question and the stop.
    private static func stopIfLast(_ server: ClusterServer, membership: FileLock) async {
        if membership.tryAcquire(.exclusive) {
            await Task { await server.stop() }.value
        }
        membership.release()
    }
}
