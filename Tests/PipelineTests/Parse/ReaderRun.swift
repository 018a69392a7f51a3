// The fuzzer compiles this file and the parser as one module.
#if canImport(Pipeline)
    @testable import Pipeline
#endif

/// Everything that a `CSVReader` says about a file.
struct ReaderRun {
    struct Record: Equatable {
        var number: Int
        var line: Int
        var source: Range<Int64>
        var problem: CSVProblem?
        var hasLineEnd: Bool
        var fields: [[UInt8]]

        var texts: [String] { fields.map { String(decoding: $0, as: UTF8.self) } }
    }

    let header: CSVHeader
    let dialect: CSVDialect
    let bytesDone: Int64
    var records: [Record] = []
    /// What `next` threw.
    var failure: InputError?

    /// - Throws: what the initialiser throws.
    init(
        _ bytes: [UInt8], chunkSize: Int = CSVReader.defaultChunkSize,
        recordLimit: Int = CSVReader.defaultRecordLimit, fieldLimit: Int = CSVParser.defaultFieldLimit
    ) throws(InputError) {
        let file = UnlistedFile(bytes)
        let reader = try CSVReader(
            descriptor: file.descriptor, size: file.size, chunkSize: chunkSize, recordLimit: recordLimit,
            fieldLimit: fieldLimit)
        header = reader.header
        do {
            while let record = try reader.next() { records.append(Self.copy(record)) }
        } catch {
            failure = error
        }
        dialect = reader.dialect
        bytesDone = reader.bytesDone
    }

    init(_ text: String, chunkSize: Int = CSVReader.defaultChunkSize) throws(InputError) {
        try self.init(Array(text.utf8), chunkSize: chunkSize)
    }

    /// The fields of every record.
    var rows: [[String]] { records.map(\.texts) }

    private static func copy(_ record: CSVRecord) -> Record {
        Record(
            number: record.number, line: record.line, source: record.source, problem: record.problem,
            hasLineEnd: record.hasLineEnd,
            fields: record.fields.map { field in
                var content: [UInt8] = []
                record.append(field, to: &content)
                return content
            })
    }
}
