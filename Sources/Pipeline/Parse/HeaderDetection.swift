/// Finds out a file's delimiter from its header, and reads the header.
struct HeaderDetection {
    private struct Candidate {
        let delimiter: UInt8
        let fieldCount: Int
        let isBadlyQuoted: Bool
        let recognized: Set<CSVColumn>

        /// A SKU column decides, then known columns, clean quoting and the number of fields, in this order.
        func isBetter(than other: Candidate) -> Bool {
            if recognized.contains(.sku) != other.recognized.contains(.sku) { return recognized.contains(.sku) }
            if recognized.count != other.recognized.count { return recognized.count > other.recognized.count }
            if isBadlyQuoted != other.isBadlyQuoted { return other.isBadlyQuoted }
            return fieldCount > other.fieldCount
        }
    }

    let stream: RecordStream

    /// Reads up to the first record after the header.
    ///
    /// - Throws: `empty`, `missing_column`, `duplicate_column`, `encoding`, `unterminated_quote`, `internal`.
    func readHeader() throws(InputError) -> (CSVHeader, CSVDialect.LineEnd) {
        var line = 1 + (try skipBlankLines())
        var delimiters = CSVDialect.delimiters
        if let (named, length) = try separatorLine() {
            stream.skipBytes(length)
            line += 1 + (try skipBlankLines())
            delimiters = [named]
        }
        stream.restart(delimiter: try bestDelimiter(of: delimiters, line: line), line: line)
        guard let record = try stream.next() else { throw .empty }
        try refuseUnreadable(record)
        let header = try CSVHeader(
            fields: record.fields.map(record.string), line: record.line, source: record.source)
        let lineEnd = lineEnd(of: record)
        // The records' numbers begin after the header.
        stream.forgetRecordCount()
        return (header, lineEnd)
    }

    private func skipBlankLines() throws(InputError) -> Int {
        guard let lines = try stream.skipBlankLines() else { throw .empty }
        return lines
    }

    /// The line `sep=;`, with or without quotes around it, that spreadsheets write and obey.
    ///
    /// - Returns: the delimiter it names and the line's length; nil if the line is another.
    private func separatorLine() throws(InputError) -> (delimiter: UInt8, length: Int)? {
        let head = try stream.peekBytes(9)
        var rest = head[...]
        let isQuoted = rest.first == ASCII.quote
        if isQuoted { rest = rest.dropFirst() }
        guard String(decoding: rest.prefix(4), as: UTF8.self).lowercased() == "sep=",
            let delimiter = rest.dropFirst(4).first, CSVDialect.delimiters.contains(delimiter)
        else { return nil }
        rest = rest.dropFirst(5)
        if isQuoted {
            guard rest.first == ASCII.quote else { return nil }
            rest = rest.dropFirst()
        }
        switch rest.first {
        case nil, ASCII.lineFeed: rest = rest.dropFirst()
        case ASCII.carriageReturn: rest = rest.dropFirst(rest.dropFirst().first == ASCII.lineFeed ? 2 : 1)
        default: return nil
        }
        return (delimiter, head.count - rest.count)
    }

    private func bestDelimiter(of delimiters: [UInt8], line: Int) throws(InputError) -> UInt8 {
        var best: Candidate?
        var hasOpenQuote = false
        for delimiter in delimiters {
            switch try stream.peekRecord(delimiter: delimiter) {
            case .fields(let fields, let isBadlyQuoted):
                let candidate = Candidate(
                    delimiter: delimiter, fieldCount: fields.count, isBadlyQuoted: isBadlyQuoted,
                    recognized: Set(fields.compactMap(CSVColumn.init(headerField:))))
                if best.map(candidate.isBetter) ?? true { best = candidate }
            case .unterminatedQuote: hasOpenQuote = true
            case .tooLarge: break
            }
        }
        if let best, best.recognized.contains(.sku) || !hasOpenQuote { return best.delimiter }
        throw hasOpenQuote ? .unterminatedQuote(line: line) : .endlessHeader(line: line)
    }

    private func refuseUnreadable(_ record: CSVRecord) throws(InputError) {
        switch record.problem {
        case nil, .badQuoting:
            return
        case .tooLarge:
            throw .endlessHeader(line: record.line)
        case .nulByte:
            throw InputError(
                .encoding, line: record.line,
                "The header (line \(record.line)) contains NUL bytes: the file is no text, or in an encoding that is not "
                    + "supported. Save it as “CSV UTF-8”.")
        case .badEncoding:
            throw InputError(
                .encoding, line: record.line,
                "The header (line \(record.line)) contains bytes that are neither UTF-8 nor Windows-1252 text. "
                    + "Save the file as “CSV UTF-8”.")
        }
    }

    private func lineEnd(of header: CSVRecord) -> CSVDialect.LineEnd {
        guard header.hasLineEnd, let last = header.bytes.last else { return .lineFeed }
        if last == ASCII.carriageReturn { return .carriageReturn }
        let isPair = header.bytes.count >= 2 && header.bytes[header.bytes.count - 2] == ASCII.carriageReturn
        return isPair ? .carriageReturnLineFeed : .lineFeed
    }
}

extension InputError {
    fileprivate static var empty: InputError {
        InputError(.empty, "The file is empty. It needs a header line with at least a column “sku”.")
    }

    fileprivate static func endlessHeader(line: Int) -> InputError {
        InputError(
            .missingColumn, line: line,
            "The header (line \(line)) is far too long to be one. It must name the columns, one of them “sku”, and close "
                + "every quote it opens.")
    }
}
