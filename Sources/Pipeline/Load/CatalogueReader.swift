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
    var lostZeros = LostZeros()

    private let store: ProductStore
    let columns: ProductStore.Columns

    init(_ store: ProductStore, columns: ProductStore.Columns) {
        self.store = store
        self.columns = columns
    }

    /// Compares with the whole catalogue, read back in one stream. Where the database folds ASCII as we do, it need not
    /// say the keys; products with another SKU, which only it can fold, are then read again with theirs.
    mutating func scan(
        _ table: inout KeyTable, _ rows: inout RowStore, foldsASCII: Bool, _ progress: (Int) throws -> Void
    ) throws {
        var scanner = CatalogueScanner(reader: self)
        var stream = foldsASCII ? ProductStore.Stream.withoutKeys : .withKeys
        while true {
            scanner.begin(stream)
            try store.readAll(stream) { message in
                try scanner.take(message, &table, &rows)
                if scanner.reader.seen.count & 0xFFF == 0 { try progress(scanner.reader.seen.count) }
            }
            guard stream == .withoutKeys, scanner.passedOver > 0 else { break }
            stream = .nonASCIIWithKeys
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
                let id: Int = try found[1]
                if isEqual {
                    // Nothing else of the catalogue is looked at, so these alone are looked for again.
                    unchangedIDs.append(id)
                    saw(id: id)
                }
                self.found(position, id: id, isEqual: isEqual)
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

    private func equals(_ found: ResultRow, _ tuple: UnsafeRawBufferPointer, _ activeIsBlank: Bool) -> Bool {
        let new = Tuple(tuple)
        func same(_ column: Int, _ cell: UnsafeRawBufferPointer) -> Bool {
            found.bytes(column).map { sameBytes($0, cell) } ?? false
        }
        return same(2, new.sku) && (!columns.name || same(3, new.name))
            && (!columns.description || same(4, new.description)) && (activeIsBlank || same(5, new.active))
    }

    /// Counts a product of the catalogue, in the file or not.
    @inline(__always)
    mutating func saw(id: Int) {
        seen.count += 1
        seen.sum &+= id
        highestID = max(highestID, id)
    }

    /// Notes that a product is the row at `position`.
    @inline(__always)
    mutating func found(_ position: Int, id: Int, isEqual: Bool) {
        if isEqual {
            unchangedCount += 1
        } else {
            changes.append(Change(entry: position, id: id))
        }
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
