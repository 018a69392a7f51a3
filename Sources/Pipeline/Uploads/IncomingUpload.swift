internal import Glibc

/// A file that is being received, under a name that nobody imports. It is removed unless it is finished.
package final class IncomingUpload: Sendable {
    struct Received {
        let path: [CChar]
        let inode: UInt
        let size: Int
        let modified: [Int]
    }

    private let path: String
    private let descriptor: CInt

    /// So much of a disk is left to others.
    private static let reserve = 64 << 20

    init(path: String) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SystemError("making a file for an upload", errno) }
        flock(descriptor, LOCK_EX | LOCK_NB)
    }

    deinit { Glibc.close(descriptor) }

    /// Appends to the file. Blocks on the disk.
    ///
    /// - Throws: `SystemError`, with ENOSPC when the disk is full or about to be.
    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        guard try freeBytes > bytes.count else { throw SystemError("receiving an upload", ENOSPC) }
        try writeAll(descriptor, bytes)
    }

    /// How much the disk can take, leaving some to others.
    package var freeBytes: Int {
        get throws {
            var status = statvfs()
            guard fstatvfs(descriptor, &status) == 0 else { throw SystemError("asking for free space", errno) }
            return Int(status.f_bavail) * Int(status.f_frsize) - IncomingUpload.reserve
        }
    }

    /// Gives the file up.
    package func discard() { unlink(path) }

    /// Makes the bytes durable and lets go of the file, so that the watcher finds nobody writing to it.
    func close() throws -> Received {
        var status = stat()
        guard fsync(descriptor) == 0, fstat(descriptor, &status) == 0 else {
            throw SystemError("writing an upload", errno)
        }
        // The number stays ours until the end, but the file is nobody's from here on.
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        dup2(null, descriptor)
        Glibc.close(null)
        return Received(
            path: Array(path.utf8CString), inode: UInt(status.st_ino), size: Int(status.st_size),
            modified: [status.st_mtim.tv_sec, status.st_mtim.tv_nsec])
    }
}
