internal import Catalog
internal import Glibc
internal import Postgres

/// Brings the distinct rows of one import into `products`, inside the caller's transaction.
///
/// First it finds out what each row is to the catalogue (`LoadPlan`, `CatalogueReader`); then it writes only what is
/// new, by sorted binary COPY, and what differs, by id. Sessions beside us may write at the same time: a SKU that
/// somebody else inserted meanwhile sends its part of the rows through a merge, a product that somebody deleted
/// meanwhile is inserted.
struct Loader: ~Copyable {
    struct Counts: Equatable {
        var created = 0
        var updated = 0
        var unchanged = 0
    }

    /// Rows of one COPY command and its savepoint: what a concurrent insert of the same SKU makes us repeat. A large
    /// import has no more than 32 of them: from 64 on, a transaction's savepoints slow down everybody's look-ups.
    private let segmentRows: Int
    private static let bufferSize = 256 << 10
    /// So many rows take long enough for what only a long import needs: ids of its own, statistics that stay.
    private static let longRows = 10_000
    /// The head of binary COPY data: eleven fixed bytes, no flags, no extension (PostgreSQL manual, COPY, "File Format").
    private static let signature: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [0, 0, 0, 0, 0, 0, 0, 0]

    private let store: ProductStore
    private let connection: Connection
    private let columns: ProductStore.Columns
    private let progress: ProgressTracker
    private var parsed: ParsedFile
    private var reader: CatalogueReader
    private var counts = Counts()
    private var done = 0
    /// The next of the ids that were reserved for the new rows; nil when the server is to draw them.
    private var nextID: Int?
    private(set) var merged = 0
    /// Rows whose key came again later in the file. Known once `load` has returned.
    private(set) var duplicates = 0
    /// Where new rows go.
    private var target = ProductStore.Table.products
    /// Told of every product that is about to be overwritten; nil when nobody listens.
    var feed: ChangeFeed?

    init(
        _ connection: Connection, _ parsed: consuming ParsedFile, progress: ProgressTracker
    ) {
        self.connection = connection
        self.store = ProductStore(connection)
        self.columns = parsed.columns
        self.segmentRows = max(50_000, parsed.table.count / 32)
        self.parsed = parsed
        self.progress = progress
        self.reader = CatalogueReader(store, columns: columns)
    }

    /// Reserves ids if this is a first load, where every row is new. To be called before the transaction.
    mutating func reserveIDs() throws {
        guard parsed.table.count >= Loader.longRows, try store.estimatedCount() == 0 else { return }
        nextID = try store.reserveIDs(parsed.table.count)
    }

    /// - Parameter dryRun: counts only; nothing is written.
    mutating func load(foldsASCII: Bool, dryRun: Bool) throws -> Counts {
        try store.prepareToLoad()
        let plan = LoadPlan.choose(rows: parsed.table.count, products: try store.estimatedCount())
        progress.chose(plan)
        if plan.name == .copy && !dryRun { return try copyEverything() }
        try store.mendStatistics(keeping: !dryRun && parsed.table.count >= Loader.longRows)
        duplicates = parsed.table.sortAndDeduplicate()
        progress.enter(.load, "Comparing with the catalogue")
        try progress.timed("compare") { try compare(plan, foldsASCII: foldsASCII) }
        counts.unchanged = reader.unchangedCount
        counts.updated = reader.changes.count
        let new = parsed.table.count - counts.unchanged - counts.updated
        if dryRun {
            counts.created = new
            return counts
        }
        done = counts.unchanged
        try progress.timed("insert") { try insertNew(new) }
        try progress.timed("update") { try updateChanged() }
        try progress.timed("verify") { try verify(plan) }
        progress.merged(merged)
        return counts
    }

    // MARK: For the report

    var changes: ImportFacts.Changes? { reader.tally.facts }
    var repeatedSKUs: [ImportFacts.RepeatedSKU] { parsed.table.repeatedSKUs }

    /// What looks like damage when rows and catalogue are seen together. To be asked after `load`.
    func warnings() throws -> [ImportWarning] {
        let lookAlikes = try LookAlikes(parsed.suspicions.unusual).warning(parsed.table, store)
        return [reader.tally.warning, reader.lostZeros.warning(parsed.table), lookAlikes].compactMap(\.self)
    }

    private mutating func compare(_ plan: LoadPlan, foldsASCII: Bool) throws {
        let progress = progress
        switch plan.name {
        case .copy: break
        case .scan:
            try reader.scan(&parsed.table, &parsed.rows, foldsASCII: foldsASCII) { progress.comparing($0) }
        case .probe:
            try reader.probe(&parsed.table, &parsed.rows) { progress.comparing($0) }
        }
    }

    // MARK: New products

    /// Into an empty catalogue every distinct row goes; the first are sent while the others are still being sorted.
    private mutating func copyEverything() throws -> Counts {
        let read = parsed.table.count
        parsed.table.distribute()
        progress.enter(.load, "Loading")
        if try !copyIntoFreshTable() {
            try progress.timed("insert") { try eachSegment { loader, start, end in try loader.insert(start, end) } }
        }
        duplicates = read - parsed.table.count
        progress.merged(merged)
        return counts
    }

    private mutating func eachSegment(_ body: (inout Loader, Int, Int) throws -> Void) throws {
        var start = 0
        repeat {
            // The rest of the sorting is done by `copyNew`, while the server has something to do.
            while parsed.table.sortedCount == start, parsed.table.sortNext() {}
            let end = min(parsed.table.sortedCount, start + segmentRows)
            try body(&self, start, end)
            start = end
        } while start < parsed.table.count
    }

    /// A long first load fills a table of its own, which then replaces the empty one.
    ///
    /// - Returns: false when that cannot be done, because the table is not ours alone or somebody uses it; then nothing
    ///   has happened.
    private mutating func copyIntoFreshTable() throws -> Bool {
        // Who listens to changes makes us read them all before the end, and the table would be locked meanwhile.
        guard let firstID = nextID, feed == nil, try store.canBeReplaced() else { return false }
        struct TableInUse: Error {}
        do {
            target = .fresh
            defer { target = .products }
            try connection.savepoint {
                try store.makeFreshTable()
                try progress.timed("insert") {
                    try eachSegment { loader, start, end in loader.counts.created += try loader.copyNew(start, end) }
                }
                progress.indexing(counts.created)
                try progress.timed("index") { try store.indexFreshTable() }
                guard try store.replaceByFreshTable() else { throw TableInUse() }
            }
            return true
        } catch let error where error is TableInUse || (error as? PostgresError)?.isRefusal == true {
            (nextID, done, counts) = (firstID, 0, Counts())
            return false
        }
    }

    private mutating func insertNew(_ expected: Int) throws {
        guard expected > 0 else { return }
        var start = 0
        while start < parsed.table.count {
            let end = segmentEnd(from: start)
            try insert(start, end)
            start = end
        }
    }

    /// Copies the new rows of a segment, or merges them if another session has inserted one of their SKUs.
    private mutating func insert(_ start: Int, _ end: Int) throws {
        guard start < end else { return }
        do {
            counts.created += try connection.savepoint { try copyNew(start, end) }
        } catch let error as PostgresError where error.isUniqueViolation {
            try merge((start..<end).filter { parsed.table.entries[$0].fate == .new })
        }
    }

    /// The end of a segment that holds at most `segmentRows` new rows.
    private func segmentEnd(from start: Int) -> Int {
        var new = 0
        for index in start..<parsed.table.count where parsed.table.entries[index].fate == .new {
            new += 1
            if new == segmentRows { return index + 1 }
        }
        return parsed.table.count
    }

    private mutating func copyNew(_ start: Int, _ end: Int) throws -> Int {
        var buffer = RawBuffer(capacity: Loader.bufferSize + (2 << 20))
        return try store.copyNew(into: target, withIDs: nextID != nil) { writer in
            Loader.signature.withUnsafeBytes { buffer.append($0) }
            for index in start..<end {
                let entry = parsed.table.entries[index]
                guard entry.fate == .new else { continue }
                try append(entry, to: &buffer)
                done += 1
                if buffer.count >= Loader.bufferSize {
                    try writer.write(buffer.bytes)
                    buffer.count = 0
                    progress.loaded(done, of: parsed.table.count, thenIndexing: target == .fresh)
                    if !parsed.table.isSorted { _ = parsed.table.sortNext() }
                }
            }
            buffer.append(bigEndian: Int16(-1))
            try writer.write(buffer.bytes)
        }
    }

    @inline(__always)
    private mutating func append(_ entry: KeyTable.Entry, to buffer: inout RawBuffer) throws {
        var tuple = try parsed.rows.read(entry.rowLocation, entry.rowLength)
        if let id = nextID {
            // One field more than the tuple has, and the id in front of them.
            buffer.append(bigEndian: Int16(5))
            buffer.append(bigEndian: Int32(8))
            buffer.append(bigEndian: Int64(id))
            tuple = UnsafeRawBufferPointer(rebasing: tuple[2...])
            nextID = id + 1
        }
        buffer.append(tuple)
    }

    /// Inserts or overwrites rows by key, one batch at a time: what is right whatever another session did to them.
    private mutating func merge(_ entries: [Int]) throws {
        var batches = [ProductBatch(), ProductBatch()]
        for index in entries {
            let activeGiven = columns.active && !parsed.table.entries[index].activeIsBlank
            let kind = activeGiven ? 1 : 0
            try append(index, id: 0, to: &batches[kind])
            if batches[kind].isFull { try flush(&batches[kind], activeGiven: activeGiven) }
        }
        try flush(&batches[0], activeGiven: false)
        try flush(&batches[1], activeGiven: true)
    }

    private mutating func flush(_ batch: inout ProductBatch, activeGiven: Bool) throws {
        guard batch.count > 0 else { return }
        try feed?.keepOld(keys: batch.keys)
        let (inserted, overwritten) = try store.merge(batch, columns, activeGiven: activeGiven)
        counts.created += inserted
        counts.updated += overwritten
        counts.unchanged += batch.count - inserted - overwritten
        merged += batch.count
        batch = ProductBatch()
    }

    private mutating func append(_ index: Int, id: Int, to batch: inout ProductBatch) throws {
        let entry = parsed.table.entries[index]
        let tuple = Tuple(try parsed.rows.read(entry.rowLocation, entry.rowLength))
        batch.ids.append(id)
        batch.keys.append(parsed.table.key(entry))
        batch.skus.append(tuple.sku)
        batch.names.append(tuple.name)
        batch.descriptions.append(tuple.description)
        batch.actives.append(entry.activeIsBlank ? nil : tuple.active[0] != 0)
    }

    // MARK: Changed products

    private mutating func updateChanged() throws {
        // In key order, as every import writes, whatever order the table was read in.
        let changes = reader.changes.sorted { $0.entry < $1.entry }
        var batch = ProductBatch()
        var pending: [CatalogueReader.Change] = []
        for (number, change) in changes.enumerated() {
            try append(change.entry, id: change.id, to: &batch)
            pending.append(change)
            guard batch.isFull || number == changes.count - 1 else { continue }
            try feed?.keepOld(ids: batch.ids)
            let written = Set(try store.update(batch, columns).map { try $0[0, as: Int.self] })
            done += pending.count
            progress.loaded(done, of: parsed.table.count)
            // Products that were deleted or renamed after we had read them are new again.
            let vanished = pending.filter { !written.contains($0.id) }
            if !vanished.isEmpty { try mergeChanged(vanished) }
            if vanished.count == pending.count {
                // Somebody empties the catalogue: no id will be found any more.
                return try mergeChanged(changes[(number + 1)...])
            }
            batch = ProductBatch()
            pending.removeAll(keepingCapacity: true)
        }
    }

    private mutating func mergeChanged(_ changes: some Collection<CatalogueReader.Change>) throws {
        counts.updated -= changes.count
        try merge(changes.map(\.entry))
    }

    // MARK: Deleted meanwhile

    /// Makes sure that what we found unchanged is still there: another session may have deleted products, or all of
    /// them, since we read the catalogue, and half of an import must never be seen. New and changed products cannot
    /// go: nobody else sees the former, and we hold the latter locked.
    private mutating func verify(_ plan: LoadPlan) throws {
        guard reader.unchangedCount > 0 else { return }
        // Without the lock, products can still be deleted between this look and the commit.
        _ = try store.tryLockWriters()
        let now =
            plan.name == .scan
            ? try store.fingerprint(upTo: reader.highestID) : try store.fingerprint(of: reader.unchangedIDs)
        if now != reader.seen { try insertDeleted() }
    }

    private mutating func insertDeleted() throws {
        let store = store
        var missing: [Int] = []
        try CatalogueReader.eachBatch(of: parsed.table) { keys, positions in
            var found = Set<Int>()
            for row in try store.find(keys: keys) { found.insert(try row[0]) }
            for (number, position) in positions.enumerated() where !found.contains(number + 1) {
                missing.append(position)
            }
        }
        counts.unchanged -= missing.count
        try merge(missing)
    }
}
