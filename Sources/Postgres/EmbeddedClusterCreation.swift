import Glibc
import Logging
import SystemPackage

extension ClusterFolder {
    /// Makes the cluster's files. Under a temporary name, which becomes `data` when all is done: an attempt that is
    /// interrupted leaves no half of a cluster behind.
    func createCluster(binaries: ServerBinaries, arguments: [String], logger: Logger) async throws {
        logger.info("creating the embedded database", metadata: ["cluster.folder": "\(path)"])
        let fresh = path.appending("data.new")
        try await remove(fresh)
        do {
            try await initialise(fresh, binaries: binaries, arguments: arguments)
            try include(in: fresh)
            // What is in the way of the new name holds no cluster; an empty folder is replaced, anything else stays.
            try SmallFile.rename(fresh, to: data)
        } catch {
            // A task of its own: cleaning up must work after a cancellation too.
            await Task { try? await remove(fresh) }.value
            guard let reason = error as? Errno else { throw error }
            throw ClusterError(
                .creation, "The database in \(path) cannot be created: \(reason).", output: ["\(reason)"],
                fallback: "If there is a folder \"data\" in it that is no database, move it away.")
        }
    }

    private func initialise(_ fresh: FilePath, binaries: ServerBinaries, arguments: [String]) async throws {
        // Clients are let in by importer_hba.conf; these are the rules should it ever be missing.
        let fixed = ["--encoding=UTF8", "--username=importer", "--auth=peer", "--no-instructions"]
        let result = try await account.run(
            binaries.initdb, (fixed + arguments).map { .text($0) } + ["-D", .path(fresh)])
        guard result.succeeded else {
            throw ClusterError(
                .creation, "The database in \(path) cannot be created: initdb failed.",
                output: result.lines.suffix(8), fallback: "Set IMPORTER_DATA to another folder, or set DATABASE_URL.")
        }
    }

    private func include(in fresh: FilePath) throws {
        let file = try FileDescriptor.open(
            fresh.appending("postgresql.conf"), .writeOnly, options: [.append, .closeOnExec, .noFollow])
        try file.closeAfter {
            let note = "\n# Settings of product-importer. What stands below this line wins over them.\n"
            try file.writeAll((note + "include_if_exists = '\(ClusterSettings.fileName)'\n").utf8)
            fsync(file.rawValue)
        }
    }

    /// As the cluster's user, so that nothing can be removed through a link that this user could not remove itself.
    private func remove(_ folder: FilePath) async throws {
        guard FileStatus(folder, followLinks: false) != nil else { return }
        let result = try await account.run("/bin/rm", ["-rf", "--", .path(folder)])
        guard result.succeeded else {
            throw ClusterError(
                .folder, "\(folder), left from an interrupted start, cannot be removed.",
                remedy: "Remove it by hand, then start again.", output: result.lines.suffix(3))
        }
    }
}
