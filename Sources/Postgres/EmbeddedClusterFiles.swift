import Glibc
import SystemPackage

/// What the file system says about a path.
struct FileStatus: Equatable {
    let device: dev_t
    let inode: ino_t
    let owner: uid_t
    let mode: mode_t
    let size: Int

    init?(_ path: FilePath, followLinks: Bool) {
        var status = stat()
        let result = path.withPlatformString { followLinks ? stat($0, &status) : lstat($0, &status) }
        guard result == 0 else { return nil }
        (device, inode, owner, mode) = (status.st_dev, status.st_ino, status.st_uid, status.st_mode)
        size = Int(status.st_size)
    }

    var isFolder: Bool { mode & S_IFMT == S_IFDIR }
    var isLink: Bool { mode & S_IFMT == S_IFLNK }

    func isSameFile(as other: FileStatus) -> Bool { device == other.device && inode == other.inode }
}

/// Files that are read and written whole.
enum SmallFile {
    static func read(_ path: FilePath, from offset: Int = 0) throws -> String {
        String(decoding: try readBytes(path, from: offset), as: UTF8.self)
    }

    /// At most 1 MiB.
    static func readBytes(_ path: FilePath, from offset: Int = 0) throws -> [UInt8] {
        let descriptor = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .noFollow])
        return try descriptor.closeAfter {
            if offset > 0 { try descriptor.seek(offset: Int64(offset), from: .start) }
            var bytes: [UInt8] = []
            try withUnsafeTemporaryAllocation(byteCount: 16 * 1024, alignment: 1) { buffer in
                while bytes.count < 1 << 20 {
                    let count = try descriptor.read(into: buffer)
                    guard count > 0 else { return }
                    bytes.append(contentsOf: buffer[..<count])
                }
            }
            return bytes
        }
    }

    /// Replaces the file if its contents differ: under a temporary name first, so that a crash or a full disk leaves the
    /// old one whole, and never through a link.
    static func write(_ text: String, to path: FilePath, owner: ClusterAccount) throws {
        guard (try? read(path)) != text else { return }
        let temporary = FilePath(path.string + ".new")
        temporary.withPlatformString { _ = unlink($0) }
        let descriptor = try FileDescriptor.open(
            temporary, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec, .noFollow],
            permissions: .ownerReadWrite)
        try descriptor.closeAfter {
            try descriptor.writeAll(text.utf8)
            if geteuid() == 0 { fchown(descriptor.rawValue, owner.userID, owner.groupID) }
            fsync(descriptor.rawValue)
        }
        try rename(temporary, to: path)
    }

    /// Renames, and makes sure that the new name survives a power cut.
    static func rename(_ path: FilePath, to newPath: FilePath) throws {
        let result = path.withPlatformString { old in newPath.withPlatformString { Glibc.rename(old, $0) } }
        guard result == 0 else { throw Errno(rawValue: errno) }
        let folder = try FileDescriptor.open(newPath.removingLastComponent(), .readOnly, options: [.closeOnExec])
        try folder.closeAfter { _ = fsync(folder.rawValue) }
    }
}

extension FilePath {
    /// The path without links; nil, with `errno` set, if that cannot be found out.
    static func resolved(_ path: FilePath) -> FilePath? {
        guard let resolved = path.withPlatformString({ realpath($0, nil) }) else { return nil }
        defer { free(resolved) }
        return FilePath(platformString: resolved)
    }

    /// Sixteen hexadecimal digits that stand for this path (FNV-1a): short, and the same in every process.
    var shortHash: String {
        let hash = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
