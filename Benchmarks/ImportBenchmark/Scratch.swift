import FoundationEssentials
import Glibc
import Logging
import Postgres
import SystemPackage

/// What lives only as long as the benchmark: the cluster, and the folders of the importer.
struct Scratch {
    /// Absolute, since the programs may have working directories of their own.
    let path: String
    /// Held while the benchmark runs: a second one would delete what the first one uses.
    private let lock: CInt

    init(_ folder: String) throws {
        path = URL(filePath: folder, directoryHint: .isDirectory).appending(path: "scratch").path
        lock = open("\(folder)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw BenchmarkError("Another benchmark runs in \(folder).")
        }
    }

    private var cluster: String { "\(path)/cluster" }

    /// Starts a new cluster; what an interrupted benchmark has left is stopped and removed first.
    ///
    /// Autovacuum is off, because it would visit one competitor and not the other. Its work is done before each run.
    func startCluster(_ settings: ServerSettings, _ logger: Logger) async throws -> EmbeddedCluster {
        if access("\(cluster)/data/PG_VERSION", F_OK) == 0 {
            await (try? EmbeddedCluster.start(directory: FilePath(cluster), logger: logger))?.stop()
        }
        remove()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return try await EmbeddedCluster.start(
            directory: FilePath(cluster), settings: settings.overrides.merging(["autovacuum": "off"]) { $1 },
            logger: logger)
    }

    func remove() {
        // Where the server's user cannot enter this folder, the cluster is a link to one below /var/lib.
        if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: cluster) {
            try? FileManager.default.removeItem(atPath: target)
        }
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// How the server is set up while everybody is measured.
enum ServerSettings: String {
    /// As PostgreSQL comes: the floors and goals were measured so, and most external servers are like this.
    case standard
    /// As the embedded cluster is tuned, which helps the competitors as well.
    case embedded

    /// What undoes the embedded cluster's tuning (PostgreSQL 15, "Server Configuration").
    var overrides: [String: String] {
        guard self == .standard else { return [:] }
        return [
            "shared_buffers": "128MB", "maintenance_work_mem": "64MB", "max_wal_size": "1GB", "min_wal_size": "80MB",
            "wal_buffers": "-1", "wal_compression": "off", "checkpoint_timeout": "5min", "wal_level": "replica",
            "max_wal_senders": "10", "jit": "on", "log_checkpoints": "on",
        ]
    }
}
