/// Reads a CSV file record by record, through a window that stays small.
///
/// The initialiser finds out how the file is written and reads its header; then call `next` until it returns nil.
///
/// ```swift
/// let reader = try CSVReader(descriptor: file, size: size)
/// while let record = try reader.next() {
///     guard record.problem == nil, record.fields.count >= reader.header.fields.count else { … }
///     record.append(record.fields[reader.header.sku], to: &skus)
/// }
/// ```
///
/// Memory: a window of 256 KiB, which grows only for records (or a header) longer than that, up to the record limit of
/// 16 MiB; longer records are skipped as they are read. Not for use by several threads at a time.
package final class CSVReader {
    /// Bytes read at a time: they stay in the second-level cache until they are parsed.
    static let defaultChunkSize = 1 << 18
    /// Bytes that a record with its line end may have.
    package static let defaultRecordLimit = 1 << 24

    package let header: CSVHeader
    private let lineEnd: CSVDialect.LineEnd
    private let stream: RecordStream

    /// - Parameters:
    ///   - descriptor: open for reading; the reader uses an offset of its own, and the caller closes it.
    ///   - size: bytes to read; what is appended later is left alone.
    /// - Throws: `InputError` with any code; from here on `next` throws only `unterminated_quote` and `internal`.
    package convenience init(descriptor: CInt, size: Int64) throws(InputError) {
        try self.init(
            descriptor: descriptor, size: size, chunkSize: Self.defaultChunkSize, recordLimit: Self.defaultRecordLimit)
    }

    /// Tests choose small limits.
    init(
        descriptor: CInt, size: Int64, chunkSize: Int, recordLimit: Int, fieldLimit: Int = CSVParser.defaultFieldLimit
    ) throws(InputError) {
        let file = FileBytes(descriptor: descriptor, size: size)
        let encoding = try FileSignature.encoding(of: file.head(FileSignature.length))
        stream = RecordStream(
            file: file, encoding: encoding, chunkSize: chunkSize, recordLimit: recordLimit, fieldLimit: fieldLimit)
        (header, lineEnd) = try HeaderDetection(stream: stream).readHeader()
    }

    /// How the file is written. Its encoding may turn from UTF-8 to Windows-1252 while all that was handed out is ASCII.
    package var dialect: CSVDialect {
        CSVDialect(delimiter: stream.delimiter, encoding: stream.encoding, lineEnd: lineEnd)
    }

    /// Bytes of the source file that are done with, for progress.
    package var bytesDone: Int64 { stream.sourceOffset }

    /// Records seen so far; the header and blank lines are none.
    package var recordCount: Int { stream.recordCount }

    /// The next record, or nil at the end of the file. It is valid until the next call.
    ///
    /// - Throws: `unterminated_quote`, or `internal` if the file cannot be read.
    package func next() throws(InputError) -> CSVRecord? { try stream.next() }
}
