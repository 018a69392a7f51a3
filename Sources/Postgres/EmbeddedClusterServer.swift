import Glibc
import Logging
import SystemPackage

/// Starts, adopts and stops the server of one cluster. Its methods are called under the cluster's start lock.
struct ClusterServer: Sendable {
    let folder: ClusterFolder
    let binaries: ServerBinaries
    let settings: [String: String]
    let logger: Logger

    private var processes: ClusterProcesses { ClusterProcesses(folder: folder) }

    /// Makes sure that a server runs and answers.
    ///
    /// - Parameter isOnlyUser: Whether no other process uses the server, which then may be restarted.
    /// - Returns: The folder of its socket.
    func ensureRunning(isOnlyUser: () -> Bool) async throws -> FilePath {
        if let running = try await adopt(isOnlyUser: isOnlyUser) { return running }
        return try await launch()
    }

    /// Stops the server: in order within a minute, else at once, in which case its next start replays the log.
    func stop() async {
        guard let file = PostmasterFile(data: folder.data), processes.isPostmaster(file.processID) else { return }
        let signals: [(signal: CInt, limit: Duration)] = [(SIGINT, .seconds(60)), (SIGQUIT, .seconds(10))]
        for (signal, limit) in signals {
            kill(file.processID, signal)
            if (try? await waitUntilGone(file.processID, limit: limit)) == true {
                // A private folder for the socket is empty now; the cluster's own is not.
                if let socket = file.socketDirectory { rmdir(socket.string) }
                logger.debug("stopped the embedded database", metadata: ["cluster.folder": "\(folder.path)"])
                return
            }
        }
        logger.error(
            "the embedded database does not stop",
            metadata: ["cluster.folder": "\(folder.path)", "cluster.pid": "\(file.processID)"])
    }
}

// MARK: - A server that runs already

extension ClusterServer {
    /// Takes over the server that another process started, or that a killed one left behind.
    ///
    /// - Returns: The folder of its socket; nil if none is running, and one may be started.
    private func adopt(isOnlyUser: () -> Bool) async throws -> FilePath? {
        guard let file = PostmasterFile(data: folder.data) else { return nil }
        let expected = try ClusterSocket.directory(for: folder)
        // An answer counts for more than a process number, which means nothing across containers that share the folder;
        // but only at our own place: the file in a copied folder leads to the original's server.
        if file.socketDirectory == expected, await Probe.ask(expected) == .ready { return expected }
        guard processes.isPostmaster(file.processID) else {
            try await clearAway(file)
            return nil
        }
        if file.status == "stopping" {
            logger.notice("waiting for the embedded database to stop before it is started again")
            guard try await waitUntilGone(file.processID, limit: .seconds(90)) else { throw doesNotAnswer(file) }
            return nil
        }
        // The folder may have been moved while the server ran, and its socket with it.
        let places = [file.socketDirectory, expected].compactMap(\.self)
        let socket = places.first { FileStatus.exists($0, ClusterSocket.fileName) }
        if socket == nil, file.status == "ready" {
            // Something tidied up its socket (a cleaner of /tmp, say): nobody new can get in.
            guard isOnlyUser() else { throw doesNotAnswer(file) }
            logger.notice("restarting the embedded database, whose socket is gone")
            await stop()
            return nil
        }
        try await waitUntilReady(socket ?? expected, processID: file.processID, logStart: 0)
        return socket ?? expected
    }

    /// Removes what a server that died without a word left behind.
    private func clearAway(_ file: PostmasterFile) async throws {
        // Its children finish what they are at before they notice; until then the files are theirs.
        let deadline = ContinuousClock.now + .seconds(30)
        var remaining = processes.all()
        while !remaining.isEmpty {
            guard ContinuousClock.now < deadline else {
                let list = remaining.map(String.init).joined(separator: " ")
                throw ClusterError(
                    .server, "Processes of an earlier server still use \(folder.data), and do not end.",
                    remedy: "End them (`kill \(list)`), then start again.")
            }
            for id in remaining { kill(id, SIGQUIT) }
            try await Task.sleep(for: .milliseconds(50))
            remaining = processes.all()
        }
        logger.notice(
            "the embedded database was not stopped in order: it recovers by itself",
            metadata: ["cluster.folder": "\(folder.path)", "cluster.pid": "\(file.processID)"])
        folder.data.appending("postmaster.pid").withPlatformString { _ = unlink($0) }
    }
}

// MARK: - Starting one

extension ClusterServer {
    private func launch() async throws -> FilePath {
        let socket = try ClusterSocket.directory(for: folder)
        try ClusterSettings(
            folder: folder, socketDirectory: socket, clusterName: processes.clusterName,
            walCompression: try await walCompression(), overrides: settings
        ).write()
        boundLog()
        // The socket's folder is this cluster's alone, so that a lock in it is stale as well, whoever has its number now.
        for name in [ClusterSocket.fileName + ".lock", ClusterSocket.fileName] { unlink(socket.appending(name).string) }
        let logStart = FileStatus(folder.log, followLinks: false)?.size ?? 0
        let id = try await spawn()
        do {
            try await waitUntilReady(socket, processID: id, logStart: logStart)
        } catch {
            // It may not be in its file yet, so that stop() would not find it. SIGTERM ends the shell before it as well.
            kill(id, SIGTERM)
            await Task { _ = try? await waitUntilGone(id, limit: .seconds(60)) }.value
            throw error
        }
        logger.debug(
            "started the embedded database",
            metadata: [
                "cluster.folder": "\(folder.path)", "cluster.pid": "\(id)", "cluster.version": "\(binaries.version)",
            ])
        return socket
    }

    /// In a session of its own, so that Ctrl-C and the end of the terminal do not reach it, and with nothing of ours
    /// open. A shell goes between, so that the server is not our child; the paths are its arguments, never its text.
    private func spawn() async throws -> pid_t {
        let script = "umask 077; \"$1\" -D \"$2\" </dev/null >>\"$3\" 2>&1 & echo $!"
        let paths: [ClusterAccount.Word] = [.path(binaries.postgres), .path(folder.data), .path(folder.log)]
        // A task of its own, which no cancellation ends before the server's number is known.
        let result = try await Task {
            try await folder.account.run("/bin/sh", ["-c", .text(script), "sh"] + paths, newSession: true)
        }.value
        guard let id = result.lines.last.flatMap({ pid_t($0) }) else {
            throw ClusterError(
                .server, "The database server could not be started.", output: result.lines.suffix(5),
                fallback: "Set DATABASE_URL to use another server.")
        }
        return id
    }

    /// Full-page images make up most of the log after a checkpoint; lz4 halves them at next to no cost, but not every
    /// build and no version before 15 has it.
    private func walCompression() async throws -> String {
        let arguments: [ClusterAccount.Word] = [
            "-C", "wal_compression", "-D", .path(folder.data), "-c", "wal_compression=lz4",
        ]
        return try await folder.account.run(binaries.postgres, arguments).succeeded ? "lz4" : "on"
    }

    /// Keeps the log of the run before, and no more, once it has grown.
    private func boundLog() {
        guard let size = FileStatus(folder.log, followLinks: false)?.size, size > 8 << 20 else { return }
        try? SmallFile.rename(folder.log, to: folder.path.appending("server.log.1"))
    }
}

// MARK: - Waiting

extension ClusterServer {
    /// Waits as long as the server is alive and at work, which after a crash can be minutes.
    private func waitUntilReady(_ socket: FilePath, processID: pid_t, logStart: Int) async throws {
        let start = ContinuousClock.now
        var nextNotice: Duration = .seconds(3)
        while true {
            let answer = await Probe.ask(socket)
            if answer == .ready { return }
            guard isAlive(processID) else { throw didNotStart(logStart: logStart) }
            let waited = ContinuousClock.now - start
            if answer == .silent, waited > .seconds(60), let file = PostmasterFile(data: folder.data) {
                throw doesNotAnswer(file)
            }
            if waited > nextNotice {
                nextNotice += .seconds(10)
                logger.notice(
                    "the embedded database is recovering, after a crash or an interrupted shutdown",
                    metadata: ["cluster.seconds": "\(waited.components.seconds)"])
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Under whatever name: the shell of ``spawn()`` becomes the server only after a moment.
    private func isAlive(_ id: pid_t) -> Bool {
        // As the first process of a container we inherit the server, and have to bury it.
        waitpid(id, nil, WNOHANG)
        return ClusterProcesses.name(id) != nil
    }

    private func waitUntilGone(_ id: pid_t, limit: Duration) async throws -> Bool {
        let deadline = ContinuousClock.now + limit
        while isAlive(id) {
            guard ContinuousClock.now < deadline else { return false }
            try await Task.sleep(for: .milliseconds(5))
        }
        return true
    }

    private func didNotStart(logStart: Int) -> ClusterError {
        let text = (try? SmallFile.read(folder.log, from: logStart)) ?? ""
        return ClusterError(
            .server, "The embedded database in \(folder.path) does not start.",
            output: text.split(separator: "\n").suffix(8).map(String.init),
            fallback: "See its log, \(folder.log), or set DATABASE_URL to use another server.")
    }

    private func doesNotAnswer(_ file: PostmasterFile) -> ClusterError {
        ClusterError(
            .server,
            "The embedded database in \(folder.path) is running (process \(file.processID)) but does not answer.",
            remedy: "Stop the other programs that use it, end it (`kill -INT \(file.processID)`), then start again.")
    }
}

extension FileStatus {
    static func exists(_ directory: FilePath, _ name: String) -> Bool {
        FileStatus(directory.appending(name), followLinks: false) != nil
    }
}
