internal import Catalog
internal import Postgres

/// Reads a source to its end: parses, judges and encodes its records, batch by batch.
///
/// Large files are read on a thread of its own, while the caller works on the batch before. Between two calls it is
/// used by one thread only: that is why it may go to another.
final class RowReader: @unchecked Sendable {
    /// Smaller files are read faster than a thread is made.
    private static let threadSize = 1 << 20
    /// One is filled, one is worked on, one waits.
    private static let batches = 3

    let header: CSVHeader
    let columns: ProductStore.Columns
    private let source: SourceFile
    private let reader: CSVReader
    @exclusivity(unchecked) private var encoder: RowEncoder
    /// Signs of damage in the rows that were accepted. To be read once all of them have been.
    @exclusivity(unchecked) private(set) var suspicions: RowSuspicions

    /// Opens the source as CSV; no record has been read yet.
    ///
    /// - Throws: `InputError` when the file cannot be imported at all.
    init(_ source: SourceFile) throws {
        self.source = source
        reader = try CSVReader(descriptor: source.descriptor, size: Int64(source.identity.size))
        header = reader.header
        encoder = RowEncoder(header: header)
        columns = encoder.columns
        suspicions = RowSuspicions(columns)
    }

    /// How the file is written: final once all of it has been read.
    var dialect: CSVDialect { reader.dialect }

    /// Hands out all records, in batches that are valid during the call; the last one may be empty. Blocks.
    ///
    /// - Throws: what `body` throws; `InputError` when a quote is still open at the end of the file, or when the file
    ///   cannot be read.
    func eachBatch(_ body: (RowBatch) throws -> Void) throws {
        guard source.identity.size >= RowReader.threadSize else {
            let batch = RowBatch()
            var isLast = false
            while !isLast {
                isLast = try !fill(batch)
                try body(batch)
            }
            return
        }
        let empty = Handoff<RowBatch>()
        let filled = Handoff<Result<RowBatch, InputError>>()
        for _ in 0..<RowReader.batches { empty.put(RowBatch()) }
        spawnThread(named: "parse") { [self] in
            defer { filled.close() }
            while let batch = empty.take() {
                do throws(InputError) {
                    let isLast = try !fill(batch)
                    filled.put(.success(batch))
                    if isLast { return }
                } catch {
                    return filled.put(.failure(error))
                }
            }
        }
        // Whatever happens here, the thread has ended before anybody else touches the reader.
        defer {
            empty.close()
            while filled.take() != nil {}
        }
        while let batch = try filled.take()?.get() {
            try body(batch)
            empty.put(batch)
        }
    }

    /// - Returns: false when all records have been read.
    private func fill(_ batch: RowBatch) throws(InputError) -> Bool {
        batch.clear()
        defer { batch.close(read: reader.recordCount, bytesDone: Int(reader.bytesDone)) }
        while !batch.isFull {
            guard let record = try reader.next() else { return false }
            let start = batch.tuples.count
            switch encoder.encode(record, to: &batch.tuples) {
            case .accepted(let row):
                let tuple = UnsafeRawBufferPointer(start: batch.tuples.base + start, count: row.length)
                suspicions.look(tuple, sku: Cell(rebasing: tuple[row.sku]), line: record.line)
                batch.append(row)
            case .rejected(let rejection):
                if !record.hasLineEnd, rejection.code == .fieldCount, record.fields.count < header.fields.count {
                    suspicions.breaksOff(at: record.line)
                }
                batch.tuples.count = start
                batch.append(RejectedRecord(record, rejection))
            }
        }
        return true
    }
}
