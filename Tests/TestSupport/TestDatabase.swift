import Catalog
import Glibc
import Logging
package import Postgres
import Synchronization
import SystemPackage

/// A database of its own for one test, on a cluster that all tests of this process share and that ends with it.
package struct TestDatabase: Sendable {
    /// What PostgreSQL's `lower()` may follow.
    package enum Locale: String, Sendable, CaseIterable {
        case c = "LOCALE 'C.UTF-8'"
        case english = "LOCALE 'en_US.UTF-8'"
        case turkish = "LOCALE 'tr_TR.UTF-8'"
        case icu = "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8'"
        case icuTurkish = "LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR' LOCALE 'C.UTF-8'"
    }

    package let conninfo: String
    package let session: Session

    /// Makes a database, lends it to `body`, and drops it.
    package static func with<Output>(
        _ locale: Locale = .c, migrated: Bool = true, _ body: (TestDatabase) async throws -> Output
    ) async throws -> Output {
        await Turnstile.shared.enter()
        defer { Task { await Turnstile.shared.leave() } }
        let server = try await TestCluster.shared.value
        let name = "test_\(UInt64.random(in: 0...UInt64.max))"
        let administrator = Session(server)
        try await administrator.run { connection in
            // The name and the locale are ours; neither can be a parameter.
            try connection.execute(
                script: SQL(verbatim: "CREATE DATABASE \(name) TEMPLATE template0 \(locale.rawValue)"))
        }
        let conninfo = server.replacing("dbname=importer", with: "dbname=\(name)")
        let database = TestDatabase(conninfo: conninfo, session: Session(conninfo))
        func drop() async throws {
            await database.session.close()
            try await administrator.run {
                try $0.execute(script: SQL(verbatim: "DROP DATABASE \(name) WITH (FORCE)"))
            }
            await administrator.close()
        }
        do {
            if migrated { try await database.session.run { _ = try Schema.migrate($0) } }
            let output = try await body(database)
            try await drop()
            return output
        } catch {
            try? await drop()
            throw error
        }
    }

    /// Runs a statement that gives one value.
    package func value<Value: PostgresDecodable & Sendable>(_ sql: SQL, as type: Value.Type = Value.self) async throws
        -> Value
    {
        try await session.run { try $0.query(sql)[0][0] }
    }

    package func execute(_ sql: SQL) async throws {
        try await session.run { _ = try $0.query(sql) }
    }
}

/// Lets a few tests in at a time: all at once they would use up the server's connections.
private actor Turnstile {
    static let shared = Turnstile()

    private var free = 6
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func enter() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    func leave() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}

/// The server that tests use: started once, stopped and removed when the process exits.
private enum TestCluster {
    static let shared = Task<String, any Error> {
        let folder = try temporaryFolder()
        var logger = Logger(label: "test.cluster")
        logger.logLevel = .error
        let cluster = try await EmbeddedCluster.start(
            directory: FilePath("\(folder)/postgres"), settings: ["max_connections": "100"], logger: logger)
        running.withLock { $0 = (cluster, folder) }
        atexit { TestCluster.end() }
        return cluster.connectionString
    }

    private static let running = Mutex<(cluster: EmbeddedCluster, folder: String)?>(nil)

    private static func end() {
        guard let (cluster, folder) = running.withLock({ $0 }) else { return }
        // exit handlers cannot await; the cooperative pool still runs.
        let done = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        sem_init(done, 0, 0)
        nonisolated(unsafe) let signal = done
        Task.detached {
            await cluster.stop()
            sem_post(signal)
        }
        sem_wait(done)
        removeFolder(folder)
    }
}
