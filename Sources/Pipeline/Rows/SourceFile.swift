internal import Catalog
internal import Crypto
package import Glibc
internal import Postgres

/// The opened source of an import: a regular file that is read by offset, never mapped (a mapped file that shrinks
/// kills its reader).
package final class SourceFile: Sendable {
    /// What changes when somebody writes to the file.
    package struct Identity: Equatable, Sendable {
        package let device: UInt
        package let inode: UInt
        package let size: Int
        let modified: [Int]
        let changed: [Int]

        package init(_ status: stat) {
            device = UInt(status.st_dev)
            inode = UInt(status.st_ino)
            size = Int(status.st_size)
            modified = [Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec)]
            changed = [Int(status.st_ctim.tv_sec), Int(status.st_ctim.tv_nsec)]
        }
    }

    let descriptor: CInt
    package let identity: Identity

    /// - Throws: `SystemError`; `ImportFailure` when it is no regular file.
    init(path: [CChar]) throws {
        descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT {
                throw ImportFailure(.fileMissing, "The file has gone before it could be read. Drop it again.")
            }
            throw SystemError("opening the file", errno)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw ImportFailure(.notRegular, "This is no regular file. Copy its content into a file of its own.")
        }
        identity = Identity(status)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
    }

    deinit { close(descriptor) }

    /// False once anybody has written to the file since it was opened.
    var isUnchanged: Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && Identity(status) == identity
    }

    /// Hashes the file beside the work that goes on, on a thread of its own when that is worth it.
    func startHashing() -> SourceHash { SourceHash(self) }
}

/// The SHA-256 of a source (FIPS 180-4) in the making.
final class SourceHash: Sendable {
    private let done = Handoff<Result<String, SystemError>>()

    fileprivate init(_ source: SourceFile) {
        if source.identity.size < 1 << 20 {
            done.put(SourceHash.hash(source))
        } else {
            spawnThread(named: "sha256") { [done] in done.put(SourceHash.hash(source)) }
        }
    }

    private static func hash(_ source: SourceFile) -> Result<String, SystemError> {
        var hasher = SHA256()
        var failure: SystemError?
        withUnsafeTemporaryAllocation(byteCount: 256 << 10, alignment: 64) { buffer in
            var offset = 0
            while true {
                let count = pread(source.descriptor, buffer.baseAddress, buffer.count, off_t(offset))
                if count < 0, errno == EINTR { continue }
                if count < 0 { failure = SystemError("reading the file", errno) }
                guard count > 0 else { return }
                hasher.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[0..<count]))
                offset += count
            }
        }
        if let failure { return .failure(failure) }
        let digits = Array("0123456789abcdef".utf8)
        let hexadecimal = hasher.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return .success(String(decoding: hexadecimal, as: UTF8.self))
    }

    /// Waits for the hash, in lower-case hexadecimal. To be called once.
    func wait() throws -> String { try done.take()!.get() }
}
