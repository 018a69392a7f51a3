internal import Catalog
internal import Pipeline
internal import Postgres

/// Where imports stand, from the database and the outbox together: the database has every drop and every end, the
/// outbox the live progress and what is not claimed yet.
struct ImportOverview: Sendable {
    /// A page must come within a second, also when the database does not answer.
    static let patience = Duration.milliseconds(600)

    private let outbox: Outbox
    private let database: BoundedDatabase
    private let waitingFiles: WaitingFiles
    private let uploads: UploadFolder

    init(outbox: Outbox, uploads: UploadFolder, database: BoundedDatabase) {
        self.uploads = uploads
        self.outbox = outbox
        self.database = database
        self.waitingFiles = WaitingFiles(outbox: outbox)
    }

    /// One import; nil when there is none.
    ///
    /// - Throws: `DatabaseUnavailable` when only the database could tell.
    func find(_ id: ImportID) async throws -> ImportProgress? {
        // An upload's ticket goes when its row has come: asked for in this order, one of them is there.
        let live = try await offThread { [outbox, uploads] in
            outbox.progress(id) ?? uploads.progress(id, outbox: outbox)
        }
        if let live, live.state.isEnd { return live }
        do {
            let stored = try await database.run(within: ImportOverview.patience) { try ImportStore($0).find(id) }
            return further(stored, live)
        } catch let error as DatabaseUnavailable {
            guard let live else { throw error }
            return live
        }
    }

    /// An import with what its report says first.
    func details(of progress: ImportProgress) async throws -> ImportDetails {
        guard progress.state.isEnd, let id = progress.importID else { return ImportDetails(progress: progress) }
        let report = try await offThread { [outbox] in ReportFile(outbox).report(progress, id) }
        return ImportDetails(progress: progress, report: report)
    }

    /// One page: what waits in the inbox first, then drops, newest first.
    func page(_ request: PageRequest) async throws -> ImportPage {
        let waiting = try await offThread { [waitingFiles] in waitingFiles.scan() }
        let slice = Slice(request, before: waiting.count)
        let shown = Array(waiting.dropFirst(request.offset).prefix(request.perPage))
        do {
            let (stored, total) = try await database.run(within: ImportOverview.patience) { try slice.read($0) }
            return ImportPage(shown + (try await merged(stored)), total: waiting.count + total, of: request)
        } catch let error as DatabaseUnavailable {
            let (stored, total) = try await offThread { [outbox] in slice.read(outbox) }
            var result = ImportPage(shown + stored, total: waiting.count + total, of: request)
            (result.degraded, result.reason) = (true, error.reason)
            return result
        }
    }

    private func merged(_ stored: [ImportProgress]) async throws -> [ImportProgress] {
        guard stored.contains(where: { !$0.state.isEnd }) else { return stored }
        return try await offThread { [outbox] in
            stored.map { stored in
                if stored.state.isEnd { return stored }
                return further(stored, stored.importID.flatMap(outbox.progress)) ?? stored
            }
        }
    }
}

/// Of two views of one import the one that is further: an end is final; before it the outbox is the live one.
private func further(_ stored: ImportProgress?, _ live: ImportProgress?) -> ImportProgress? {
    guard let stored, let live else { return live ?? stored }
    return stored.state.isEnd ? stored : live
}

/// Which drops belong on a page whose list begins with `before` others.
private struct Slice: Sendable {
    let offset: Int
    let count: Int

    init(_ request: PageRequest, before: Int) {
        let start = request.offset - before
        offset = max(0, start)
        count = min(request.perPage, max(0, start + request.perPage))
    }

    func read(_ connection: Connection) throws -> (items: [ImportProgress], total: Int) {
        // The store counts in pages; a stretch that begins within one takes two.
        let store = ImportStore(connection)
        let (number, skipped) = offset.quotientAndRemainder(dividingBy: max(count, 1))
        let (items, total) = try store.page(number + 1, perPage: count)
        if skipped == 0 { return (items, total) }
        let next = try store.page(number + 2, perPage: count).items
        return (Array((items + next).dropFirst(skipped).prefix(count)), total)
    }

    /// The same from the outbox alone: the ids are the names of its folders, and sort by time.
    func read(_ outbox: Outbox) -> (items: [ImportProgress], total: Int) {
        let ids = fileNames(in: outbox.path).compactMap { ImportID($0.description) }.sorted(by: >)
        return (ids.dropFirst(offset).prefix(count).compactMap(outbox.progress), ids.count)
    }
}
