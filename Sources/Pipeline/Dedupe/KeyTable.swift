internal import Glibc

/// The rows of one import by key: `lower(sku)` as the database computes it, compared by its bytes.
///
/// 24 bytes a row beside the key itself. Rows are added in file order, `sortAndDeduplicate` puts them into key order
/// and keeps the last of each key, and `find` then looks keys up.
struct KeyTable: ~Copyable {
    /// Where a row is and what became of it, in 24 bytes.
    struct Entry {
        /// The first eight bytes of the key behind the prefix common to all keys, big-endian, padded with zeros (no
        /// key holds a NUL), so that comparing integers compares keys.
        var prefix: UInt64
        /// Offset in the arena (48 bits), length (16 bits).
        fileprivate var keyBits: UInt64
        /// Offset in the row store (40 bits), length (21 bits), `activeIsBlank` (1 bit), `fate` (2 bits).
        fileprivate var rowBits: UInt64

        var keyOffset: Int { Int(keyBits >> 16) }
        var keyLength: Int { Int(keyBits & 0xFFFF) }
        var rowOffset: Int { Int(rowBits >> 24) }
        var rowLength: Int { Int(rowBits >> 3 & 0x1F_FFFF) }
        var activeIsBlank: Bool { rowBits & 4 != 0 }

        var fate: Fate {
            get { Fate(rawValue: UInt8(truncatingIfNeeded: rowBits & 3))! }
            set { rowBits = rowBits & ~3 | UInt64(newValue.rawValue) }
        }

        mutating func setKey(offset: Int, length: Int) { keyBits = UInt64(offset) << 16 | UInt64(length) }
    }

    /// How a row met the catalogue.
    enum Fate: UInt8 {
        case new, unchanged, changed, written
    }

    /// The largest row store that entries can point into: 1 TiB.
    static let maximumRowOffset = 1 << 40

    private var entryBuffer = RawBuffer(capacity: 4096 * MemoryLayout<Entry>.stride)
    private var arena = RawBuffer(capacity: 64 << 10)
    private(set) var count = 0
    /// Bytes that all keys begin with; `Entry.prefix` starts behind them.
    private(set) var commonPrefix = 0

    var entries: UnsafeMutableBufferPointer<Entry> {
        UnsafeMutableBufferPointer(start: entryBuffer.base.assumingMemoryBound(to: Entry.self), count: count)
    }

    func key(_ entry: Entry) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: arena.base + entry.keyOffset, count: entry.keyLength)
    }

    /// Adds a row whose SKU is pure ASCII and folds as ASCII does; false when it does not, and nothing is added.
    @inline(__always)
    mutating func addFolding(_ sku: UnsafeRawBufferPointer, row: Range<Int>, activeIsBlank: Bool) -> Bool {
        arena.reserve(sku.count + 8)
        let target = arena.base + arena.count
        var all: UInt8 = 0
        for index in 0..<sku.count {
            let byte = sku[index]
            all |= byte
            let isUpper = byte &- 0x41 < 26
            target.storeBytes(of: byte | (isUpper ? 0x20 : 0), toByteOffset: index, as: UInt8.self)
        }
        guard all < 0x80 else { return false }
        addEntry(length: sku.count, row: row, activeIsBlank: activeIsBlank)
        return true
    }

    /// Adds a row by its key as the database folded it.
    mutating func add(key: UnsafeRawBufferPointer, row: Range<Int>, activeIsBlank: Bool) {
        arena.reserve(key.count + 8)
        memcpy(arena.base + arena.count, key.baseAddress!, key.count)
        addEntry(length: key.count, row: row, activeIsBlank: activeIsBlank)
    }

    @inline(__always)
    private mutating func addEntry(length: Int, row: Range<Int>, activeIsBlank: Bool) {
        precondition(row.upperBound < KeyTable.maximumRowOffset, "the row store is full")
        entryBuffer.reserve(MemoryLayout<Entry>.stride)
        let rowBits = UInt64(row.lowerBound) << 24 | UInt64(row.count) << 3 | (activeIsBlank ? 4 : 0)
        let entry = Entry(prefix: 0, keyBits: UInt64(arena.count) << 16 | UInt64(length), rowBits: rowBits)
        entryBuffer.base.storeBytes(of: entry, toByteOffset: entryBuffer.count, as: Entry.self)
        entryBuffer.count += MemoryLayout<Entry>.stride
        commonPrefix = count == 0 ? length : sharedPrefix(with: entry)
        count += 1
        arena.count += length
    }

    /// How much of the common prefix this entry's key still shares.
    @inline(__always)
    private func sharedPrefix(with entry: Entry) -> Int {
        let limit = min(commonPrefix, entry.keyLength)
        let (first, other) = (arena.base, arena.base + entry.keyOffset)
        var shared = 0
        while shared < limit,
            first.load(fromByteOffset: shared, as: UInt8.self)
                == other.load(fromByteOffset: shared, as: UInt8.self)
        {
            shared += 1
        }
        return shared
    }

    /// Eight bytes of a key from `depth` on, big-endian, zeros behind its end.
    @inline(__always)
    func prefix(of entry: Entry, at depth: Int) -> UInt64 {
        prefix(arena.base + entry.keyOffset, entry.keyLength, at: depth)
    }

    /// The memory behind a key must reach eight bytes further, which the arena takes care of.
    @inline(__always)
    private func prefix(_ key: UnsafeRawPointer, _ length: Int, at depth: Int) -> UInt64 {
        let rest = length - depth
        guard rest > 0 else { return 0 }
        let word = UInt64(bigEndian: key.loadUnaligned(fromByteOffset: depth, as: UInt64.self))
        return rest >= 8 ? word : word & (UInt64.max << UInt64(64 - 8 * rest))
    }

    /// Puts the rows into key order and keeps, of rows with the same key, the one that was added last.
    ///
    /// - Returns: how many rows were dropped as duplicates.
    mutating func sortAndDeduplicate() -> Int {
        guard count > 0 else { return 0 }
        let entries = entries
        for index in entries.indices { entries[index].prefix = prefix(of: entries[index], at: commonPrefix) }
        KeySort(entries: entries, arena: arena.base, depth: commonPrefix).sort()
        var kept = 0
        for index in 1..<count {
            if !sameKey(entries[kept], entries[index]) { kept += 1 }
            entries[kept] = entries[index]
        }
        let dropped = count - kept - 1
        count = kept + 1
        entryBuffer.count = count * MemoryLayout<Entry>.stride
        return dropped
    }

    @inline(__always)
    private func sameKey(_ left: Entry, _ right: Entry) -> Bool {
        left.prefix == right.prefix && left.keyLength == right.keyLength
            && memcmp(arena.base + left.keyOffset, arena.base + right.keyOffset, left.keyLength) == 0
    }

    /// The position of a key among the sorted rows, looked for near `hint` first: a table that an import filled is
    /// read back in key order.
    @inline(__always)
    func find(_ key: UnsafeRawBufferPointer, hint: Int) -> Int? {
        if hint < count, matches(hint, key) { return hint }
        return search(key)
    }

    @inline(__always)
    private func matches(_ index: Int, _ key: UnsafeRawBufferPointer) -> Bool {
        let entry = entries[index]
        return entry.keyLength == key.count && memcmp(arena.base + entry.keyOffset, key.baseAddress!, key.count) == 0
    }

    private func search(_ key: UnsafeRawBufferPointer) -> Int? {
        guard count > 0, key.count >= commonPrefix,
            memcmp(arena.base + entries[0].keyOffset, key.baseAddress!, commonPrefix) == 0
        else { return nil }
        var padded: (UInt64) = 0
        let rest = min(key.count - commonPrefix, 8)
        for index in 0..<rest { padded |= UInt64(key[commonPrefix + index]) << UInt64(56 - 8 * index) }
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isLess(entries[middle], padded, key) { low = middle + 1 } else { high = middle }
        }
        return low < count && matches(low, key) ? low : nil
    }

    @inline(__always)
    private func isLess(_ entry: Entry, _ prefix: UInt64, _ key: UnsafeRawBufferPointer) -> Bool {
        if entry.prefix != prefix { return entry.prefix < prefix }
        let order = memcmp(arena.base + entry.keyOffset, key.baseAddress!, min(entry.keyLength, key.count))
        return order != 0 ? order < 0 : entry.keyLength < key.count
    }
}
