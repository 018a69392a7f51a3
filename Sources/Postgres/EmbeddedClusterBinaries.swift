import Glibc
import SystemPackage

/// The server's programs. Distributions keep them out of PATH, and `pg_config` often belongs to the client library of
/// another version, so that the usual folders are searched.
struct ServerBinaries: Sendable, Equatable {
    let directory: FilePath
    /// The major version, as in PG_VERSION: "15".
    let version: String

    var initdb: FilePath { directory.appending("initdb") }
    var postgres: FilePath { directory.appending("postgres") }

    /// - Parameters:
    ///   - version: The version that an existing cluster needs; nil takes the newest.
    ///   - data: The existing cluster's folder, for the message.
    ///   - roots: Folders of which each subfolder is a version, as on Debian.
    ///   - path: Folders to look in if there is nothing below the roots.
    static func find(
        version: String?, data: FilePath,
        roots: [FilePath] = ["/usr/lib/postgresql"],
        path: [FilePath] = searchPath
    ) async throws -> ServerBinaries {
        let installed = try await installed(roots: roots, path: path)
        guard let version else {
            if let newest = installed.max(by: { $0.order < $1.order }) { return newest }
            throw ClusterError(
                .serverMissing, "No PostgreSQL server is installed (initdb and postgres were not found).",
                remedy: "Run `sudo apt-get install postgresql`, or set DATABASE_URL to a server elsewhere.")
        }
        if let match = installed.first(where: { $0.version == version }) { return match }
        let others = installed.isEmpty ? "none" : installed.map(\.version).joined(separator: ", ")
        throw ClusterError(
            .serverMissing,
            "The database in \(data) was made by PostgreSQL \(version), which is not installed (installed: \(others)).",
            remedy: "Run `sudo apt-get install postgresql-\(version)`. To move to a newer version, dump the data with "
                + "that one, move the folder away, start again and restore.")
    }

    static var searchPath: [FilePath] {
        guard let path = getenv("PATH") else { return [] }
        return String(cString: path).split(separator: ":").map { FilePath(String($0)) }
    }

    private var order: Double { Double(version) ?? 0 }

    private static func installed(roots: [FilePath], path: [FilePath]) async throws -> [ServerBinaries] {
        let below = roots.flatMap { root in
            folderNames(root).compactMap { ServerBinaries(root.appending($0).appending("bin"), version: $0) }
        }
        if !below.isEmpty { return below }
        for directory in path {
            // Programs found by PATH name their version themselves.
            if let found = ServerBinaries(directory, version: ""),
                let version = try await found.reportedVersion(), let known = ServerBinaries(directory, version: version)
            {
                return [known]
            }
        }
        return []
    }

    private init?(_ directory: FilePath, version: String) {
        self.directory = directory
        self.version = version
        let isComplete = [initdb, postgres].allSatisfy { $0.withPlatformString { access($0, X_OK) } == 0 }
        guard isComplete else { return nil }
    }

    /// "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)" is version 15; "17beta1" is 17.
    private func reportedVersion() async throws -> String? {
        let result = try await ClusterAccount.current().run(postgres, ["--version"])
        guard let words = result.lines.first?.split(separator: ")").dropFirst().first else { return nil }
        let digits = words.drop { !$0.isNumber }.prefix { $0.isNumber }
        return digits.isEmpty ? nil : String(digits)
    }

    private static func folderNames(_ path: FilePath) -> [String] {
        guard let stream = path.withPlatformString({ opendir($0) }) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            // Version numbers only: no dot folders, nothing else that lies there.
            if Double(name) != nil { names.append(name) }
        }
        return names
    }
}
