internal import FoundationEssentials
internal import Glibc
internal import Postgres
internal import Synchronization

/// Whether everything is there that imports need, and since when a part is not.
final class Readiness: Sendable {
    struct Check: Sendable, Encodable {
        enum Status: String, Encodable { case ok, failed }

        let status: Status
        /// In words, when it failed.
        var reason: String?
        /// When it was first seen to fail.
        var since: Date?
    }

    static let patience = Duration.milliseconds(500)

    private let database: BoundedDatabase
    private let inboxPath: String
    private let outboxPath: String
    private let failing = Mutex<[String: Date]>([:])

    init(_ options: AdminOptions, database: BoundedDatabase) {
        self.database = database
        self.inboxPath = options.inboxPath
        self.outboxPath = options.outboxPath
    }

    /// All parts by name, asked at the same time.
    func checks() async -> [String: Check] {
        async let database = databaseFault()
        async let inbox = folderFault("inbox", inboxPath)
        async let outbox = folderFault("outbox", outboxPath)
        return await ["database": database, "inbox": inbox, "outbox": outbox].reduce(into: [:]) { checks, part in
            checks[part.key] = check(part.key, fault: part.value)
        }
    }

    private func check(_ part: String, fault: String?) -> Check {
        failing.withLock { failing in
            guard let fault else {
                failing[part] = nil
                return Check(status: .ok)
            }
            let since = failing[part] ?? Date()
            failing[part] = since
            return Check(status: .failed, reason: fault, since: since)
        }
    }

    private func databaseFault() async -> String? {
        do {
            let isMigrated = try await database.run(within: Readiness.patience) { connection in
                try connection.query("SELECT to_regclass('imports') IS NOT NULL")[0][0, as: Bool.self]
            }
            return isMigrated ? nil : "The database has no tables for imports yet. Run product-importer migrate."
        } catch let error as DatabaseUnavailable {
            return error.reason
        } catch {
            return "The database does not answer."
        }
    }

    private func folderFault(_ name: String, _ path: String) async -> String? {
        do {
            let fault = try await within(Readiness.patience) { try await offThread { Readiness.folderFault(path) } }
            guard let fault else { return "The \(name) folder does not answer; is it on a network mount?" }
            return fault.map { "The \(name) folder \(path) \($0)." }
        } catch {
            return "The \(name) folder \(path) cannot be checked."
        }
    }

    private static func folderFault(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return errno == ENOENT ? "is not there" : "cannot be opened: \(String(cString: strerror(errno)))"
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return "is not a folder" }
        // Not access(2): it asks for the real user, which may differ from the one that will write.
        guard faccessat(AT_FDCWD, path, R_OK | W_OK | X_OK, AT_EACCESS) == 0 else {
            return errno == EROFS ? "is on a file system that is mounted read-only" : "is not writable"
        }
        return nil
    }
}
