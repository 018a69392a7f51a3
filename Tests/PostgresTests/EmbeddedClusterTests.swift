import CLibPQ
import Glibc
import Logging
import Subprocess
import SystemPackage
import Testing

@testable import Postgres

/// Real clusters, each in a folder of its own; serialized because making one keeps a processor busy for a second.
@Suite(.serialized) struct EmbeddedClusterTests {
    // MARK: First use, and use again

    @Test func firstUseMakesADatabaseOfSafeSettings() async throws {
        try await withScratch { scratch in
            let cluster = try await scratch.start()
            let answer = try await psql(
                cluster,
                """
                SELECT current_user, current_database(), rolsuper, getdatabaseencoding(), datcollate,
                       current_setting('listen_addresses') = '' FROM pg_roles, pg_database
                WHERE rolname = current_user AND datname = current_database()
                """)
            #expect(answer == ["importer|importer|t|UTF8|C.UTF-8|t"])
            let settings = ["fsync", "full_page_writes", "synchronous_commit", "autovacuum"]
            for setting in settings { #expect(try await psql(cluster, "SHOW \(setting)") == ["on"], "\(setting)") }
            #expect(try await psql(cluster, "SHOW max_wal_size") == ["4GB"])
            #expect(try await psql(cluster, "SHOW TimeZone") == ["UTC"])
            await cluster.stop()
        }
    }

    @Test func aSecondStartFindsTheData() async throws {
        try await withScratch { scratch in
            var cluster = try await scratch.start()
            _ = try await psql(cluster, "CREATE TABLE t AS SELECT 'kept' AS word")
            await cluster.stop()
            #expect(scratch.serverID == nil)
            cluster = try await scratch.start()
            #expect(try await psql(cluster, "SELECT word FROM t") == ["kept"])
            await cluster.stop()
        }
    }

    @Test func theServerRunsInASessionOfItsOwnAndNeverAsRoot() async throws {
        try await withScratch { scratch in
            let cluster = try await scratch.start()
            let id = try #require(scratch.serverID)
            #expect(getsid(id) != getsid(0))
            let owner = try #require(FileStatus(FilePath("/proc/\(id)"), followLinks: true)?.owner)
            #expect(geteuid() == 0 ? owner == ClusterAccount(name: "postgres")?.userID : owner == geteuid())
            await cluster.stop()
        }
    }

    @Test func settingsOfTheCallerWin() async throws {
        try await withScratch { scratch in
            let odd = "it's \\ odd"
            let cluster = try await scratch.start(settings: ["max_connections": "17", "importer.note": odd])
            #expect(try await psql(cluster, "SHOW max_connections") == ["17"])
            #expect(try await psql(cluster, "SHOW jit") == ["off"])
            #expect(try await psql(cluster, "SHOW importer.note") == [odd])
            await cluster.stop()
        }
    }

    @Test func whatAnInterruptedInitdbLeftIsRemoved() async throws {
        try await withScratch { scratch in
            let cluster = try await scratch.start()
            await cluster.stop()
            let fresh = scratch.directory.appending("data.new")
            try SmallFile.rename(scratch.directory.appending("data"), to: fresh)
            try SmallFile.rename(fresh.appending("PG_VERSION"), to: fresh.appending("PG_VERSION.away"))
            let again = try await scratch.start()
            #expect(try await psql(again, "SELECT 1") == ["1"])
            #expect(FileStatus(fresh, followLinks: false) == nil)
            await again.stop()
        }
    }

    // MARK: Several users

    @Test func theLastUserStopsTheServer() async throws {
        try await withScratch { scratch in
            let first = try await scratch.start()
            let second = try await scratch.start()
            let id = scratch.serverID
            await first.stop()
            #expect(scratch.serverID == id)
            #expect(try await psql(second, "SELECT 1") == ["1"])
            await second.stop()
            #expect(scratch.serverID == nil)
        }
    }

    @Test func aProcessOfAnotherProgramRunKeepsTheServerUp() async throws {
        try await withScratch { scratch in
            let cluster = try await scratch.start()
            // As another process of this program does for its lifetime.
            let lock = scratch.directory.appending("users.lock")
            let other = try await Subprocess.run(
                .path("/usr/bin/flock"), arguments: ["--shared", lock.string, "/bin/sh", "-c", "echo in; read -r _"],
                input: .inputWriter, output: .sequence, error: .discarded
            ) { execution in
                for try await _ in execution.standardOutput.strings() { break }
                await cluster.stop()
                let survived = scratch.serverID != nil
                try await execution.standardInputWriter.finish()
                return survived
            }
            #expect(other.closureResult)
            let heir = try await scratch.start()
            await heir.stop()
            #expect(scratch.serverID == nil)
        }
    }

    @Test func simultaneousFirstStartsShareOneServer() async throws {
        try await withScratch { scratch in
            let clusters = try await withThrowingTaskGroup(of: EmbeddedCluster.self) { group in
                for _ in 0..<4 { group.addTask { try await scratch.start() } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(clusters.map(\.connectionString)).count == 1)
            await withTaskGroup { group in
                for cluster in clusters { group.addTask { await cluster.stop() } }
            }
            #expect(scratch.serverID == nil)
        }
    }

    @Test func stopMayBeCalledAgainAndInACancelledTask() async throws {
        try await withScratch { scratch in
            let cluster = try await scratch.start()
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                await cluster.stop()
            }
            await task.value
            #expect(scratch.serverID == nil)
            await cluster.stop()
        }
    }

    @Test(arguments: [0, 100, 400, 900]) func aCancelledStartLeavesNothingRunning(milliseconds: Int) async throws {
        try await withScratch { scratch in
            let task = Task { try await scratch.start() }
            try await Task.sleep(for: .milliseconds(milliseconds))
            task.cancel()
            // Whichever of the two was faster.
            if let cluster = try? await task.value { await cluster.stop() }
            #expect(scratch.serverID == nil)
            #expect(FileStatus(scratch.directory, followLinks: false)?.isLink != true)
            let cluster = try await scratch.start()
            #expect(try await psql(cluster, "SELECT 1") == ["1"])
            await cluster.stop()
        }
    }

    // MARK: After a crash

    @Test func aServerWhoseOwnerDiedIsAdopted() async throws {
        try await withScratch { scratch in
            // Letting go of it without stop() frees the locks, as the kernel does for a killed process.
            _ = try await scratch.start()
            let id = try #require(scratch.serverID)
            let cluster = try await scratch.start()
            #expect(scratch.serverID == id)
            #expect(try await psql(cluster, "SELECT 1") == ["1"])
            await cluster.stop()
            #expect(scratch.serverID == nil)
        }
    }

    @Test func aKilledServerRecoversWhatWasCommitted() async throws {
        try await withScratch { scratch in
            let dead = try await scratch.start()
            _ = try await psql(dead, "CREATE TABLE t AS SELECT generate_series(1, 20000) AS n")
            let id = try #require(scratch.serverID)
            kill(id, SIGKILL)
            let cluster = try await scratch.start()
            #expect(scratch.serverID != id)
            #expect(try await psql(cluster, "SELECT count(*) FROM t") == ["20000"])
            await dead.stop()
            #expect(scratch.serverID != nil)
            await cluster.stop()
        }
    }

    @Test func aStaleProcessFileIsRemovedWhoeverHasTheNumberNow() async throws {
        try await withScratch { scratch in
            let cluster = try await scratch.start()
            let file = scratch.directory.appending("data/postmaster.pid")
            let text = try SmallFile.read(file)
            await cluster.stop()
            // This process, one that cannot exist, and a file cut off by a full disk.
            for id in ["\(getpid())", "999999999", ""] {
                let stale = id + text.drop { $0 != "\n" }
                try SmallFile.write(id.isEmpty ? "" : stale, to: file, owner: try scratch.account)
                let again = try await scratch.start()
                #expect(try await psql(again, "SELECT 1") == ["1"])
                await again.stop()
                #expect(scratch.serverID == nil)
            }
        }
    }

    @Test func aCopiedFolderDoesNotLeadToTheOriginalsServer() async throws {
        try await withScratch { scratch in
            let original = try await scratch.start()
            let copy = Scratch(root: scratch.root, directory: scratch.root.appending("copy"))
            let result = try await Subprocess.run(
                .path("/bin/cp"), arguments: ["-a", scratch.directory.string, copy.directory.string],
                output: .discarded)
            #expect(result.terminationStatus.isSuccess)
            let cluster = try await copy.start()
            #expect(copy.serverID != scratch.serverID)
            _ = try await psql(cluster, "CREATE TABLE only_in_copy ()")
            #expect(try await psql(original, "SELECT to_regclass('only_in_copy')") == [""])
            await cluster.stop()
            await original.stop()
            #expect(copy.serverID == nil)
        }
    }

    @Test func aServerWhoseSocketWasTidiedAwayIsRestarted() async throws {
        try await withScratch { scratch in
            _ = try await scratch.start()
            let id = scratch.serverID
            unlink(scratch.directory.appending(ClusterSocket.fileName).string)
            let cluster = try await scratch.start()
            #expect(scratch.serverID != id)
            #expect(try await psql(cluster, "SELECT 1") == ["1"])
            await cluster.stop()
        }
    }

    // MARK: Places

    @Test(arguments: [
        String(repeating: "a long name ", count: 9), "comma, quote ' and \\ backslash", "Ä \" ü", "$(false) `x`; #",
    ])
    func anyPathWillDo(name: String) async throws {
        try await withScratch { scratch in
            let odd = Scratch(root: scratch.root, directory: scratch.root.appending(name).appending("postgres"))
            var cluster = try await odd.start()
            _ = try await psql(cluster, "CREATE TABLE t ()")
            await cluster.stop()
            cluster = try await odd.start()
            #expect(try await psql(cluster, "SELECT count(*) FROM t") == ["0"])
            await cluster.stop()
            #expect(odd.serverID == nil)
        }
    }

    @Test func aFolderThatTheServersUserCannotReachIsReplacedByALink() async throws {
        try await withScratch { scratch in
            chmod(scratch.root.string, 0o700)
            var cluster = try await scratch.start()
            _ = try await psql(cluster, "CREATE TABLE t ()")
            let status = try #require(FileStatus(scratch.directory, followLinks: false))
            // For anybody but root the server's user is the folder's owner, and there is no need.
            #expect(status.isLink == (geteuid() == 0))
            await cluster.stop()
            cluster = try await scratch.start()
            #expect(try await psql(cluster, "SELECT count(*) FROM t") == ["0"])
            await cluster.stop()

            // Removing the link is to be rid of the data.
            guard status.isLink, let real = FilePath.resolved(scratch.directory) else { return }
            unlink(scratch.directory.string)
            cluster = try await scratch.start()
            #expect(FilePath.resolved(scratch.directory) != real)
            #expect(try await psql(cluster, "SELECT to_regclass('t')") == [""])
            await cluster.stop()
            for folder in [real, try #require(FilePath.resolved(scratch.directory))] { try await remove(folder) }
        }
    }

    // MARK: Locales

    @Test(arguments: [
        (["--locale=tr_TR.UTF-8"], "ı", "i"), (["--locale=en_US.UTF-8"], "i", "i"),
        (["--locale-provider=icu", "--icu-locale=en-US"], "i", "i"),
        (["--locale-provider=icu", "--icu-locale=tr-TR"], "ı", "i"),
    ])
    func theDatabaseHasTheLocaleAskedFor(arguments: [String], lower: String, dotted: String) async throws {
        try await withScratch { scratch in
            let cluster = try await scratch.start(initdbArguments: arguments)
            #expect(try await psql(cluster, "SELECT lower('I'), lower('i')") == ["\(lower)|\(dotted)"])
            await cluster.stop()
        }
    }

    // MARK: Errors

    @Test func aMissingServerNamesThePackage() async throws {
        let error = await #expect(throws: ClusterError.self) {
            try await ServerBinaries.find(version: nil, data: "/x", roots: ["/nowhere"], path: ["/nowhere"])
        }
        #expect(error?.code == .serverMissing)
        #expect(error?.description.contains("apt-get install postgresql") == true)
    }

    @Test func dataOfAnotherVersionNamesThatVersion() async throws {
        try await withScratch { scratch in
            let cluster = try await scratch.start()
            await cluster.stop()
            let file = scratch.directory.appending("data/PG_VERSION")
            try SmallFile.write("9.6\n", to: file, owner: try scratch.account)
            let error = await #expect(throws: ClusterError.self) { try await scratch.start() }
            #expect(error?.code == .serverMissing)
            #expect(error?.description.contains("apt-get install postgresql-9.6") == true)
        }
    }

    @Test func programsInPathAreFoundToo() async throws {
        let usual = try await ServerBinaries.find(version: nil, data: "/x")
        let found = try await ServerBinaries.find(version: nil, data: "/x", roots: [], path: ["/", usual.directory])
        #expect(found == usual)
    }

    @Test func aServerThatDoesNotStartShowsItsLog() async throws {
        try await withScratch { scratch in
            let error = await #expect(throws: ClusterError.self) {
                try await scratch.start(settings: ["shared_buffers": "much"])
            }
            #expect(error?.code == .server)
            #expect(error?.description.contains("invalid value for parameter \"shared_buffers\"") == true)
            #expect(error?.description.contains("server.log") == true)
            let cluster = try await scratch.start()
            #expect(try await psql(cluster, "SELECT 1") == ["1"])
            await cluster.stop()
        }
    }

    @Test func aFailedInitdbLeavesNothingBehind() async throws {
        try await withScratch { scratch in
            let error = await #expect(throws: ClusterError.self) {
                try await scratch.start(initdbArguments: ["--locale=xx_XX.UTF-8"])
            }
            #expect(error?.code == .creation)
            #expect(error?.remedy.contains("locale -a") == true)
            #expect(FileStatus(scratch.directory.appending("data.new"), followLinks: false) == nil)
            #expect(FileStatus(scratch.directory.appending("data"), followLinks: false) == nil)
        }
    }

    @Test func whatIsInTheFoldersPlaceIsNamed() async throws {
        try await withScratch { scratch in
            try SmallFile.write("a file", to: scratch.directory, owner: try scratch.account)
            let error = await #expect(throws: ClusterError.self) { try await scratch.start() }
            #expect(error?.code == .folder)
            unlink(scratch.directory.string)
            symlink("nowhere", scratch.directory.string)
            let dangling = await #expect(throws: ClusterError.self) { try await scratch.start() }
            #expect(dangling?.description.contains("link to something that is not there") == true)
        }
    }

    @Test func aFolderOfSomebodyElseIsNotTouched() async throws {
        // Root's own for an ordinary user, and one with contents for root.
        let before = FileStatus("/var/lib", followLinks: true)
        let error = await #expect(throws: ClusterError.self) {
            try await EmbeddedCluster.start(directory: "/var/lib", logger: Logger(label: "test"))
        }
        #expect(error?.code == .folder)
        #expect(error?.remedy.contains("chown -R") == true)
        #expect(FileStatus("/var/lib", followLinks: true) == before)
    }

    // MARK: Texts

    @Test(arguments: [
        ("/run/a", "/run/a"), ("", "''"), ("a b", "'a b'"), ("it's", "'it\\'s'"), ("back\\slash", "'back\\\\slash'"),
    ])
    func keywordsAreQuoted(value: String, expected: String) {
        #expect(ConnectionKeywords.quoted(value) == expected)
    }

    @Test(arguments: [(64 << 20, 128), (1 << 30, 256), (8 << 30, 512), (64 << 30, 512)])
    func sharedBuffersFollowTheMemory(memory: Int, megabytes: Int) {
        #expect(ClusterSettings.sharedBuffersMegabytes(memory: memory) == megabytes)
    }
}

// MARK: -

/// A folder for one test, with a cluster in it.
private struct Scratch {
    let root: FilePath
    let directory: FilePath

    var account: ClusterAccount {
        get throws { try geteuid() == 0 ? ClusterAccount.postgres() : ClusterAccount.current() }
    }

    /// The postmaster, if it is alive.
    var serverID: pid_t? {
        guard let path = FilePath.resolved(directory), let account = try? account,
            let file = PostmasterFile(data: path.appending("data"))
        else { return nil }
        let processes = ClusterProcesses(folder: ClusterFolder(path: path, account: account))
        return processes.isPostmaster(file.processID) ? file.processID : nil
    }

    func start(
        initdbArguments: [String] = EmbeddedCluster.defaultInitdbArguments, settings: [String: String] = [:]
    ) async throws -> EmbeddedCluster {
        var logger = Logger(label: "test")
        logger.logLevel = .error
        return try await EmbeddedCluster.start(
            directory: directory, initdbArguments: initdbArguments,
            settings: ["shared_buffers": "16MB"].merging(settings) { $1 }, logger: logger)
    }
}

/// Lends a folder, then checks that no server was left behind and removes it.
private func withScratch(_ body: (Scratch) async throws -> Void) async throws {
    var template = Array("/tmp/cluster-test-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    let root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    chmod(root, 0o755)
    let scratch = Scratch(root: FilePath(root), directory: FilePath(root).appending("postgres"))
    let result: Result<Void, any Error>
    do {
        try await body(scratch)
        result = .success(())
    } catch {
        result = .failure(error)
    }
    if let id = scratch.serverID {
        Issue.record("a server was left running")
        kill(id, SIGQUIT)
    }
    try await remove(scratch.root)
    try result.get()
}

private func remove(_ folder: FilePath) async throws {
    _ = try await Subprocess.run(.path("/bin/rm"), arguments: ["-rf", folder.string], output: .discarded)
}

/// A statement's rows as psql prints them: the connection string must serve other programs too.
private func psql(_ cluster: EmbeddedCluster, _ statement: String) async throws -> [String] {
    let result = try await Subprocess.run(
        .name("psql"), arguments: ["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", cluster.connectionString, "-c", statement],
        environment: .inherit.updating(["PGCLIENTENCODING": "UTF8"]),
        output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    #expect(result.terminationStatus.isSuccess, "\(result.standardError)")
    var lines = result.standardOutput.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last == "" { lines.removeLast() }
    return lines
}
