internal import Catalog
internal import Glibc
internal import Postgres

/// Finds out what each row is to the catalogue — new, unchanged or changed — without writing anything.
struct CatalogueReader {
    /// A product that differs from its row in the file.
    struct Change {
        let entry: Int
        let id: Int
    }

    private(set) var changes: [Change] = []
    /// Ids of the products that are in the file and equal; only kept by `probe`, where they are few.
    private(set) var unchangedIDs = ArrayParameter.int8()
    private(set) var unchangedCount = 0
    /// What the catalogue looked like, to notice later that products were deleted meanwhile.
    private(set) var seen = ProductStore.Fingerprint()
    private(set) var highestID = 0
    /// For the report.
    private(set) var tally = ChangeTally()
    private(set) var lostZeros = LostZeros()

    private let store: ProductStore
    private let columns: ProductStore.Columns

    init(_ store: ProductStore, columns: ProductStore.Columns) {
        self.store = store
        self.columns = columns
    }

    /// Compares with the whole catalogue, read back in one stream.
    mutating func scan(
        _ table: inout KeyTable, _ rows: inout RowStore, foldsASCII: Bool, _ progress: (Int) throws -> Void
    ) throws {
        var scanner = Scanner(reader: self)
        try store.readAll(foldsASCII: foldsASCII) { message in
            try scanner.take(message, &table, &rows)
            if scanner.reader.seen.count & 0xFFF == 0 { try progress(scanner.reader.seen.count) }
        }
        self = scanner.reader
    }

    /// Looks up the keys of the file, a batch at a time.
    mutating func probe(_ table: inout KeyTable, _ rows: inout RowStore, _ progress: (Int) throws -> Void) throws {
        try CatalogueReader.eachBatch(of: table) { keys, positions in
            for found in try store.find(keys: keys) {
                let position = positions[try found[0, as: Int.self] - 1]
                let entry = table.entries[position]
                let tuple = try rows.read(entry.rowLocation, entry.rowLength)
                let isEqual = equals(found, tuple, entry.activeIsBlank)
                if !isEqual, let sku = found.bytes(2), let name = found.bytes(3), let text = found.bytes(4),
                    let active = found.bytes(5)
                {
                    noteChange((sku, name, text, active), Tuple(tuple), entry)
                }
                table.entries[position].fate = isEqual ? .unchanged : .changed
                note(position, id: try found[1], isEqual: isEqual)
            }
            try progress(positions.last! + 1)
        }
        try lostZeros.lookUpNew(table, store)
    }

    mutating func noteChange(_ old: (Cell, Cell, Cell, Cell), _ new: Tuple, _ entry: KeyTable.Entry) {
        tally.take(old: old, new: new, columns, activeIsBlank: entry.activeIsBlank, line: Int(entry.sequence))
    }

    /// Calls `body` with the keys of the rows and their positions, in batches of bounded size.
    static func eachBatch(
        of table: borrowing KeyTable, _ body: (ArrayParameter, [Int]) throws -> Void
    ) throws {
        var keys = ArrayParameter.text()
        var positions: [Int] = []
        for position in 0..<table.count {
            keys.append(table.key(table.entries[position]))
            positions.append(position)
            if keys.size > 1 << 20 || position == table.count - 1 {
                try body(keys, positions)
                keys = ArrayParameter.text()
                positions.removeAll(keepingCapacity: true)
            }
        }
    }

    private mutating func note(_ position: Int, id: Int, isEqual: Bool) {
        if isEqual {
            unchangedIDs.append(id)
            unchangedCount += 1
            seen.count += 1
            seen.sum &+= id
        } else {
            changes.append(Change(entry: position, id: id))
        }
    }

    private func equals(_ found: ResultRow, _ tuple: UnsafeRawBufferPointer, _ activeIsBlank: Bool) -> Bool {
        let new = Tuple(tuple)
        func same(_ column: Int, _ cell: UnsafeRawBufferPointer) -> Bool {
            found.bytes(column).map { sameBytes($0, cell) } ?? false
        }
        return same(2, new.sku) && (!columns.name || same(3, new.name))
            && (!columns.description || same(4, new.description)) && (activeIsBlank || same(5, new.active))
    }

    /// Reads the messages of the stream. A note to the next maintainer: when the file brings all columns, a product
    /// equals its row exactly when the message's tail equals the tuple's, lengths included, so one `memcmp` decides.
    private struct Scanner {
        var reader: CatalogueReader
        private var isFirst = true
        private var hint = 0
        private var folded = [UInt8](repeating: 0, count: 64)

        init(reader: CatalogueReader) { self.reader = reader }

        mutating func take(
            _ message: UnsafeRawBufferPointer, _ table: inout KeyTable, _ rows: inout RowStore
        ) throws {
            // Signature (11 bytes), flags and extension length (4 each) come once; a field count of -1 is the end.
            var at = isFirst ? 19 : 0
            isFirst = false
            guard message.count >= at + 2, int16(message, at) >= 0 else { return }
            at += 2 + 4
            let id = Int(Int64(bigEndian: message.loadUnaligned(fromByteOffset: at, as: Int64.self)))
            at += 8
            let keyLength = int32(message, at)
            at += 4
            let key = keyLength > 0 ? UnsafeRawBufferPointer(rebasing: message[at..<(at + keyLength)]) : nil
            at += max(keyLength, 0)
            reader.seen.count += 1
            reader.seen.sum &+= id
            reader.highestID = max(reader.highestID, id)

            let skuLength = int32(message, at)
            let sku = UnsafeRawBufferPointer(rebasing: message[(at + 4)..<(at + 4 + skuLength)])
            guard let position = key.map({ table.find($0, hint: hint) }) ?? find(sku, in: table) else {
                return reader.lostZeros.look(sku, table)
            }
            hint = position + 1
            let entry = table.entries[position]
            let tuple = try rows.read(entry.rowLocation, entry.rowLength)
            let tail = UnsafeRawBufferPointer(rebasing: message[at...])
            if reader.isEqual(tail, tuple, activeIsBlank: entry.activeIsBlank) {
                reader.unchangedCount += 1
                table.entries[position].fate = .unchanged
            } else {
                reader.changes.append(Change(entry: position, id: id))
                let old = Tuple(fields: tail)
                reader.noteChange((old.sku, old.name, old.description, old.active), Tuple(tuple), entry)
                table.entries[position].fate = .changed
            }
        }

        private mutating func find(_ sku: UnsafeRawBufferPointer, in table: borrowing KeyTable) -> Int? {
            if folded.count < sku.count { folded = [UInt8](repeating: 0, count: 2 * sku.count) }
            return folded.withUnsafeMutableBytes { buffer in
                for index in 0..<sku.count {
                    buffer[index] = foldedASCII(sku[index])
                }
                return table.find(UnsafeRawBufferPointer(rebasing: buffer[0..<sku.count]), hint: hint)
            }
        }

        private func int16(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int16 {
            Int16(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: Int16.self))
        }

        private func int32(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
            Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: Int32.self)))
        }
    }

    /// Compares sku, name, description, active, each behind its length, with the tuple of the file.
    fileprivate func isEqual(
        _ tail: UnsafeRawBufferPointer, _ tuple: UnsafeRawBufferPointer, activeIsBlank: Bool
    ) -> Bool {
        if columns.name, columns.description, !activeIsBlank {
            return tail.count == tuple.count - 2 && memcmp(tail.baseAddress!, tuple.baseAddress! + 2, tail.count) == 0
        }
        let (old, new) = (Tuple(fields: tail), Tuple(tuple))
        return sameBytes(old.sku, new.sku) && (!columns.name || sameBytes(old.name, new.name))
            && (!columns.description || sameBytes(old.description, new.description))
            && (activeIsBlank || sameBytes(old.active, new.active))
    }
}

func sameBytes(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    left.count == right.count && (left.isEmpty || memcmp(left.baseAddress!, right.baseAddress!, left.count) == 0)
}

/// The fields of a binary COPY tuple of sku, name, description, active.
struct Tuple {
    let sku: UnsafeRawBufferPointer
    let name: UnsafeRawBufferPointer
    let description: UnsafeRawBufferPointer
    let active: UnsafeRawBufferPointer

    /// A whole tuple, field count included.
    init(_ tuple: UnsafeRawBufferPointer) { self.init(fields: UnsafeRawBufferPointer(rebasing: tuple[2...])) }

    init(fields: UnsafeRawBufferPointer) {
        var at = 0
        func next() -> UnsafeRawBufferPointer {
            let length = Int(Int32(bigEndian: fields.loadUnaligned(fromByteOffset: at, as: Int32.self)))
            defer { at += 4 + length }
            return UnsafeRawBufferPointer(rebasing: fields[(at + 4)..<(at + 4 + length)])
        }
        sku = next()
        name = next()
        description = next()
        active = next()
    }
}
