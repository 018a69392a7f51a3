import SystemPackage

/// The cluster's configuration. It is in files of our own, so that what somebody adds to `postgresql.conf` stays.
struct ClusterSettings {
    static let fileName = "importer.conf"

    let folder: ClusterFolder
    let socketDirectory: FilePath
    let clusterName: String
    /// `lz4`, or what else this server can do.
    let walCompression: String
    /// Replace or extend ours.
    let overrides: [String: String]

    /// Writes what differs from the files that are there. For a server that is not running.
    func write() throws {
        let data = folder.data
        do {
            try SmallFile.write(text, to: data.appending(Self.fileName), owner: folder.account)
            try SmallFile.write(accessText, to: data.appending("importer_hba.conf"), owner: folder.account)
            try SmallFile.write(usersText, to: data.appending("importer_ident.conf"), owner: folder.account)
        } catch {
            throw ClusterError(
                .folder, "The database's settings in \(data) cannot be written: \(error).", output: ["\(error)"],
                fallback: "Make that folder writable for this user.")
        }
    }

    var text: String {
        let lines = tuning.merging(overrides) { $1 }.sorted { $0.key < $1.key }
            .map { "\($0.key) = \(Self.quoted($0.value))" }
        return "# Written by product-importer at each start: change settings after the include in postgresql.conf.\n"
            + lines.joined(separator: "\n") + "\n"
    }

    /// Fit for loads of millions of rows beside a small web application. What keeps data safe (`fsync`,
    /// `full_page_writes`, `synchronous_commit`) stays as PostgreSQL has it.
    private var tuning: [String: String] {
        [
            "listen_addresses": "",
            "port": "\(ClusterSocket.port)",
            "unix_socket_directories": "\"\(socketDirectory)\"",
            // The folder is private; the socket itself lets root and the owner in.
            "unix_socket_permissions": "0700",
            "hba_file": "\(folder.data.appending("importer_hba.conf"))",
            "ident_file": "\(folder.data.appending("importer_ident.conf"))",
            "cluster_name": clusterName,
            "max_connections": "60",

            "shared_buffers": "\(Self.sharedBuffersMegabytes(memory: Machine.memory))MB",
            "maintenance_work_mem": "\(Self.maintenanceMegabytes(memory: Machine.memory))MB",

            // A load of a gigabyte must not run into checkpoints of its own making.
            "max_wal_size": "4GB",
            "min_wal_size": "512MB",
            "wal_buffers": "32MB",
            "wal_compression": walCompression,
            "checkpoint_timeout": "15min",
            "checkpoint_completion_target": "0.9",
            // Nobody replicates from here.
            "wal_level": "minimal",
            "max_wal_senders": "0",

            "autovacuum": "on",
            // Compiling a plan takes longer than any query of ours runs.
            "jit": "off",

            // The output is a file (see ClusterServer), in English whatever the cluster's locale, so that it can be read
            // by whoever is asked for help and by ClusterError.
            "logging_collector": "off",
            "log_destination": "stderr",
            "log_line_prefix": "%m [%p] ",
            "log_checkpoints": "off",
            "lc_messages": "C",
            "timezone": "UTC",
            "log_timezone": "UTC",
        ]
    }

    /// A quarter of the memory, as PostgreSQL's manual advises, between its own default and what loads still profit from.
    static func sharedBuffersMegabytes(memory: Int) -> Int { min(max(memory >> 22, 128), 512) }

    static func maintenanceMegabytes(memory: Int) -> Int { min(max(memory >> 24, 64), 256) }

    /// Connections over the socket only, and only for users that the map names.
    private var accessText: String {
        "# Written by product-importer at each start.\nlocal all all peer map=importer\n"
    }

    /// The server's user, root, and whoever runs this program: each of them is `importer` in the database.
    private var usersText: String {
        var names = [folder.account.name, "root"]
        if let current = try? ClusterAccount.current(), !names.contains(current.name) { names.append(current.name) }
        let lines = names.map { "importer \"\($0)\" importer" }
        return "# Written by product-importer at each start.\n" + lines.joined(separator: "\n") + "\n"
    }

    /// A value as configuration files have it.
    static func quoted(_ value: String) -> String {
        let escaped = value.flatMap { character -> [Character] in
            switch character {
            case "'": ["'", "'"]
            case "\\": ["\\", "\\"]
            case "\n": ["\\", "n"]
            default: [character]
            }
        }
        return "'" + String(escaped) + "'"
    }
}

enum Machine {
    /// Bytes of memory that this machine, or the container's limit, allows.
    static var memory: Int {
        let total = (try? SmallFile.read("/proc/meminfo")).flatMap { text in
            text.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }?
                .split(separator: " ").dropFirst().first.flatMap { Int($0) }
        }
        let limit = (try? SmallFile.read("/sys/fs/cgroup/memory.max")).flatMap { Int($0.filter(\.isNumber)) }
        return min(total.map { $0 * 1024 } ?? 1 << 30, limit ?? .max)
    }
}
