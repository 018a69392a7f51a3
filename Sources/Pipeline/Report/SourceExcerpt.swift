internal import Catalog
internal import Glibc

/// The text around a line of a source that could not be imported, for the person who is to mend it.
struct SourceExcerpt {
    /// Lines shown before and after.
    private static let around = 2
    private static let longest = 200
    /// To find an open quote, all that follows must be read.
    private static let largestSearch = 256 << 20

    private let file: FileBytes
    private let encoding: CSVEncoding

    init(_ source: SourceFile) throws(InputError) {
        file = FileBytes(descriptor: source.descriptor, size: Int64(source.identity.size))
        encoding = try FileSignature.encoding(of: file.head(FileSignature.length))
    }

    /// - Parameter findsQuote: the file ends inside quotes that were opened in the record that begins on this line:
    ///   then the excerpt is around the quote itself, if it is found.
    func around(_ line: Int, findsQuote: Bool, delimiter: UInt8?) throws(InputError) -> ImportFacts.Excerpt? {
        var place = (line: line, column: Int?.none)
        if findsQuote, file.size <= SourceExcerpt.largestSearch, let quote = try openQuote(from: line, delimiter) {
            place = quote
        }
        let lines = try lines(max(1, place.line - SourceExcerpt.around)...(place.line + SourceExcerpt.around))
        return lines.isEmpty ? nil : ImportFacts.Excerpt(line: place.line, column: place.column, lines: lines)
    }

    // MARK: Lines

    private func lines(_ wanted: ClosedRange<Int>) throws(InputError) -> [ImportFacts.Excerpt.Line] {
        var found: [Int: [UInt8]] = [:]
        var number = 1
        var afterReturn = false
        try eachByte { byte in
            if byte == ASCII.lineFeed, afterReturn {
                afterReturn = false
                return true
            }
            afterReturn = byte == ASCII.carriageReturn
            if ASCII.isLineEnd(byte) {
                if wanted.contains(number), found[number] == nil { found[number] = [] }
                number += 1
                return number <= wanted.upperBound
            }
            if wanted.contains(number), found[number, default: []].count < 4 * SourceExcerpt.longest {
                found[number, default: []].append(byte)
            }
            return true
        }
        return found.sorted { $0.key < $1.key }.map { number, bytes in
            let text = self.text(bytes)
            let shown = String(String.UnicodeScalarView(text.unicodeScalars.prefix(SourceExcerpt.longest)))
            return ImportFacts.Excerpt.Line(
                number: number, text: shown,
                isCut: shown.utf8.count < text.utf8.count || bytes.count >= 4 * SourceExcerpt.longest)
        }
    }

    private func text(_ bytes: [UInt8]) -> String {
        if String(validating: bytes, as: UTF8.self) == nil, !encoding.isUTF16 {
            return String(String.UnicodeScalarView(bytes.map { Windows1252.scalar($0) }))
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Line and character of the quote that is still open at the end of the file.
    private func openQuote(from start: Int, _ delimiter: UInt8?) throws(InputError) -> (line: Int, column: Int?)? {
        var (line, column, afterReturn) = (1, 0, false)
        var (isQuoted, mayClose, atFieldStart) = (false, false, true)
        var opened: (line: Int, column: Int?)?
        try eachByte { byte in
            if byte & 0xC0 != 0x80 { column += 1 }
            if line >= start {
                switch byte {
                case ASCII.quote where isQuoted: mayClose.toggle()
                case ASCII.quote where atFieldStart:
                    (isQuoted, mayClose, opened) = (true, false, (line, column))
                default:
                    if isQuoted, mayClose { (isQuoted, mayClose) = (false, false) }
                    let isDelimiter = delimiter.map { $0 == byte } ?? CSVDialect.delimiters.contains(byte)
                    atFieldStart = !isQuoted && (isDelimiter || ASCII.isLineEnd(byte))
                }
                if byte == ASCII.quote { atFieldStart = false }
            }
            if ASCII.isLineEnd(byte) {
                if !(byte == ASCII.lineFeed && afterReturn) { line += 1 }
                column = 0
            }
            afterReturn = byte == ASCII.carriageReturn
            return true
        }
        return isQuoted && !mayClose ? opened : nil
    }

    // MARK: Bytes

    /// Calls `body` with each byte of the text in UTF-8 (or as it stands), until it returns false.
    private func eachByte(_ body: (UInt8) -> Bool) throws(InputError) {
        var file = file
        var decoder = encoding.isUTF16 ? UTF16Decoder(isBigEndian: encoding == .utf16BigEndian) : nil
        file.skip(encoding.markLength)
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        let decoded = UnsafeMutableRawBufferPointer.allocate(
            byteCount: UTF16Decoder.longestOutput(for: 64 << 10), alignment: 16)
        defer {
            chunk.deallocate()
            decoded.deallocate()
        }
        while true {
            let count = try file.read(into: chunk)
            guard count > 0 else { return }
            var bytes = UnsafeRawBufferPointer(rebasing: chunk[..<count])
            if decoder != nil {
                let written = decoder!.decode(bytes, to: decoded.baseAddress!)
                bytes = UnsafeRawBufferPointer(rebasing: decoded[..<written])
            }
            for byte in bytes where !body(byte) { return }
        }
    }
}
