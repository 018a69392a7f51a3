/// One record: its place in the source file, and views of its bytes and fields.
///
/// `bytes` and `fields` point into memory of the `CSVReader` that made the record. They are valid until that reader's
/// next call of `next()`, and not after the reader is gone. Copy what has to live longer.
package struct CSVRecord {
    /// 1 is the first record after the header; blank lines are not counted.
    package let number: Int
    /// The physical line, from 1, on which the record begins.
    package let line: Int
    /// Bytes of the source file, in its own encoding, with the record's line end.
    package let source: Range<Int64>
    /// The first that applies, in the order of `CSVProblem`'s cases; nil if the record can be read.
    package let problem: CSVProblem?
    /// False only for a last record without a line end: what an upload that broke off leaves behind.
    package let hasLineEnd: Bool
    /// What the fields' offsets point into: valid UTF-8 unless there is a problem. Holds the line end, too.
    package let bytes: UnsafeRawBufferPointer
    /// Every field found, surplus ones included; empty if the record is too large.
    package let fields: UnsafeBufferPointer<CSVField>

    /// The field's bytes as they stand: still with doubled quotes if `field.hasEscapedQuotes`.
    @inline(__always)
    package func rawBytes(of field: CSVField) -> UnsafeRawBufferPointer { field.rawBytes(in: bytes) }

    /// Copies the field's content, doubled quotes made single, to memory with room for `field.count` bytes.
    ///
    /// - Returns: the number of bytes written.
    @inline(__always)
    @discardableResult
    package func copy(_ field: CSVField, to target: UnsafeMutableRawPointer) -> Int {
        field.copy(from: bytes, to: target)
    }

    /// Appends the field's content, doubled quotes made single.
    ///
    /// - Returns: the number of bytes appended.
    @discardableResult
    package func append(_ field: CSVField, to target: inout [UInt8]) -> Int {
        guard field.hasEscapedQuotes else {
            target.append(contentsOf: rawBytes(of: field))
            return field.count
        }
        let content = [UInt8](unsafeUninitializedCapacity: field.count) { buffer, count in
            count = buffer.baseAddress.map { copy(field, to: UnsafeMutableRawPointer($0)) } ?? 0
        }
        target.append(contentsOf: content)
        return content.count
    }

    /// The field's content for a message; undecodable bytes become U+FFFD.
    package func string(_ field: CSVField) -> String { field.string(in: bytes) }
}
