import Catalog
import FoundationEssentials
import Glibc
import Logging
@testable import Pipeline
import Postgres
import TestSupport
import Testing

/// Imports texts through the whole pipeline, as the import command does.
struct ImportRun {
    let database: TestDatabase
    let folder: String
    var options = ImportPipeline.Options()

    var outbox: Outbox { Outbox(path: "\(folder)/outbox") }

    static func with<Output>(
        _ locale: TestDatabase.Locale = .c, _ body: (ImportRun) async throws -> Output
    ) async throws -> Output {
        try await TestDatabase.with(locale) { database in
            try await withTemporaryFolder { folder in
                let run = ImportRun(database: database, folder: folder)
                try run.outbox.prepare()
                return try await body(run)
            }
        }
    }

    @discardableResult
    func callAsFunction(
        _ text: String, file: String = "products.csv", dryRun: Bool = false,
        cancellation: ImportCancellation = ImportCancellation()
    ) async throws -> ImportProgress {
        try await self(Array(text.utf8), file: file, dryRun: dryRun, cancellation: cancellation)
    }

    @discardableResult
    func callAsFunction(
        _ bytes: [UInt8], file: String = "products.csv", dryRun: Bool = false,
        cancellation: ImportCancellation = ImportCancellation()
    ) async throws -> ImportProgress {
        let job = try await self.job(bytes, file: file, dryRun: dryRun)
        let outcome = try await pipeline().run(job, cancellation: cancellation)
        guard case .ended(let progress) = outcome else { throw NotEnded() }
        return progress
    }

    func pipeline() -> ImportPipeline {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return ImportPipeline(
            session: Session(database.conninfo), outbox: outbox, options: options, logger: logger)
    }

    struct NotEnded: Error {}

    func job(_ bytes: [UInt8], file: String, dryRun: Bool) async throws -> ImportJob {
        let id = ImportID.mint()
        let work = "\(folder)/work/\(id)"
        try makeFolder(work)
        let path = "\(folder)/\(id).csv"
        let descriptor = open(path, O_WRONLY | O_CREAT, 0o644)
        try bytes.withUnsafeBytes { try writeAll(descriptor, $0) }
        close(descriptor)
        try await database.session.run {
            try ImportStore($0).insert(
                id, inbox: nil, file: FileName(file), dryRun: dryRun, bytes: bytes.count, receivedAt: Date())
        }
        return ImportJob(
            id: id, file: FileName(file), dryRun: dryRun, source: Array(path.utf8CString), workFolder: work,
            receivedAt: Date(), inbox: nil)
    }

    /// The catalogue as `sku|name|description|active`, in key order.
    func products() async throws -> [String] {
        try await database.session.run { connection in
            try connection.query(
                """
                SELECT concat_ws('|', sku, name, description, active) FROM products ORDER BY lower(sku) COLLATE "C"
                """
            ).map { try $0[0] }
        }
    }

    func read(_ path: String?) throws -> String {
        guard let path else { return "" }
        return String(decoding: try readFile(Array("\(outbox.path)/\(path)".utf8CString)), as: UTF8.self)
    }

    // MARK: Beside an import

    /// Runs a statement that would fail if it had to wait for an import that is held.
    func withoutWaiting(_ statement: SQL) async throws {
        try await database.session.run { connection in
            try connection.transaction {
                try connection.execute(script: "SET LOCAL lock_timeout = '5s'")
                try connection.query(statement)
            }
        }
    }

    func waitUntil(_ condition: SQL) async throws {
        let watcher = Session(database.conninfo)
        let deadline = ContinuousClock.now + .seconds(120)
        while try await !watcher.run({ try $0.query(condition)[0][0, as: Bool.self] }) {
            try #require(ContinuousClock.now < deadline, "the state that the test waits for never came")
            try await Task.sleep(for: .milliseconds(5))
        }
        await watcher.close()
    }
}
