internal import Catalog
internal import Postgres

/// A source that has been read: its distinct rows by key, the texts behind them, and what was rejected.
struct ParsedFile: ~Copyable {
    var table = KeyTable()
    var rows: RowStore
    var rejects: RejectFiles
    let columns: ProductStore.Columns
    private let reader: CSVReader
    private var encoder: RowEncoder
    private(set) var read = 0
    private(set) var suspicions: RowSuspicions

    /// Opens the source as CSV; no record has been read yet.
    ///
    /// - Throws: `InputError` when the file cannot be imported at all.
    init(_ source: SourceFile, workFolder: String, resultsFolder: String) throws {
        let reader = try CSVReader(descriptor: source.descriptor, size: Int64(source.identity.size))
        self.reader = reader
        encoder = RowEncoder(header: reader.header)
        columns = encoder.columns
        suspicions = RowSuspicions(columns)
        rows = RowStore(directory: workFolder, expectedSize: source.identity.size)
        rejects = RejectFiles(
            directory: resultsFolder, source: source.descriptor, headerEnd: reader.header.source.upperBound)
    }

    var header: ImportFacts.Header { ImportFacts.Header(reader.header, reader.dialect) }

    var format: ImportProgress.Format { ImportProgress.Format(header: reader.header, dialect: reader.dialect) }

    /// Reads all records: each is judged, encoded and given its key, or written to the rejects.
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
        while let record = try reader.next() {
            read += 1
            if read & 0xFFF == 0 { try progress(Int(reader.bytesDone), read, rejects.count) }
            try take(record, foldsASCII, &unfolded)
            if unfolded.isFull { try unfolded.fold(by: store, into: &table) }
        }
        try unfolded.fold(by: store, into: &table)
        try rows.seal()
        try progress(Int(reader.bytesDone), read, rejects.count)
    }

    @inline(__always)
    private mutating func take(_ record: CSVRecord, _ foldsASCII: Bool, _ unfolded: inout UnfoldedKeys) throws {
        let start = rows.tail.count
        switch encoder.encode(record, to: &rows.tail) {
        case .accepted(let encoded):
            let sku = Cell(start: rows.tail.base + start + encoded.skuOffset, count: encoded.skuLength)
            let length = rows.tail.count - start
            suspicions.look(
                UnsafeRawBufferPointer(start: rows.tail.base + start, count: length), sku: sku, line: record.line)
            // The SKU's bytes stay where they are until the next row is encoded.
            let row = KeyTable.Row(
                location: try rows.keep(from: start, sku: sku), length: length, sequence: record.line,
                activeIsBlank: encoded.activeIsBlank)
            if !foldsASCII || !table.addFolding(sku, row) { unfolded.add(sku, row) }
        case .rejected(let rejection):
            rows.tail.count = start
            try rejects.add(record, rejection)
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
