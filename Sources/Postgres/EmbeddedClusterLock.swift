import Glibc
import Logging
import SystemPackage

/// A lock on a file, between processes and between users within one process.
///
/// `flock` rather than `fcntl` locks: it belongs to the open file, so that two clusters of one process do not share it,
/// and closing another descriptor of the same file does not lose it. The kernel frees it when the process dies.
final class FileLock: Sendable {
    enum Mode { case shared, exclusive }

    private let descriptor: FileDescriptor

    /// - Parameter owner: Who gets the file if it is made here, so that this user can lock it too when not root.
    init(_ path: FilePath, owner: ClusterAccount) throws {
        do {
            descriptor = try Self.create(path, owner: owner)
        } catch Errno.fileExists {
            do {
                descriptor = try FileDescriptor.open(path, .readWrite, options: [.closeOnExec, .noFollow])
            } catch {
                throw Self.unusable(path, error)
            }
        } catch {
            throw Self.unusable(path, error)
        }
    }

    /// A lock on a folder, which has to be there.
    init(folder: FilePath) throws {
        do {
            descriptor = try FileDescriptor.open(folder, .readOnly, options: [.closeOnExec, .directory])
        } catch {
            throw Self.unusable(folder, error)
        }
    }

    deinit {
        try? descriptor.close()
    }

    /// Only a file that was made here is given away: an existing one might be a link that somebody else planted.
    private static func create(_ path: FilePath, owner: ClusterAccount) throws -> FileDescriptor {
        let descriptor = try FileDescriptor.open(
            path, .readWrite, options: [.create, .exclusiveCreate, .closeOnExec, .noFollow],
            permissions: .ownerReadWrite)
        if geteuid() == 0 { fchown(descriptor.rawValue, owner.userID, owner.groupID) }
        return descriptor
    }

    private static func unusable(_ path: FilePath, _ error: any Error) -> ClusterError {
        ClusterError(
            .folder, "For the database, \(path) cannot be opened: \(error).",
            remedy: "Make it accessible for this user, or set IMPORTER_DATA to another folder.")
    }

    /// Takes the lock if it is free. A failed change from shared to exclusive gives up the shared lock as well.
    func tryAcquire(_ mode: Mode) -> Bool {
        flock(descriptor.rawValue, (mode == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0
    }

    func release() {
        flock(descriptor.rawValue, LOCK_UN)
    }

    /// Waits for the lock, and says so in the log if that takes a while. Asks again and again instead of blocking, so
    /// that the wait can be cancelled.
    func acquire(_ mode: Mode = .exclusive, waiting message: Logger.Message, logger: Logger) async throws {
        var attempts = 0
        while !tryAcquire(mode) {
            attempts += 1
            if attempts % 1000 == 100 { logger.notice(message) }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Waits for the exclusive lock, at most for that long.
    func acquire(within limit: Duration) async -> Bool {
        let deadline = ContinuousClock.now + limit
        while !tryAcquire(.exclusive) {
            guard ContinuousClock.now < deadline else { return false }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return true
    }
}
