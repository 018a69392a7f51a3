/// Why a record was rejected (contract §5). Raw values are the codes in errors.csv.
package enum RejectionCode: String, Sendable, CaseIterable {
    case missingSKU = "missing_sku"
    case fieldCount = "field_count"
    case skuTooLong = "sku_too_long"
    case nameTooLong = "name_too_long"
    case fieldTooLarge = "field_too_large"
    case badBoolean = "bad_boolean"
    case badEncoding = "bad_encoding"
    case badQuoting = "bad_quoting"
    case nulByte = "nul_byte"
    case controlCharacter = "control_character"
}

/// A record that was rejected: its place in the source, and why.
struct RejectedRecord {
    let number: Int
    let line: Int
    let source: Range<Int64>
    let rejection: RowRejection

    init(_ record: CSVRecord, _ rejection: RowRejection) {
        (number, line, source) = (record.number, record.line, record.source)
        self.rejection = rejection
    }
}

/// Why a record is rejected, and what to do, for errors.csv.
struct RowRejection {
    let code: RejectionCode
    /// The header's name of the column at fault; nil when it is the whole record.
    var column: String?
    let message: String
    /// What stands in that column, or the beginning of the record.
    var value = ""

    /// Values are shown, not restored: a long one is cut here, in characters.
    static let maximumValue = 200
}
