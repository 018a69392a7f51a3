internal import Catalog
internal import FoundationEssentials
internal import Glibc
internal import Logging
internal import Pipeline
internal import Postgres

/// Takes up what a crash left behind, at the start and now and then. Everything here can be repeated, and nothing that
/// the running service has in hand is touched.
///
/// Each drop is found in one of these states, between the claim and the end of its filing:
///
/// | on disk | row | done |
/// | --- | --- | --- |
/// | file in its work folder | none | it gets its row and is queued |
/// | file in its work folder | queued | queued |
/// | file in the outbox, or in the inbox again | queued | queued from there |
/// | no file | queued | queued, and so ended as `file_missing` |
/// | any | ended, not filed | filed away |
/// | work folder without the file | none, or filed | removed |
struct Recovery {
    private let folders: InboxFolders
    private let inbox: UUID
    private let outbox: Outbox
    private let session: Session
    private let commandWork: String
    private let logger: Logger
    private let temporaryFiles = TemporaryFiles()

    /// - Parameter commandWork: where the import command makes its work folders.
    init(
        folders: InboxFolders, inbox: UUID, outbox: Outbox, session: Session, commandWork: String, logger: Logger
    ) {
        self.folders = folders
        self.inbox = inbox
        self.outbox = outbox
        self.session = session
        self.commandWork = commandWork
        self.logger = logger
    }

    /// - Parameter inHand: drops that are being claimed, queued or imported by this process.
    /// - Returns: what is to be queued, oldest first.
    /// - Throws: `PostgresError` when the database is away.
    func run(inHand: Set<ImportID>) async throws -> [ClaimedDrop] {
        temporaryFiles.remove(from: outbox.path)
        let works = WorkFolders(folders: folders).all().filter { !inHand.contains($0.key) }
        try await recordClaims(works)
        try await removeTickets()
        let open = try await session.run { [inbox] in try ImportStore($0).open(inbox: inbox) }
        var queued: [ClaimedDrop] = []
        for drop in open where !inHand.contains(drop.id) {
            temporaryFiles.remove(from: outbox.folder(drop.id), isOurs: true)
            if let end = drop.ended {
                logger.notice("filing an ended import away", metadata: ["import.id": "\(drop.id)"])
                _ = await filing.file(job(drop, source: workPath(drop)), end)
            } else if let found = try find(drop) {
                logger.notice("taking up an import again", metadata: ["import.id": "\(drop.id)"])
                queued.append(found)
            }
        }
        try await endInterruptedCommands()
        return queued
    }

    private var filing: ImportFiling { ImportFiling(session: session, outbox: outbox, logger: logger) }

    // MARK: Drops of this inbox

    /// Makes the rows of files that were claimed and not recorded; removes work folders that are left over.
    private func recordClaims(_ works: [ImportID: WorkFolders.Work]) async throws {
        for (id, work) in works.sorted(by: { $0.key < $1.key }) {
            let isNeeded = try await session.run { [inbox] connection in
                let store = ImportStore(connection)
                if let isFiled = try store.isFiled(id) { return !isFiled }
                guard let file = work.file else { return false }
                try store.insert(
                    id, inbox: inbox, file: file, dryRun: work.folder == .preview,
                    bytes: size(cPath(work.path, file)), receivedAt: id.time)
                return true
            }
            if !isNeeded { WorkFolders(folders: folders).remove(work) }
        }
    }

    /// Removes the tickets of uploads that have become imports, or whose files were taken out of the inbox by hand.
    private func removeTickets() async throws {
        let uploads = UploadFolder(inbox: folders.inbox)
        for ticket in uploads.tickets() where !uploads.isInInbox(ticket) {
            let isOld = ticket.receivedAt.timeIntervalSinceNow < -60
            if try await session.run({ try ImportStore($0).exists(ticket.id) }) || isOld {
                uploads.removeTicket(ticket.id)
            }
        }
    }

    /// Looks for the file of a queued drop: where it was claimed to, where it would be filed, and where it came from.
    ///
    /// - Returns: nil while the file is in the inbox again, but cannot be claimed yet.
    private func find(_ drop: ImportStore.Open) throws -> ClaimedDrop? {
        let claimed = workPath(drop)
        try makeFolder(work(drop), mode: 0o700)
        if exists(claimed) { return claimedDrop(drop, at: claimed) }
        let filed = cPath(outbox.folder(drop.id), Outbox.sourceName(drop.file))
        if exists(filed) { return claimedDrop(drop, at: filed) }
        let dropped = InboxFile(drop.dryRun ? .preview : .drops, drop.file)
        if exists(folders.path(dropped)) {
            var claims = FileClaim(folders: folders, inbox: inbox)
            return claims.claimAgain(dropped, drop.id) ? claimedDrop(drop, at: claimed) : nil
        }
        // The import will say that the file is missing.
        return claimedDrop(drop, at: claimed)
    }

    private func work(_ drop: ImportStore.Open) -> String {
        folders.claim(drop.id, drop.dryRun ? .preview : .drops)
    }

    private func workPath(_ drop: ImportStore.Open) -> [CChar] { cPath(work(drop), drop.file) }

    private func claimedDrop(_ drop: ImportStore.Open, at source: [CChar]) -> ClaimedDrop {
        ClaimedDrop(job: job(drop, source: source), bytes: size(source))
    }

    private func job(_ drop: ImportStore.Open, source: [CChar]) -> ImportJob {
        ImportJob(
            id: drop.id, file: drop.file, dryRun: drop.dryRun, source: source, workFolder: work(drop),
            receivedAt: drop.receivedAt, inbox: inbox)
    }

    // MARK: Imports of the command

    /// The import command marks its import as alive for as long as it runs. One that is queued and not alive was
    /// interrupted; one that has ended and is not alive was interrupted before it was filed away.
    private func endInterruptedCommands() async throws {
        let open = try await session.run { try ImportStore($0).open(inbox: nil) }
        for drop in open {
            let ended = try await session.run { connection -> ImportProgress? in
                let store = ImportStore(connection)
                if try store.isAlive(drop.id) { return nil }
                if let end = drop.ended { return end }
                let end = Recovery.interrupted(drop)
                return try store.end(drop.id, end) ? end : nil
            }
            // An import of a command with another outbox is not ours to file.
            guard let ended, drop.ended == nil || exists(cPath(outbox.path, FileName(drop.id.description))) else {
                continue
            }
            logger.notice("filing an interrupted command's import away", metadata: ["import.id": "\(drop.id)"])
            temporaryFiles.remove(from: outbox.folder(drop.id), isOurs: true)
            let job = ImportJob(
                id: drop.id, file: drop.file, dryRun: drop.dryRun, source: [0],
                workFolder: "\(commandWork)/\(drop.id)", receivedAt: drop.receivedAt, inbox: nil)
            _ = await filing.file(job, ended)
        }
    }

    private static func interrupted(_ drop: ImportStore.Open) -> ImportProgress {
        let now = Date()
        var progress = ImportProgress(
            id: drop.id, file: drop.file, dryRun: drop.dryRun, state: .cancelled,
            message: "The import command was interrupted. Nothing was changed. Run it again.",
            receivedAt: drop.receivedAt)
        progress.percent = 100
        progress.updatedAt = now
        progress.finishedAt = now
        return progress
    }
}

private func exists(_ path: [CChar]) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
}

private func size(_ path: [CChar]) -> Int {
    var status = stat()
    return lstat(path, &status) == 0 ? Int(status.st_size) : 0
}
