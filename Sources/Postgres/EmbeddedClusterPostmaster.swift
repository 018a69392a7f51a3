import Glibc
import SystemPackage

/// `postmaster.pid`: the server's first process says in it who it is, where its socket is and how far it has got.
struct PostmasterFile {
    let processID: pid_t
    /// Missing while the server has only begun to start.
    let socketDirectory: FilePath?
    /// "starting", "ready", "stopping" or "standby".
    let status: String

    /// Nil if there is no such file, which means that no server is running; see PostgreSQL's `miscadmin.h` for the lines.
    init?(data: FilePath) {
        guard let text = try? SmallFile.read(data.appending("postmaster.pid")) else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        // A file that was cut off by a full disk names nobody.
        processID = lines.first.flatMap { pid_t($0) } ?? 0
        socketDirectory = lines.count > 4 && lines[4].hasPrefix("/") ? FilePath(lines[4]) : nil
        status = lines.count > 7 ? lines[7].filter { $0 != " " } : ""
    }
}

/// What `/proc` says about the processes of one cluster.
///
/// A number alone proves nothing: after a crash, or in a container that was started anew, it may belong to any program.
/// Every process of a server has the cluster's folder as its working directory. The kernel tells that to its own user
/// and to a root with CAP_SYS_PTRACE, which containers lack; there the command line and the title have to do.
struct ClusterProcesses {
    let folder: ClusterFolder

    /// In every process's title while the server runs.
    var clusterName: String { "importer-\(folder.path.shortHash)" }

    /// Whether the process is alive and may be this cluster's postmaster. In doubt it is: a second server on the same
    /// files would ruin them.
    func isPostmaster(_ id: pid_t) -> Bool {
        guard isServer(id) else { return false }
        switch isInside(id) {
        case let answer?: return answer
        case nil: break
        }
        let words = commandLine(id)
        guard let title = words.first, !title.hasPrefix("postgres: ") else { return false }
        guard let option = words.firstIndex(of: "-D"), option + 1 < words.count else { return true }
        guard let other = FileStatus(FilePath(words[option + 1]), followLinks: true) else { return true }
        return FileStatus(folder.data, followLinks: true).map(other.isSameFile) ?? true
    }

    /// Processes of this cluster, whatever became of their postmaster.
    func all() -> [pid_t] {
        guard let stream = opendir("/proc") else { return [] }
        defer { closedir(stream) }
        var ids: [pid_t] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let id = pid_t(name), isServer(id), isInside(id) ?? hasTitle(id) { ids.append(id) }
        }
        return ids
    }

    /// The name of a living process; nil for one that is dead and only waits for its parent to take notice, which some
    /// containers' first process does late or never.
    static func name(_ id: pid_t) -> String? {
        // "4711 (postgres) S …"
        guard id > 1, let line = try? SmallFile.read(FilePath("/proc/\(id)/stat")),
            let start = line.firstIndex(of: "("), let end = line.lastIndex(of: ")")
        else { return nil }
        let state = line[end...].dropFirst(2).first
        return state == "Z" || state == "X" ? nil : String(line[start..<end].dropFirst())
    }

    /// A living process called `postgres` of the cluster's user.
    private func isServer(_ id: pid_t) -> Bool {
        Self.name(id) == "postgres"
            && FileStatus(FilePath("/proc/\(id)"), followLinks: true)?.owner == folder.account.userID
    }

    /// Nil if the kernel does not tell.
    private func isInside(_ id: pid_t) -> Bool? {
        guard let directory = FileStatus(FilePath("/proc/\(id)/cwd"), followLinks: true),
            let data = FileStatus(folder.data, followLinks: true)
        else { return nil }
        return directory.isSameFile(as: data)
    }

    private func hasTitle(_ id: pid_t) -> Bool {
        commandLine(id).first?.hasPrefix("postgres: \(clusterName): ") ?? false
    }

    private func commandLine(_ id: pid_t) -> [String] {
        let text = (try? SmallFile.read(FilePath("/proc/\(id)/cmdline"))) ?? ""
        return text.split(separator: "\0").map(String.init)
    }
}
