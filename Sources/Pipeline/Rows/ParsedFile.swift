internal import Catalog
internal import Postgres

/// A source that has been read: its distinct rows by key, the texts behind them, and what was rejected.
struct ParsedFile: ~Copyable {
    var table = KeyTable()
    var rows: RowStore
    var rejects: RejectFiles
    let columns: ProductStore.Columns
    private let reader: RowReader
    private(set) var read = 0

    /// Opens the source as CSV; no record has been read yet.
    ///
    /// - Throws: `InputError` when the file cannot be imported at all.
    init(_ source: SourceFile, workFolder: String, resultsFolder: String) throws {
        reader = try RowReader(source)
        columns = reader.columns
        rows = RowStore(directory: workFolder, expectedSize: source.identity.size)
        rejects = RejectFiles(
            directory: resultsFolder, source: source.descriptor, headerEnd: reader.header.source.upperBound)
    }

    /// Signs of damage in the accepted rows; known once all records have been read.
    var suspicions: RowSuspicions { reader.suspicions }

    var header: ImportFacts.Header { ImportFacts.Header(reader.header, reader.dialect) }

    var format: ImportProgress.Format { ImportProgress.Format(header: reader.header, dialect: reader.dialect) }

    /// Reads all records: each is given its key and kept, or written to the rejects.
    ///
    /// - Parameters:
    ///   - store: folds the keys that only the database can fold.
    ///   - foldsASCII: whether keys of pure ASCII can be folded here.
    ///   - progress: is told the bytes, records and rejects so far, every few thousand records; may throw to stop.
    /// - Throws: `InputError` when a quote is still open at the end of the file.
    mutating func readRecords(
        foldingBy store: ProductStore, foldsASCII: Bool, _ progress: (Int, Int, Int) throws -> Void
    ) throws {
        var unfolded = UnfoldedKeys()
        try reader.eachBatch { batch in
            try keep(batch, foldsASCII, &unfolded)
            for record in batch.rejected { try rejects.add(record) }
            read = batch.read
            try progress(batch.bytesDone, read, rejects.count)
            if unfolded.isFull { try unfolded.fold(by: store, into: &table) }
        }
        try unfolded.fold(by: store, into: &table)
        try rows.seal()
    }

    private mutating func keep(_ batch: RowBatch, _ foldsASCII: Bool, _ unfolded: inout UnfoldedKeys) throws {
        var start = 0
        for encoded in batch.rows {
            let tuple = UnsafeRawBufferPointer(rebasing: batch.tuples.bytes[start..<(start + encoded.length)])
            let sku = Cell(rebasing: tuple[encoded.sku])
            let row = KeyTable.Row(
                location: try rows.keep(tuple, sku: sku), length: encoded.length, sequence: encoded.sequence,
                activeIsBlank: encoded.activeIsBlank)
            if !foldsASCII || !table.addFolding(sku, row) { unfolded.add(sku, row) }
            start += encoded.length
        }
    }

    /// Contract §5: when more than this share of at least ten records is rejected, the file is plainly wrong.
    func tooManyRejects(maximumPercent: Int) -> Bool {
        read >= 10 && rejects.count * 100 > maximumPercent * read
    }
}

/// SKUs that wait for the database to fold them, a batch at a time.
private struct UnfoldedKeys {
    private var skus = ArrayParameter.text()
    private var rows: [KeyTable.Row] = []

    var isFull: Bool { skus.size > 4 << 20 }

    mutating func add(_ sku: Cell, _ row: KeyTable.Row) {
        skus.append(sku)
        rows.append(row)
    }

    mutating func fold(by store: ProductStore, into table: inout KeyTable) throws {
        guard !rows.isEmpty else { return }
        for (key, row) in zip(try store.fold(skus), rows) {
            guard let bytes = key.bytes(0) else { continue }
            table.add(key: bytes, row)
        }
        skus = ArrayParameter.text()
        rows.removeAll(keepingCapacity: true)
    }
}
