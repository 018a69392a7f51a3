package import FoundationEssentials
package import Postgres

/// The rows of `imports`. Every call runs on the connection it is given, inside the caller's transaction if there is one.
package struct ImportStore {
    let connection: Connection

    package init(_ connection: Connection) { self.connection = connection }

    /// What recovery needs to know of a drop that is not filed away yet.
    package struct Open: Sendable {
        package let id: ImportID
        package let file: FileName
        package let dryRun: Bool
        package let receivedAt: Date
        /// The final progress object once the import has ended; nil while it is queued.
        package let ended: ImportProgress?
    }

    package enum Attempt: Sendable, Equatable {
        /// This attempt's number, which the transaction that applies the import must still find in the row.
        case number(Int)
        /// Five attempts ended with the process.
        case crashLoop
        /// The import has ended, or there is no such row: nothing to do here.
        case notQueued
    }

    package static let maximumCrashes = 5

    /// A condition that is always true, and lets the statement's own transaction commit without waiting for the disk.
    /// For what is done again, or not missed, should the server's machine lose power in the next moment.
    private static let notWaitingForDisk: SQL = "set_config('synchronous_commit', 'off', true) IS NOT NULL"

    /// The row of a claimed file. Repeating it changes nothing.
    package func insert(
        _ id: ImportID, inbox: UUID?, file: FileName, dryRun: Bool, bytes: Int, receivedAt: Date
    ) throws {
        try connection.query(
            """
            INSERT INTO imports (id, inbox, file, file_bytes, dry_run, bytes, received_at)
            VALUES (\(id), \(inbox, as: .uuid), \(file.storableText), \(file.bytes), \(dryRun), \(bytes), \(receivedAt))
            ON CONFLICT (id) DO NOTHING
            """, prepared: true)
    }

    /// Opens an attempt, counting a crash when the last one never closed.
    package func beginAttempt(_ id: ImportID) throws -> Attempt {
        let rows = try connection.query(
            """
            UPDATE imports SET attempts = attempts + 1, crashes = crashes + attempt_open::int, attempt_open = true,
                started_at = coalesce(started_at, now())
            WHERE id = \(id) AND state = 'queued' AND \(ImportStore.notWaitingForDisk) RETURNING attempts, crashes
            """, prepared: true)
        guard let row = rows.first else { return .notQueued }
        return try row[1, as: Int.self] >= ImportStore.maximumCrashes ? .crashLoop : .number(row[0])
    }

    /// Closes an attempt that ended in order without ending the import.
    package func closeAttempt(_ id: ImportID) throws {
        try connection.query("UPDATE imports SET attempt_open = false WHERE id = \(id) AND state = 'queued'")
    }

    /// Locks the row for the transaction that applies the import.
    ///
    /// - Returns: false when the import is no longer ours to apply: ended, or taken up by another attempt.
    package func lock(_ id: ImportID, attempt: Int) throws -> Bool {
        let rows = try connection.query(
            """
            SELECT 1 FROM imports WHERE id = \(id) AND state = 'queued' AND attempts = \(attempt)
            FOR NO KEY UPDATE NOWAIT
            """, prepared: true)
        return !rows.isEmpty
    }

    /// Serialises the imports of one database until the transaction ends. `willWait` is called if another holds it.
    package func lockLoading(willWait: () -> Void) throws {
        let free = try connection.query("SELECT pg_try_advisory_xact_lock(\(AdvisoryLock.load))", prepared: true)
        if try free[0][0, as: Bool.self] { return }
        willWait()
        try connection.query("SELECT pg_advisory_xact_lock(\(AdvisoryLock.load))")
    }

    /// Records the end of an import: the numbers, the whole progress object for filing away, and in the same transaction
    /// the event that announces it.
    ///
    /// - Returns: false when it had ended before, in which case nothing changes.
    @discardableResult
    package func end(_ id: ImportID, _ progress: ImportProgress) throws -> Bool {
        precondition(progress.state.isEnd, "only an end can be recorded")
        guard connection.isInTransaction else { return try connection.transaction { try end(id, progress) } }
        let json = try progress.json()
        let rows = progress.rows
        let result = try connection.query(
            """
            UPDATE imports SET state = \(progress.state.rawValue), attempt_open = false,
                bytes = \(progress.bytes.total), read = \(rows.read), created = \(rows.created),
                updated = \(rows.updated), unchanged = \(rows.unchanged), duplicates = \(rows.duplicates),
                rejected = \(rows.rejected), error_code = \(progress.error?.code.rawValue, as: .text),
                error_message = \(progress.error?.message, as: .text), sha256 = \(progress.sha256, as: .text),
                finished_at = \(progress.finishedAt, as: .timestamptz),
                progress = \(String(decoding: json, as: UTF8.self))
            WHERE id = \(id) AND state = 'queued'
            """, prepared: true)
        guard result.affected == 1 else { return false }
        // Whatever ends an import ends it here, so every end has its event.
        let event = progress.state == .completed ? EventType.importCompleted : .importFailed
        try EventStore(connection).enqueue(event, json: json, importID: id)
        return true
    }

    package func markFiled(_ id: ImportID) throws {
        try connection.query(
            """
            UPDATE imports SET filed_at = now()
            WHERE id = \(id) AND state <> 'queued' AND \(ImportStore.notWaitingForDisk)
            """, prepared: true)
    }

    /// The final progress object; nil while the import is queued or when there is no such row.
    package func ended(_ id: ImportID) throws -> ImportProgress? {
        let rows = try connection.query("SELECT progress FROM imports WHERE id = \(id)")
        guard let json: String = try rows.first?[optional: 0] else { return nil }
        return try ImportProgress(json: Data(json.utf8))
    }

    package func exists(_ id: ImportID) throws -> Bool {
        try !connection.query("SELECT 1 FROM imports WHERE id = \(id)").isEmpty
    }

    /// Whether an import is filed away; nil when there is no such row.
    package func isFiled(_ id: ImportID) throws -> Bool? {
        try connection.query("SELECT filed_at IS NOT NULL FROM imports WHERE id = \(id)").first?[0]
    }

    /// Asks for the import to be cancelled, without waiting for it: while it loads, it holds its own row. False once it
    /// has ended, or when there is none.
    package func requestCancel(_ id: ImportID) throws -> Bool {
        try connection.query(
            """
            INSERT INTO import_cancellations (import_id) SELECT id FROM imports WHERE id = \(id) AND state = 'queued'
            ON CONFLICT (import_id) DO UPDATE SET requested_at = now()
            """
        ).affected == 1
    }

    package func isCancelRequested(_ id: ImportID) throws -> Bool {
        try !connection.query("SELECT FROM import_cancellations WHERE import_id = \(id)").isEmpty
    }

    /// Drops of one inbox whose cancellation was asked for and that have not ended.
    package func cancelRequests(inbox: UUID) throws -> [ImportID] {
        try connection.query(
            """
            SELECT i.id FROM imports i JOIN import_cancellations c ON c.import_id = i.id
            WHERE i.inbox = \(inbox) AND i.filed_at IS NULL AND i.state = 'queued' ORDER BY i.id
            """
        ).map { try $0[0] }
    }

    /// Drops of one inbox that are not filed away yet, oldest first; `inbox` nil means those of the import command.
    package func open(inbox: UUID?) throws -> [Open] {
        try connection.query(
            """
            SELECT id, file_bytes, dry_run, received_at, progress FROM imports
            WHERE filed_at IS NULL AND inbox IS NOT DISTINCT FROM \(inbox, as: .uuid) ORDER BY id
            """
        ).map { row in
            let json: String? = try row[optional: 4]
            return Open(
                id: try row[0], file: FileName(bytes: try row[1, as: [UInt8].self]), dryRun: try row[2],
                receivedAt: try row[3], ended: try json.map { try ImportProgress(json: Data($0.utf8)) })
        }
    }

    /// Imports that gave rejects back, newest first.
    package func withRejects(before id: ImportID, limit: Int) throws -> [ImportID] {
        try connection.query(
            """
            SELECT id FROM imports
            WHERE rejected > 0 AND state = 'completed' AND NOT dry_run AND id < \(id) ORDER BY id DESC LIMIT \(limit)
            """
        ).map { try $0[0] }
    }

    /// How many rows the last completed import of a name had; nil when there was none.
    package func rowsOfPrevious(_ file: FileName, before id: ImportID) throws -> Int? {
        let rows = try connection.query(
            """
            SELECT read FROM imports
            WHERE file_bytes = \(file.bytes) AND id < \(id) AND state = 'completed' AND NOT dry_run
            ORDER BY id DESC LIMIT 1
            """, prepared: true)
        return try rows.first?[0]
    }

    /// One page of drops, newest first: what has ended as its final object, the rest as queued.
    package func page(_ page: Int, perPage: Int) throws -> (items: [ImportProgress], total: Int) {
        let total: Int = try connection.query("SELECT count(*) FROM imports")[0][0]
        let rows = try connection.query(
            """
            SELECT id, file_bytes, dry_run, received_at, progress, bytes FROM imports
            ORDER BY id DESC LIMIT \(perPage) OFFSET \((page - 1) * perPage)
            """)
        return (try rows.map(ImportStore.progress), total)
    }

    package func find(_ id: ImportID) throws -> ImportProgress? {
        let rows = try connection.query(
            "SELECT id, file_bytes, dry_run, received_at, progress, bytes FROM imports WHERE id = \(id)")
        return try rows.first.map(ImportStore.progress)
    }

    private static func progress(_ row: ResultRow) throws -> ImportProgress {
        if let json: String = try row[optional: 4] { return try ImportProgress(json: Data(json.utf8)) }
        var queued = ImportProgress(
            id: try row[0], file: FileName(bytes: try row[1, as: [UInt8].self]), dryRun: try row[2], state: .queued,
            message: "Waiting for its turn", receivedAt: try row[3])
        queued.bytes.total = try row[5]
        return queued
    }

    /// The import command's mark of life: held for the session, so that an interrupted one can be told from a running one.
    package func holdAlive(_ id: ImportID) throws {
        try connection.query("SELECT pg_advisory_lock(hashtextextended(\(id.description), 0))")
    }

    /// Whether another session holds the mark. Not to be asked inside a transaction, which would hold it from then on.
    package func isAlive(_ id: ImportID) throws -> Bool {
        let free = try connection.query("SELECT pg_try_advisory_xact_lock(hashtextextended(\(id.description), 0))")
        return try !free[0][0, as: Bool.self]
    }
}

extension FileName {
    /// PostgreSQL's text holds no NUL and only UTF-8; a file name never has a NUL.
    var storableText: String { description }
}
