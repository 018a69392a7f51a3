import Glibc
import SystemPackage

/// Where the server's socket is: in the cluster's folder where its path is short and plain enough, else in a private
/// folder with a short name.
enum ClusterSocket {
    static let port = 5432
    static var fileName: String { ".s.PGSQL.\(port)" }

    /// What a Unix socket's address holds, without the final NUL (`sockaddr_un`).
    static let maximumPathLength = 107

    /// The folder for the socket of a server that is about to start; made if it is not the cluster's own.
    static func directory(for folder: ClusterFolder) throws -> FilePath {
        fits(folder.path) ? folder.path : try privateDirectory(for: folder)
    }

    /// Lists of folders and hosts are separated by commas; other odd characters are kept out of connection strings.
    static func fits(_ directory: FilePath) -> Bool {
        let isPlain = directory.bytes.allSatisfy { (0x20..<0x7f).contains($0) && !",'\"\\".utf8.contains($0) }
        return isPlain && directory.appending(fileName).length <= maximumPathLength
    }

    /// Below `/run` for root. For others in `/tmp` and not in `/run/user`, which vanishes when its user logs out while
    /// the program runs on.
    private static func privateDirectory(for folder: ClusterFolder) throws -> FilePath {
        let hash = folder.path.shortHash
        guard geteuid() == 0 else {
            return try makePrivate("/tmp/product-importer-\(folder.account.userID)-\(hash)", owner: folder.account)
        }
        let parent: FilePath = "/run/product-importer"
        _ = parent.withPlatformString { mkdir($0, 0o755) }
        return try makePrivate("\(parent)/\(hash)", owner: folder.account)
    }

    private static func makePrivate(_ path: String, owner: ClusterAccount) throws -> FilePath {
        if mkdir(path, 0o700) == 0 {
            if geteuid() == 0 { lchown(path, owner.userID, owner.groupID) }
        }
        let directory = FilePath(path)
        // Somebody else's folder of that name could hold somebody else's server.
        guard let status = FileStatus(directory, followLinks: false), status.isFolder,
            status.owner == owner.userID, status.mode & 0o077 == 0
        else {
            throw ClusterError(
                .folder, "The folder \(path) for the database's socket is not private to the user \"\(owner.name)\".",
                remedy: "Remove it, or set IMPORTER_DATA to a folder with a shorter path.")
        }
        return directory
    }
}

/// A connection string of libpq in the form of keywords.
struct ConnectionKeywords {
    let socketDirectory: FilePath
    let database: String

    var text: String {
        "host=\(Self.quoted(socketDirectory.string)) port=\(ClusterSocket.port) user=importer dbname=\(database)"
    }

    /// Quoting as libpq's manual asks: single quotes around what is empty or has spaces, backslashes within.
    static func quoted(_ value: String) -> String {
        let isPlain = value.utf8.allSatisfy { $0 > 0x20 && !"'\\".utf8.contains($0) }
        if isPlain, !value.isEmpty { return value }
        let escaped = value.flatMap { $0 == "'" || $0 == "\\" ? ["\\", $0] : [$0] }
        return "'" + String(escaped) + "'"
    }
}
