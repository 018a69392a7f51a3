internal import Catalog
internal import Glibc

/// Reads the messages of the stream that brings the whole catalogue, and compares each product with its row.
///
/// A note to the next maintainer: when the file brings all columns, a product equals its row exactly when the message's
/// tail equals the tuple's, lengths included, so one `memcmp` decides. It also decides for most rows of other files.
struct CatalogueScanner {
    private(set) var reader: CatalogueReader
    /// Products whose keys only the database can tell, and has not told.
    private(set) var passedOver = 0
    private var stream = ProductStore.Stream.withKeys
    private var isFirst = true
    private var hint = 0
    private var folded = [UInt8](repeating: 0, count: 64)

    init(reader: CatalogueReader) { self.reader = reader }

    mutating func begin(_ stream: ProductStore.Stream) {
        self.stream = stream
        isFirst = true
    }

    mutating func take(
        _ message: UnsafeRawBufferPointer, _ table: inout KeyTable, _ rows: inout RowStore
    ) throws {
        // Signature (11 bytes), flags and extension length (4 each) come once; a field count of -1 is the end.
        var at = isFirst ? 19 : 0
        isFirst = false
        guard message.count >= at + 2, Int16(bigEndian: message.loadUnaligned(fromByteOffset: at, as: Int16.self)) >= 0
        else { return }
        at += 2 + 4
        let id = Int(Int64(bigEndian: message.loadUnaligned(fromByteOffset: at, as: Int64.self)))
        at += 8
        if stream != .nonASCIIWithKeys { reader.saw(id: id) }
        let key = stream == .withoutKeys ? nil : field(message, &at)
        let tail = UnsafeRawBufferPointer(rebasing: message[at...])
        guard let position = key.map({ table.find($0, hint: hint) }) ?? find(field(message, &at), in: table) else {
            var start = 0
            return reader.lostZeros.look(field(tail, &start), table)
        }
        hint = position + 1
        let entry = table.entries[position]
        // Another session may have replaced a product between the two passes.
        guard entry.fate == .new else { return }
        let tuple = try rows.read(entry.rowLocation, entry.rowLength)
        let isEqual = isEqual(tail, tuple, activeIsBlank: entry.activeIsBlank)
        table.entries[position].fate = isEqual ? .unchanged : .changed
        if !isEqual {
            let old = Tuple(fields: tail)
            reader.noteChange((old.sku, old.name, old.description, old.active), Tuple(tuple), entry)
        }
        reader.found(position, id: id, isEqual: isEqual)
    }

    /// The field at an offset, which moves behind it.
    @inline(__always)
    private func field(_ message: UnsafeRawBufferPointer, _ at: inout Int) -> UnsafeRawBufferPointer {
        let length = Int(Int32(bigEndian: message.loadUnaligned(fromByteOffset: at, as: Int32.self)))
        defer { at += 4 + length }
        return UnsafeRawBufferPointer(rebasing: message[(at + 4)..<(at + 4 + length)])
    }

    /// Looks for a SKU whose key was not told: only one of pure ASCII can be folded here.
    @inline(__always)
    private mutating func find(_ sku: UnsafeRawBufferPointer, in table: borrowing KeyTable) -> Int? {
        if folded.count < sku.count { folded = [UInt8](repeating: 0, count: 2 * sku.count) }
        return folded.withUnsafeMutableBytes { buffer in
            guard foldASCII(sku, to: buffer.baseAddress!) else {
                passedOver += 1
                return nil
            }
            return table.find(UnsafeRawBufferPointer(rebasing: buffer[0..<sku.count]), hint: hint)
        }
    }

    /// Compares sku, name, description, active, each behind its length, with the tuple of the file.
    @inline(__always)
    private func isEqual(
        _ tail: UnsafeRawBufferPointer, _ tuple: UnsafeRawBufferPointer, activeIsBlank: Bool
    ) -> Bool {
        if tail.count == tuple.count - 2, memcmp(tail.baseAddress!, tuple.baseAddress! + 2, tail.count) == 0 {
            return true
        }
        let columns = reader.columns
        if columns.name, columns.description, !activeIsBlank { return false }
        let (old, new) = (Tuple(fields: tail), Tuple(tuple))
        return sameBytes(old.sku, new.sku) && (!columns.name || sameBytes(old.name, new.name))
            && (!columns.description || sameBytes(old.description, new.description))
            && (activeIsBlank || sameBytes(old.active, new.active))
    }
}
