/// The slow and obvious CSV parser: the whole input at once, a byte at a time, arrays for everything.
///
/// It is the oracle of the tests and the fuzzer, and shares no code with what it judges.
struct ReferenceParser {
    struct Record: Equatable {
        var line: Int
        /// Bytes of the input, with the line end.
        var range: Range<Int>
        /// Contents: without outer quotes, doubled quotes made single; as it stands for a field with bad quoting.
        var fields: [[UInt8]]
        var isBadlyQuoted: Bool
        var hasLineEnd: Bool
    }

    struct Outcome: Equatable {
        var records: [Record] = []
        /// The line of the record in which a quote is open at the end of the input.
        var unterminatedLine: Int?
    }

    private let bytes: [UInt8]
    private let delimiter: UInt8
    private var place = 0
    private var isBadlyQuoted = false
    private var isUnterminated = false

    private init(_ bytes: [UInt8], delimiter: UInt8) {
        self.bytes = bytes
        self.delimiter = delimiter
    }

    static func parse(_ bytes: [UInt8], delimiter: UInt8 = UInt8(ascii: ",")) -> Outcome {
        var parser = ReferenceParser(bytes, delimiter: delimiter)
        return parser.parse()
    }

    private mutating func parse() -> Outcome {
        let lines = physicalLines()
        var outcome = Outcome()
        while place < bytes.count {
            let start = place
            let fields = parseFields()
            if isUnterminated {
                outcome.unterminatedLine = lines[start]
                break
            }
            let text = bytes[start..<place]
            let hasLineEnd = skipLineEnd()
            if fields.count == 1, text.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) { continue }
            outcome.records.append(
                Record(
                    line: lines[start], range: start..<place, fields: fields, isBadlyQuoted: isBadlyQuoted,
                    hasLineEnd: hasLineEnd))
        }
        return outcome
    }

    private mutating func parseFields() -> [[UInt8]] {
        isBadlyQuoted = false
        var fields = [parseField()]
        while !isUnterminated, place < bytes.count, bytes[place] == delimiter {
            place += 1
            fields.append(parseField())
        }
        return fields
    }

    private mutating func parseField() -> [UInt8] {
        let start = place
        if place < bytes.count, bytes[place] == UInt8(ascii: "\"") {
            let content = parseQuoted()
            if isUnterminated || isAtFieldEnd { return content }
            isBadlyQuoted = true
        }
        while !isAtFieldEnd { place += 1 }
        return Array(bytes[start..<place])
    }

    /// Leaves `place` after the closing quote.
    private mutating func parseQuoted() -> [UInt8] {
        var content: [UInt8] = []
        place += 1
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            if byte != UInt8(ascii: "\"") {
                content.append(byte)
            } else if place < bytes.count, bytes[place] == UInt8(ascii: "\"") {
                content.append(byte)
                place += 1
            } else {
                return content
            }
        }
        isUnterminated = true
        return content
    }

    private var isAtFieldEnd: Bool {
        guard place < bytes.count else { return true }
        let byte = bytes[place]
        return byte == delimiter || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    }

    private mutating func skipLineEnd() -> Bool {
        guard place < bytes.count else { return false }
        let isPair = bytes[place...].starts(with: [UInt8(ascii: "\r"), UInt8(ascii: "\n")])
        place += isPair ? 2 : 1
        return true
    }

    /// The physical line of each byte.
    private func physicalLines() -> [Int] {
        var lines: [Int] = []
        var line = 1
        for (index, byte) in bytes.enumerated() {
            lines.append(line)
            let next = index + 1 < bytes.count ? bytes[index + 1] : 0
            let isLoneReturn = byte == UInt8(ascii: "\r") && next != UInt8(ascii: "\n")
            if byte == UInt8(ascii: "\n") || isLoneReturn { line += 1 }
        }
        return lines
    }
}
