internal import Catalog
internal import Glibc

/// Looks at every accepted row for signs of damage. It only counts and remembers: no row is rejected here.
///
/// To the next maintainer: `look` runs for each row of a file. It reads the SKU's bytes once, four bytes of the name,
/// and searches the row for one byte; whatever is rare is in functions that are not inlined.
struct RowSuspicions {
    /// Rows that have something in common: how many, and the first lines.
    struct Finding {
        private(set) var count = 0
        private(set) var lines: [Int] = []

        mutating func add(_ line: Int) {
            count += 1
            if lines.count < ImportWarning.maximumLines { lines.append(line) }
        }
    }

    /// A SKU with inner white space, letters that are not ASCII, or an apostrophe before it: another one may look just
    /// like it.
    struct Unusual {
        let line: Int
        let sku: String
    }

    private static let unusualKept = 1000

    private(set) var unusual: [Unusual] = []
    private var numbers = Finding()
    private var examples: [String] = []
    private var doubleEncoded = Finding()
    private var shifted = Finding()
    /// The line of a last row that ends before its time.
    private var brokenLine: Int?
    private let hasName: Bool

    init(_ columns: ProductStore.Columns) { hasName = columns.name }

    /// - Parameters:
    ///   - tuple: the row as `RowEncoder` wrote it.
    ///   - sku: its SKU, which is a part of it.
    @inline(__always)
    mutating func look(_ tuple: UnsafeRawBufferPointer, sku: Cell, line: Int) {
        let count = sku.count
        // 1.23E+11: the plus stands before the last two or three digits.
        if count >= 5, sku[count - 3] == 0x2B || sku[count - 4] == 0x2B { lookAtNumber(sku, line) }
        if RowSuspicions.isUnusual(sku), unusual.count < RowSuspicions.unusualKept { noteUnusual(sku, line) }
        if hasName {
            let length = Int32(bigEndian: tuple.loadUnaligned(fromByteOffset: 6 + count, as: Int32.self))
            if length >= 2, length <= 5 { lookAtName(tuple, at: 10 + count, Int(length), line) }
        }
        // Ã: the lead byte of every letter of Western Europe, once more encoded.
        if memchr(tuple.baseAddress!, 0xC3, tuple.count) != nil { lookAtLetters(tuple, line) }
    }

    /// Whether the first byte is an apostrophe, or any byte a space or not ASCII.
    @inline(__always)
    private static func isUnusual(_ sku: Cell) -> Bool {
        if sku[0] == 0x27 { return true }
        var index = 0
        var found: UInt64 = 0
        while index + 8 <= sku.count {
            let word = sku.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let spaces = word ^ 0x2020_2020_2020_2020
            found |= word | (spaces &- 0x0101_0101_0101_0101) & ~spaces
            index += 8
        }
        if found & 0x8080_8080_8080_8080 != 0 { return true }
        while index < sku.count {
            if sku[index] == 0x20 || sku[index] >= 0x80 { return true }
            index += 1
        }
        return false
    }

    @inline(never)
    private mutating func noteUnusual(_ sku: Cell, _ line: Int) {
        unusual.append(Unusual(line: line, sku: String(decoding: sku, as: UTF8.self)))
    }

    /// Digits, perhaps a point and more digits, `E+`, digits.
    @inline(never)
    private mutating func lookAtNumber(_ sku: Cell, _ line: Int) {
        guard let mark = sku.lastIndex(of: 0x2B), mark >= 2, sku[mark - 1] | 0x20 == 0x65 else { return }
        let mantissa = sku[..<(mark - 1)]
        let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
        guard sku[(mark + 1)...].allSatisfy(isDigit), let first = mantissa.first, isDigit(first),
            mantissa.allSatisfy({ isDigit($0) || $0 == 0x2E || $0 == 0x2C })
        else { return }
        numbers.add(line)
        if examples.count < 3 { examples.append(String(decoding: sku, as: UTF8.self)) }
    }

    /// A name that is a yes or a no stands in the wrong column.
    @inline(never)
    private mutating func lookAtName(_ tuple: UnsafeRawBufferPointer, at start: Int, _ length: Int, _ line: Int) {
        let word = String(decoding: tuple[start..<(start + length)], as: UTF8.self).lowercased()
        if ["true", "false", "yes", "no"].contains(word) { shifted.add(line) }
    }

    /// UTF-8 that was read as Windows-1252 and written as UTF-8 again: `Ã` with a character of U+00A1–U+00BF behind it,
    /// `Ãƒ`, or `â€`. Closing quotes of French and Portuguese (») and spaces may follow a true Ã.
    @inline(never)
    private mutating func lookAtLetters(_ tuple: UnsafeRawBufferPointer, _ line: Int) {
        var start = 0
        while let found = memchr(tuple.baseAddress! + start, 0xC3, tuple.count - start) {
            let index = UnsafeRawPointer(found) - tuple.baseAddress!
            start = index + 1
            guard index + 3 < tuple.count else { return }
            switch (tuple[index + 1], tuple[index + 2], tuple[index + 3]) {
            case (0x83, 0xC2, 0xA1...0xBF) where tuple[index + 3] != 0xBB: return doubleEncoded.add(line)
            case (0x83, 0xC5, 0xB8), (0x83, 0xC6, 0x92), (0x83, 0xC5, 0x93), (0x83, 0xE2, 0x80):
                return doubleEncoded.add(line)
            case (0xA2, 0xE2, 0x82): return doubleEncoded.add(line)
            default: continue
            }
        }
    }

    mutating func breaksOff(at line: Int) { brokenLine = line }

    /// What can be said without looking at the catalogue.
    var warnings: [ImportWarning] {
        var warnings: [ImportWarning] = []
        if let brokenLine {
            warnings.append(
                ImportWarning(
                    .cutOff,
                    "The file ends in the middle of its last row: it was probably cut off while it was sent. The rows "
                        + "before that were imported; send the whole file again.",
                    count: 1, lines: [brokenLine]))
        }
        if numbers.count > 0 {
            warnings.append(
                ImportWarning(
                    .skuAsNumber,
                    "\(counted(numbers.count, "SKU")) \(numbers.count == 1 ? "looks" : "look") like a number that a "
                        + "spreadsheet has shortened (\(examples.joined(separator: ", "))). The digits behind are lost: "
                        + "format the column as text where the file comes from, and export it again.",
                    count: numbers.count, lines: numbers.lines))
        }
        if doubleEncoded.count > 0 {
            warnings.append(
                ImportWarning(
                    .doubleEncoded,
                    "\(counted(doubleEncoded.count, "row")) \(doubleEncoded.count == 1 ? "contains" : "contain") letters "
                        + "such as “Ã©” where “é” was meant: the text was converted twice before it came here. Export the "
                        + "file again as “CSV UTF-8”, straight from where the text is right.",
                    count: doubleEncoded.count, lines: doubleEncoded.lines))
        }
        if shifted.count > 0 {
            warnings.append(
                ImportWarning(
                    .shiftedColumn,
                    "The name of \(counted(shifted.count, "row")) is a yes or a no. Its cells have probably slipped into "
                        + "the next column: compare the row with the header.",
                    count: shifted.count, lines: shifted.lines))
        }
        return warnings
    }
}
