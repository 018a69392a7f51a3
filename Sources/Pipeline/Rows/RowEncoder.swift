internal import Catalog
internal import Glibc

/// Judges records by the rules of contract §5 and encodes the accepted ones as tuples of PostgreSQL's binary COPY
/// format: sku, name, description, active.
///
/// The hot path makes no String and allocates nothing per field; only a rejection may.
struct RowEncoder: ~Copyable {
    static let maximumSKU = 255
    static let maximumName = 1000
    static let maximumField = 1 << 20

    private let columnNames: [String]
    private let sku: Int
    private let name: Int?
    private let description: Int?
    private let active: Int?
    private var unescaped = RawBuffer(capacity: 4096)

    enum Verdict {
        case accepted(EncodedRow)
        case rejected(RowRejection)
    }

    init(header: CSVHeader) {
        columnNames = header.fields
        sku = header.sku
        name = header.name
        description = header.description
        active = header.active
    }

    var columns: ProductStore.Columns {
        ProductStore.Columns(name: name != nil, description: description != nil, active: active != nil)
    }

    /// Appends the record's tuple to `output`; after a rejection what was appended is for the caller to take back.
    @inline(__always)
    mutating func encode(_ record: CSVRecord, to output: inout RawBuffer) -> Verdict {
        if let problem = record.problem { return .rejected(RowEncoder.rejection(problem, of: record)) }
        if record.fields.count != columnNames.count, let rejection = wrongFieldCount(record) {
            return .rejected(rejection)
        }
        // Everything below fits: unescaping only shortens, and a tuple has 19 bytes of its own.
        output.reserve(record.bytes.count + 64)
        let start = output.count
        output.append(bigEndian: Int16(4))

        let skuCell = trimmed(content(of: sku, in: record))
        if let rejection = judgeSKU(skuCell) { return .rejected(rejection) }
        output.append(bigEndian: Int32(skuCell.count))
        let skuLength = skuCell.count
        output.append(skuCell)

        if let rejection = appendText(name, of: record, to: &output, limit: RowEncoder.maximumName) {
            return .rejected(rejection)
        }
        if let rejection = appendText(description, of: record, to: &output, limit: nil) { return .rejected(rejection) }

        var value = true
        var isBlank = true
        if let active {
            let cell = trimmed(content(of: active, in: record))
            if !cell.isEmpty {
                guard let boolean = booleanValue(cell) else { return .rejected(badBoolean(cell, column: active)) }
                value = boolean
                isBlank = false
            }
        }
        output.append(bigEndian: Int32(1))
        output.append(bigEndian: UInt8(value ? 1 : 0))
        return .accepted(
            EncodedRow(
                length: output.count - start, sequence: record.line, skuLength: skuLength, activeIsBlank: isBlank))
    }

    /// The content of a field; with doubled quotes it is unescaped into a buffer that the next call reuses.
    @inline(__always)
    private mutating func content(of index: Int, in record: CSVRecord) -> Cell {
        let field = record.fields[index]
        guard field.hasEscapedQuotes else { return record.rawBytes(of: field) }
        unescaped.count = 0
        unescaped.reserve(field.count)
        unescaped.count = record.copy(field, to: unescaped.base)
        return unescaped.bytes
    }

    @inline(__always)
    private func judgeSKU(_ cell: Cell) -> RowRejection? {
        if cell.isEmpty {
            return RowRejection(
                code: .missingSKU, column: columnNames[sku],
                message: "This row has no SKU. Add one and drop rejects.csv again.")
        }
        if cell.count > RowEncoder.maximumSKU, characterCount(cell) > RowEncoder.maximumSKU {
            return tooLong(.skuTooLong, cell, column: sku, limit: RowEncoder.maximumSKU)
        }
        return mayHoldControls(cell) ? controlCharacter(cell) : nil
    }

    /// Whether any byte is below a space, DEL, or not ASCII; eight at a time.
    @inline(__always)
    private func mayHoldControls(_ cell: Cell) -> Bool {
        var index = 0
        var suspicious: UInt64 = 0
        while index + 8 <= cell.count {
            let word = cell.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            // Bit 7 of a byte is set by: not ASCII; DEL plus one; and, inverted, 0x60 added to less than 0x20.
            suspicious |=
                word | (word & 0x7F7F_7F7F_7F7F_7F7F) &+ 0x0101_0101_0101_0101
                | ~((word & 0x7F7F_7F7F_7F7F_7F7F) &+ 0x6060_6060_6060_6060)
            index += 8
        }
        while index < cell.count {
            if cell[index] < 0x20 || cell[index] >= 0x7F { return true }
            index += 1
        }
        return suspicious & 0x8080_8080_8080_8080 != 0
    }

    @inline(never)
    private func controlCharacter(_ cell: Cell) -> RowRejection? {
        guard hasControlCharacter(cell) else { return nil }
        return RowRejection(
            code: .controlCharacter, column: columnNames[sku],
            message: "The SKU contains an invisible control character, such as a tab or a line break. "
                + "Retype the SKU and drop rejects.csv again.",
            value: RowEncoder.shown(cell))
    }

    /// Appends length and text; a blank cell or a column that the file lacks is an empty text.
    @inline(__always)
    private mutating func appendText(
        _ column: Int?, of record: CSVRecord, to output: inout RawBuffer, limit: Int?
    ) -> RowRejection? {
        guard let column else {
            output.append(bigEndian: Int32(0))
            return nil
        }
        let field = record.fields[column]
        let lengthAt = output.count
        output.append(bigEndian: Int32(0))
        let textAt = output.count
        if field.hasEscapedQuotes {
            output.count += record.copy(field, to: output.base + textAt)
        } else {
            output.append(record.rawBytes(of: field))
        }
        let text = Cell(start: output.base + textAt, count: output.count - textAt)
        if text.count > RowEncoder.maximumField {
            return RowRejection(
                code: .fieldTooLarge, column: columnNames[column],
                message: "This cell is larger than 1 MiB. Shorten it and drop rejects.csv again.",
                value: RowEncoder.shown(text))
        }
        if let limit, text.count > limit, characterCount(text) > limit {
            return tooLong(.nameTooLong, text, column: column, limit: limit)
        }
        if trimmed(text).isEmpty { output.count = textAt }
        output.base.storeBytes(of: Int32(output.count - textAt).bigEndian, toByteOffset: lengthAt, as: Int32.self)
        return nil
    }

    // MARK: Rejections, off the hot path

    /// What is wrong with a record as a whole, with its beginning.
    @inline(never)
    private static func rejection(_ problem: CSVProblem, of record: CSVRecord) -> RowRejection {
        let content = record.bytes.prefix { $0 != ASCII.lineFeed && $0 != ASCII.carriageReturn }
        let beginning = shown(Cell(rebasing: content)).replacing("\0", with: "␀")
        return switch problem {
        case .tooLarge:
            RowRejection(
                code: .fieldTooLarge, column: nil,
                message: "This record is far larger than a product can be (16 MiB). A quote that was never closed "
                    + "swallows the rows behind it: check the quotes, then drop rejects.csv again.",
                value: beginning)
        case .nulByte:
            RowRejection(
                code: .nulByte, column: nil,
                message: "This row contains a NUL byte, which no text can hold. Export the file again as CSV (UTF-8), "
                    + "or retype the row and drop rejects.csv again.", value: beginning)
        case .badEncoding:
            RowRejection(
                code: .badEncoding, column: nil,
                message: "This row contains bytes that are no valid text in the file's encoding. "
                    + "Save the file as CSV (UTF-8), or retype the row, and drop rejects.csv again.", value: beginning)
        case .badQuoting:
            RowRejection(
                code: .badQuoting, column: nil,
                message: "Text follows a closing quote. Double every quote inside a quoted cell (\"\") "
                    + "and drop rejects.csv again.", value: beginning)
        }
    }

    @inline(never)
    private func wrongFieldCount(_ record: CSVRecord) -> RowRejection? {
        let (found, expected) = (record.fields.count, columnNames.count)
        // Spreadsheets write delimiters after the last column: a surplus of empty cells says nothing.
        if found > expected, record.fields[expected...].allSatisfy({ trimmed(record.rawBytes(of: $0)).isEmpty }) {
            return nil
        }
        if found < expected, !record.hasLineEnd {
            return RowRejection(
                code: .fieldCount, column: nil,
                message: "The file ends in the middle of this row: it was probably cut off while it was sent. "
                    + "Send the whole file again.",
                value: "\(found)")
        }
        let advice =
            found < expected
            ? "Half a row must not clear anything: fill in the missing cells"
            : "Put a cell that contains the delimiter in quotes"
        return RowRejection(
            code: .fieldCount, column: nil,
            message: "This row has \(found) \(found == 1 ? "cell" : "cells"), but the header has \(expected). "
                + "\(advice) and drop rejects.csv again.",
            value: "\(found)")
    }

    private func tooLong(_ code: RejectionCode, _ cell: Cell, column: Int, limit: Int) -> RowRejection {
        RowRejection(
            code: code, column: columnNames[column],
            message: "\(code == .skuTooLong ? "The SKU" : "The name") has \(characterCount(cell)) characters; "
                + "at most \(limit) are possible. Shorten it and drop rejects.csv again.",
            value: RowEncoder.shown(cell))
    }

    private func badBoolean(_ cell: Cell, column: Int) -> RowRejection {
        RowRejection(
            code: .badBoolean, column: columnNames[column],
            message: "\"\(RowEncoder.shown(cell))\" is neither yes nor no. Write true or false "
                + "(or leave the cell blank to keep what is there) and drop rejects.csv again.",
            value: RowEncoder.shown(cell))
    }

    private static func shown(_ cell: Cell) -> String {
        let head = String(decoding: cell.prefix(4 * RowRejection.maximumValue), as: UTF8.self)
        return head.count <= RowRejection.maximumValue && cell.count <= 4 * RowRejection.maximumValue
            ? head : head.prefix(RowRejection.maximumValue) + "…"
    }
}
