/// Joins window, parser and encoding to a stream of records, the header among them.
///
/// `CSVReader` is the stream after its header. Until the header is read, `HeaderDetection` looks at its beginning
/// several times: everything it looks at stays in the window.
final class RecordStream {
    enum Peek {
        case fields([String], isBadlyQuoted: Bool)
        case unterminatedQuote
        case tooLarge
    }

    private let recordLimit: Int
    private let fieldLimit: Int
    // Private, never called back into, and touched for each record: run-time checks of exclusive access would cost a
    // seventh of the parse.
    @exclusivity(unchecked) private var window: CSVWindow
    @exclusivity(unchecked) private var parser: CSVParser
    @exclusivity(unchecked) private var text: RecordText
    @exclusivity(unchecked) private(set) var recordCount = 0
    /// Where the record that is being dropped begins: its line, which no other record begins on, and its source offset.
    @exclusivity(unchecked) private var dropped: (line: Int, source: Int64)?

    /// - Parameters:
    ///   - chunkSize: bytes to read at a time.
    ///   - recordLimit: bytes, line end included, that a record may have.
    ///   - fieldLimit: fields that a record may have.
    init(file: FileBytes, encoding: CSVEncoding, chunkSize: Int, recordLimit: Int, fieldLimit: Int) {
        self.recordLimit = recordLimit
        self.fieldLimit = fieldLimit
        window = CSVWindow(file: file, encoding: encoding, chunkSize: chunkSize)
        parser = CSVParser(delimiter: CSVDialect.delimiters[0], fieldLimit: fieldLimit)
        text = RecordText(file: file, encoding: encoding)
    }

    var encoding: CSVEncoding { text.encoding }
    var delimiter: UInt8 { parser.delimiter }
    /// Bytes of the source that are done with.
    var sourceOffset: Int64 { window.cursorSource }

    /// The next record, valid until the next call; nil at the end.
    @inline(__always)
    func next() throws(InputError) -> CSVRecord? {
        while true {
            switch parser.next(window.bytes, atEnd: window.isAtEnd) {
            case .record: return try makeRecord()
            case .needsInput: try refill()
            case .end:
                _ = window.sourceOffset(at: parser.position)
                return nil
            case .unterminatedQuote: throw .unterminatedQuote(line: parser.recordLine)
            }
        }
    }

    @inline(__always)
    private func makeRecord() throws(InputError) -> CSVRecord {
        var bytes = UnsafeRawBufferPointer(rebasing: window.bytes[parser.recordStart..<parser.position])
        var start = window.sourceOffset(at: parser.recordStart)
        if let dropped, dropped.line == parser.recordLine { start = dropped.source }
        let fields = parser.fields
        var problem: CSVProblem?
        if parser.isDropped || bytes.count > recordLimit {
            problem = .tooLarge
        } else {
            (bytes, problem) = try text.read(bytes, fields: fields)
            if problem == nil, parser.isBadlyQuoted { problem = .badQuoting }
        }
        recordCount &+= 1
        let isTooLarge = problem == .tooLarge
        return CSVRecord(
            number: recordCount, line: parser.recordLine, source: start..<window.sourceOffset(at: parser.position),
            problem: problem, hasLineEnd: parser.hasLineEnd,
            bytes: isTooLarge ? UnsafeRawBufferPointer(start: nil, count: 0) : bytes,
            fields: isTooLarge ? UnsafeBufferPointer(start: nil, count: 0) : UnsafeBufferPointer(fields))
    }

    /// Brings more input. Keeps the record that is not complete yet, unless it is too large already.
    @inline(never)
    private func refill() throws(InputError) {
        if parser.isDropped || parser.position - parser.recordStart > recordLimit {
            if dropped?.line != parser.recordLine {
                dropped = (parser.recordLine, window.sourceOffset(at: parser.recordStart))
            }
            parser.dropRecord(in: window.bytes)
        }
        let done = parser.recordStart
        window.discard(done)
        parser.rebase(by: done)
        try window.fill()
    }
}

/// What leads up to the header. The window's first byte is where the stream is.
extension RecordStream {
    /// Skips lines of nothing but spaces and tabs, and stops at the beginning of the first other line.
    ///
    /// - Returns: the number of lines skipped; nil if there is no other line.
    func skipBlankLines() throws(InputError) -> Int? {
        var lines = 0
        var offset = 0
        var lineStart = 0
        var followsCarriageReturn = false
        while true {
            while offset < window.bytes.count {
                let byte = window.bytes[offset]
                guard ASCII.isBlank(byte) || ASCII.isLineEnd(byte) else {
                    window.discard(lineStart)
                    return lines
                }
                offset += 1
                if ASCII.isLineEnd(byte) {
                    lines += byte == ASCII.lineFeed && followsCarriageReturn ? 0 : 1
                    lineStart = offset
                }
                followsCarriageReturn = byte == ASCII.carriageReturn
            }
            guard !window.isAtEnd else { return nil }
            let done = offset - lineStart > recordLimit ? offset : lineStart
            window.discard(done)
            offset -= done
            lineStart = 0
            try window.fill()
        }
    }

    /// The first `count` bytes, or all if there are fewer.
    func peekBytes(_ count: Int) throws(InputError) -> [UInt8] {
        while window.bytes.count < count, !window.isAtEnd { try window.fill() }
        return Array(window.bytes.prefix(count))
    }

    func skipBytes(_ count: Int) { window.discard(count) }

    func forgetRecordCount() { recordCount = 0 }

    /// Begins at the window's first byte, which is on that line, with that delimiter.
    func restart(delimiter: UInt8, line: Int) {
        parser.restart(delimiter: delimiter, line: line)
        recordCount = 0
    }

    /// Reads the next record with another delimiter, and stays where it is.
    func peekRecord(delimiter: UInt8) throws(InputError) -> Peek {
        var trial = CSVParser(delimiter: delimiter, fieldLimit: fieldLimit)
        while true {
            switch trial.next(window.bytes, atEnd: window.isAtEnd) {
            case .needsInput:
                guard trial.position <= recordLimit, !trial.isDropped else { return .tooLarge }
                try window.fill()
            case .unterminatedQuote:
                return .unterminatedQuote
            case .record, .end:
                guard trial.position <= recordLimit, !trial.isDropped else { return .tooLarge }
                let raw = UnsafeRawBufferPointer(rebasing: window.bytes[..<trial.position])
                let fields = trial.fields
                let (bytes, _) = try text.read(raw, fields: fields)
                let strings = fields.map { $0.string(in: bytes) }
                return .fields(strings, isBadlyQuoted: trial.isBadlyQuoted)
            }
        }
    }
}

extension InputError {
    static func unterminatedQuote(line: Int) -> InputError {
        InputError(
            .unterminatedQuote, line: line,
            "A quote that is opened in the record beginning on line \(line) is never closed: the file ends inside it. "
                + "Either the upload broke off (send the file again), or that record lacks a closing quote.")
    }
}
