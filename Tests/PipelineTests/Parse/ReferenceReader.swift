// The fuzzer compiles this file and the parser as one module.
#if canImport(Pipeline)
    @testable import Pipeline
#endif

/// What a `CSVReader` must find in a file, worked out the slow way with `ReferenceParser`.
struct ReferenceReader {
    private(set) var records: [ReaderRun.Record] = []
    private(set) var unterminatedLine: Int?

    /// - Parameters:
    ///   - dialect: what the reader says; its encoding is to be compared with `isWindows1252`.
    ///   - headerLine: the header is the record that begins there.
    init(_ file: [UInt8], dialect: CSVDialect, headerLine: Int, recordLimit: Int) {
        let (text, places) = Self.text(of: file, dialect.encoding)
        let outcome = ReferenceParser.parse(text, delimiter: dialect.delimiter)
        unterminatedLine = outcome.unterminatedLine
        for record in outcome.records where record.line > headerLine {
            let problem = Self.problem(record, text[record.range], dialect.encoding, recordLimit)
            let isTranscoded = dialect.encoding == .windows1252 && problem != .nulByte && problem != .badEncoding
            let fields = problem == .tooLarge ? [] : record.fields
            records.append(
                ReaderRun.Record(
                    number: records.count + 1, line: record.line,
                    source: places[record.range.lowerBound]..<places[record.range.upperBound], problem: problem,
                    hasLineEnd: record.hasLineEnd, fields: isTranscoded ? fields.map(Self.windows1252) : fields))
        }
    }

    /// Whether a file without a byte order mark, in which something is not UTF-8, is Windows-1252.
    static func isWindows1252(_ file: [UInt8]) -> Bool {
        guard String(validating: file, as: UTF8.self) == nil else { return false }
        return !file.indices.contains { start in
            (2...4).contains { length in
                start + length <= file.count
                    && String(validating: file[start..<start + length], as: UTF8.self)?.unicodeScalars.count == 1
            }
        }
    }

    private static func problem(
        _ record: ReferenceParser.Record, _ bytes: ArraySlice<UInt8>, _ encoding: CSVEncoding, _ limit: Int
    ) -> CSVProblem? {
        let undefined: [UInt8] = [0x81, 0x8D, 0x8F, 0x90, 0x9D]
        if bytes.count > limit { return .tooLarge }
        if bytes.contains(0) { return .nulByte }
        if encoding == .windows1252 {
            if bytes.contains(where: undefined.contains) { return .badEncoding }
        } else if String(validating: bytes, as: UTF8.self) == nil {
            return .badEncoding
        }
        return record.isBadlyQuoted ? .badQuoting : nil
    }

    /// The text in an ASCII-compatible encoding, and for each of its offsets the place in the file.
    private static func text(of file: [UInt8], _ encoding: CSVEncoding) -> (bytes: [UInt8], places: [Int64]) {
        guard encoding.isUTF16 else {
            let mark = encoding == .utf8BOM ? 3 : 0
            return (Array(file[mark...]), (mark...file.count).map(Int64.init))
        }
        var bytes: [UInt8] = []
        var places: [Int64] = []
        var place = 2
        while place < file.count {
            let (character, length) = character(at: place, in: file, isBigEndian: encoding == .utf16BigEndian)
            bytes += character
            places += [Int64](repeating: Int64(place), count: character.count)
            place += length
        }
        return (bytes, places + [Int64(file.count)])
    }

    private static func character(at place: Int, in file: [UInt8], isBigEndian: Bool) -> ([UInt8], Int) {
        func unit(_ place: Int) -> UInt16? {
            guard place + 1 < file.count else { return nil }
            let (first, second) = (UInt16(file[place]), UInt16(file[place + 1]))
            return isBigEndian ? first << 8 | second : second << 8 | first
        }
        guard let first = unit(place) else { return ([0xFF], 1) }
        if UTF16.isLeadSurrogate(first), let second = unit(place + 2), UTF16.isTrailSurrogate(second) {
            return (Array(String(decoding: [first, second], as: UTF16.self).utf8), 4)
        }
        if let scalar = Unicode.Scalar(first) { return (Array(String(Character(scalar)).utf8), 2) }
        return ([0xED, 0x80 | UInt8(first >> 6 & 0x3F), 0x80 | UInt8(first & 0x3F)], 2)
    }

    private static func windows1252(_ bytes: [UInt8]) -> [UInt8] {
        let specials: [UInt8: Character] = [
            0x80: "€", 0x82: "‚", 0x83: "ƒ", 0x84: "„", 0x85: "…", 0x86: "†", 0x87: "‡", 0x88: "ˆ", 0x89: "‰",
            0x8A: "Š", 0x8B: "‹", 0x8C: "Œ", 0x8E: "Ž", 0x91: "‘", 0x92: "’", 0x93: "“", 0x94: "”", 0x95: "•",
            0x96: "–", 0x97: "—", 0x98: "˜", 0x99: "™", 0x9A: "š", 0x9B: "›", 0x9C: "œ", 0x9E: "ž", 0x9F: "Ÿ",
        ]
        return bytes.flatMap { Array(String(specials[$0] ?? Character(Unicode.Scalar($0))).utf8) }
    }
}
