import Glibc
import Logging
import Postgres
import ServiceLifecycle
import SystemPackage

/// Starts the embedded database again when its server has gone (killed for lack of memory, say) while we run.
struct ClusterGuard: Service {
    let folder: FilePath
    let logger: Logger

    func run() async throws {
        var restarted: [EmbeddedCluster] = []
        // Cancelled, and not shut down, when another service has failed.
        while !isEnding {
            await cancelWhenGracefulShutdown { try? await Task.sleep(for: .seconds(2)) }
            guard !isEnding, !isRunning else { continue }
            logger.warning("the embedded database has gone; starting it again")
            do {
                restarted.append(try await EmbeddedCluster.start(directory: folder, logger: logger))
                logger.notice("the embedded database is back")
            } catch {
                logger.error("the embedded database cannot be started", metadata: ["error": "\(error)"])
            }
        }
        // Those who use it are shut down before us, and the cluster with its last user.
        for cluster in restarted { await cluster.stop() }
    }

    private var isEnding: Bool { Task.isShuttingDownGracefully || Task.isCancelled }

    private var isRunning: Bool {
        let file = folder.appending("data").appending("postmaster.pid")
        guard let descriptor = try? FileDescriptor.open(file, .readOnly) else { return false }
        defer { try? descriptor.close() }
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = bytes.withUnsafeMutableBytes { (try? descriptor.read(into: $0)) ?? 0 }
        let line = String(decoding: bytes.prefix(count).prefix { $0 != 0x0A }, as: UTF8.self)
        guard let process = pid_t(line) else { return false }
        return kill(process, 0) == 0 || errno == EPERM
    }
}
