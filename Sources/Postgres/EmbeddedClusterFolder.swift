import Glibc
import Logging
import SystemPackage

/// Where the cluster lives, and whom it belongs to.
///
/// For an ordinary user that is the folder asked for. For root the server runs as `postgres` (or as the owner of a
/// folder that is there already); where that user cannot reach the folder, because the checkout lies below `/root` for
/// example, the cluster is kept under ``systemFolder`` and the folder asked for is a link to it.
struct ClusterFolder: Sendable {
    /// For clusters that cannot stay where they were asked for.
    static let systemFolder: FilePath = "/var/lib/product-importer"

    /// The real folder, free of links: two processes that come by different paths must agree on it.
    let path: FilePath
    let account: ClusterAccount

    /// PGDATA.
    var data: FilePath { path.appending("data") }
    var log: FilePath { path.appending("server.log") }

    /// The major version that made the cluster, or nil if there is no cluster yet.
    var dataVersion: String? {
        try? SmallFile.read(data.appending("PG_VERSION")).split(separator: "\n").first.map(String.init)
    }

    /// Finds the cluster's folder, or makes an empty one.
    static func prepare(_ directory: FilePath, logger: Logger) async throws -> ClusterFolder {
        let link = try realLocation(of: directory)
        // So that no other process sees a folder that is half made. The lock is on the folder above itself.
        let lock = try FileLock(folder: link.removingLastComponent())
        try await lock.acquire(waiting: "waiting for another process that makes the database's folder", logger: logger)
        defer { lock.release() }
        if let status = FileStatus(link, followLinks: false) {
            if let existing = try await open(link, isLink: status.isLink) { return existing }
        }
        return try await make(link, logger: logger)
    }

    /// The path asked for, with every link resolved but a last one; the folders above it are made.
    private static func realLocation(of directory: FilePath) throws -> FilePath {
        var absolute = directory
        if absolute.isRelative {
            guard let here = FilePath.resolved(".") else {
                throw folderError("The working directory", Errno(rawValue: errno))
            }
            absolute = here.pushing(directory)
        }
        guard let name = absolute.lastComponent, name.kind == .regular else {
            throw ClusterError(
                .folder, "\(directory) cannot be the database's folder.",
                remedy: "Set IMPORTER_DATA to another folder.")
        }
        let parent = absolute.removingLastComponent()
        try makeFolders(parent)
        guard let real = FilePath.resolved(parent) else { throw folderError("\(parent)", Errno(rawValue: errno)) }
        return real.appending(name)
    }

    private static func makeFolders(_ path: FilePath) throws {
        guard FileStatus(path, followLinks: true) == nil else { return }
        if !path.removingLastComponent().isEmpty { try makeFolders(path.removingLastComponent()) }
        if mkdir(path, 0o755) != 0, errno != EEXIST { throw folderError("\(path)", Errno(rawValue: errno)) }
    }

    private static func make(_ link: FilePath, logger: Logger) async throws -> ClusterFolder {
        guard geteuid() == 0 else {
            let account = try ClusterAccount.current()
            guard mkdir(link, 0o700) == 0 else { throw folderError("\(link)", Errno(rawValue: errno)) }
            return ClusterFolder(path: link, account: account)
        }
        let account = try ClusterAccount.postgres()
        guard try await account.canEnter(link.removingLastComponent()) else {
            return try makeElsewhere(link, account: account, logger: logger)
        }
        guard mkdir(link, 0o700) == 0 else { throw folderError("\(link)", Errno(rawValue: errno)) }
        try give(link, to: account)
        return ClusterFolder(path: link, account: account)
    }

    private static func makeElsewhere(
        _ link: FilePath, account: ClusterAccount, logger: Logger
    ) throws -> ClusterFolder {
        try makeFolders(systemFolder)
        // The name is taken if there was such a link before. Whoever removed that link wanted to be rid of the data, so
        // that it must not come back; it is not ours to remove either.
        let name = link.shortHash
        let candidates = (1...1000).lazy.map { systemFolder.appending($0 == 1 ? name : "\(name)-\($0)") }
        guard let folder = candidates.first(where: { mkdir($0, 0o700) == 0 }) else {
            throw folderError("\(systemFolder)", Errno(rawValue: errno))
        }
        try give(folder, to: account)
        guard symlink(folder.string, link.string) == 0 else {
            let reason = Errno(rawValue: errno)
            rmdir(folder.string)
            throw folderError("\(link)", reason)
        }
        logger.notice(
            "the server's user cannot enter the data folder, so that the database is kept in a system folder",
            metadata: ["cluster.user": "\(account.name)", "cluster.link": "\(link)", "cluster.folder": "\(folder)"])
        return ClusterFolder(path: folder, account: account)
    }

    /// - Returns: Nil if it was empty and has been removed, to be made anew.
    private static func open(_ link: FilePath, isLink: Bool) async throws -> ClusterFolder? {
        guard let path = FilePath.resolved(link) else {
            if isLink {
                throw ClusterError(
                    .folder, "The database's folder \(link) is a link to something that is not there.",
                    remedy: "Bring back what it points to, or remove the link to begin with an empty catalogue.")
            }
            throw folderError("\(link)", Errno(rawValue: errno))
        }
        guard let status = FileStatus(path, followLinks: true), status.isFolder else {
            throw ClusterError(
                .folder, "\(path) is in the place of the database's folder.", remedy: "Move it away, then start again.")
        }
        guard geteuid() == 0 else { return try openAsUser(path, owner: status.owner) }
        return try await openAsRoot(link, path, owner: status.owner)
    }

    private static func openAsUser(_ path: FilePath, owner: uid_t) throws -> ClusterFolder {
        let account = try ClusterAccount.current()
        guard owner == account.userID else {
            let other = ClusterAccount(userID: owner)?.name ?? "user ID \(owner)"
            throw ClusterError(
                .folder,
                "The database's folder \(path) belongs to \(other): the program ran as another user or as root before.",
                remedy: "Start it as that user again, or stop it and run `sudo chown -R \(account.name): '\(path)'`, "
                    + "or set IMPORTER_DATA to another folder.")
        }
        return ClusterFolder(path: path, account: account)
    }

    private static func openAsRoot(_ link: FilePath, _ path: FilePath, owner: uid_t) async throws -> ClusterFolder? {
        if owner == 0 { return try takeOver(link, path) }
        guard let account = ClusterAccount(userID: owner) else {
            throw ClusterError(
                .account,
                "The database's folder \(path) belongs to user ID \(owner), which has no name on this system.",
                remedy: "Run `chown -R postgres: '\(path)'`, or set IMPORTER_DATA to another folder.")
        }
        guard try await account.canEnter(path) else {
            throw ClusterError(
                .folder, "The user \"\(account.name)\", who owns the database's folder \(path), cannot enter it.",
                remedy: "Give that user the x permission on the folders above, or set IMPORTER_DATA to another one.")
        }
        return ClusterFolder(path: path, account: account)
    }

    /// An empty folder of root, such as a new volume, is given to the server's user. One with contents is not: it may be
    /// anything that a link leads to.
    private static func takeOver(_ link: FilePath, _ path: FilePath) throws -> ClusterFolder? {
        let account = try ClusterAccount.postgres()
        guard rmdir(path.string) != 0 else {
            if link != path { unlink(link.string) }
            return nil
        }
        guard errno == EBUSY else {
            throw ClusterError(
                .folder, "The database's folder \(path) belongs to root, and PostgreSQL refuses to run as root.",
                remedy: "Run `chown -R postgres: '\(path)'` if it holds the database, "
                    + "or set IMPORTER_DATA to another folder.")
        }
        // A mount point: it can only be used where it is.
        try give(path, to: account)
        return ClusterFolder(path: path, account: account)
    }

    private static func give(_ path: FilePath, to account: ClusterAccount) throws {
        guard lchown(path.string, account.userID, account.groupID) == 0 else {
            throw folderError("\(path)", Errno(rawValue: errno))
        }
    }

    private static func folderError(_ path: String, _ reason: Errno) -> ClusterError {
        ClusterError(
            .folder, "The database's folder \(path) cannot be used: \(reason).",
            remedy: "Make it writable for this user, or set IMPORTER_DATA to another folder.")
    }

    private static func mkdir(_ path: FilePath, _ mode: mode_t) -> CInt {
        path.withPlatformString { Glibc.mkdir($0, mode) }
    }
}
