internal import Glibc

/// The rows of one import by key: `lower(sku)` as the database computes it, compared by its bytes.
///
/// 32 bytes a row beside the key itself. Rows are added in file order, `sortAndDeduplicate` puts them into key order
/// and keeps the last of each key, and `find` then looks keys up.
struct KeyTable: ~Copyable {
    /// An accepted row, as it comes from the parser.
    struct Row {
        let location: RowStore.Location
        let length: Int
        /// Its place in the file, which is its line: of rows with the same key the last one wins.
        let sequence: Int
        let activeIsBlank: Bool
    }

    /// Where a row is and what became of it, in 32 bytes.
    struct Entry {
        /// The first eight bytes of the key behind the prefix common to all keys, big-endian, padded with zeros (no
        /// key holds a NUL), so that comparing integers compares keys.
        var prefix: UInt64
        /// Offset in the arena (48 bits), length (16 bits).
        fileprivate var keyBits: UInt64
        /// Location in the row store (61 bits), `activeIsBlank` (1 bit), `fate` (2 bits).
        fileprivate var rowBits: UInt64
        fileprivate var length: UInt32
        fileprivate(set) var sequence: UInt32

        var keyOffset: Int { Int(keyBits >> 16) }
        var keyLength: Int { Int(keyBits & 0xFFFF) }
        var rowLocation: RowStore.Location { Int(rowBits >> 3) }
        var rowLength: Int { Int(length) }
        var activeIsBlank: Bool { rowBits & 4 != 0 }

        var fate: Fate {
            get { Fate(rawValue: UInt8(truncatingIfNeeded: rowBits & 3))! }
            set { rowBits = rowBits & ~3 | UInt64(newValue.rawValue) }
        }
    }

    /// How a row met the catalogue.
    enum Fate: UInt8 {
        case new, unchanged, changed
    }

    private var entryBuffer = RawBuffer(capacity: 4096 * MemoryLayout<Entry>.stride)
    private var arena = RawBuffer(capacity: 64 << 10)
    private(set) var count = 0
    /// Rows in key order and without duplicates, from the start of `entries`.
    private(set) var sortedCount = 0
    private(set) var isSorted = false
    private var nextUnsorted = 0
    private var repeated = RepeatedKeys()
    private var rangeEnds: ArraySlice<Int> = []
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
    mutating func addFolding(_ sku: UnsafeRawBufferPointer, _ row: Row) -> Bool {
        arena.reserve(sku.count + 8)
        guard foldASCII(sku, to: arena.base + arena.count) else { return false }
        addEntry(length: sku.count, row)
        return true
    }

    /// Adds a row by its key as the database folded it.
    mutating func add(key: UnsafeRawBufferPointer, _ row: Row) {
        arena.reserve(key.count + 8)
        memcpy(arena.base + arena.count, key.baseAddress!, key.count)
        addEntry(length: key.count, row)
    }

    @inline(__always)
    private mutating func addEntry(length: Int, _ row: Row) {
        entryBuffer.reserve(MemoryLayout<Entry>.stride)
        let rowBits = UInt64(row.location) << 3 | (row.activeIsBlank ? 4 : 0)
        let entry = Entry(
            prefix: 0, keyBits: UInt64(arena.count) << 16 | UInt64(length), rowBits: rowBits,
            length: UInt32(row.length), sequence: UInt32(truncatingIfNeeded: row.sequence))
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

    /// The keys that the file has most often. Known once all rows are sorted.
    var repeatedSKUs: [ImportFacts.RepeatedSKU] { repeated.facts { key($0) } }

    // MARK: Sorting

    /// Puts the rows into key order and keeps, of rows with the same key, the one that came last in the file.
    ///
    /// - Returns: how many rows were dropped as duplicates.
    mutating func sortAndDeduplicate() -> Int {
        let before = count
        distribute()
        while sortNext() {}
        return before - count
    }

    /// The first step of sorting: spreads the rows over ranges of keys, which `sortNext` then puts in order one by one,
    /// so that the first rows can be on their way while the rest is still to be sorted.
    mutating func distribute() {
        sortedCount = 0
        nextUnsorted = 0
        let entries = entries
        for index in entries.indices { entries[index].prefix = prefix(of: entries[index], at: commonPrefix) }
        rangeEnds = KeySort(entries: entries, arena: arena.base, depth: commonPrefix).distribute()[...]
    }

    /// Sorts and deduplicates the next range of keys behind the `sortedCount` rows that are done.
    ///
    /// - Returns: false when all rows were done; then `count` is the number of distinct keys.
    mutating func sortNext() -> Bool {
        guard let end = rangeEnds.popFirst() else {
            isSorted = true
            count = sortedCount
            entryBuffer.count = count * MemoryLayout<Entry>.stride
            return false
        }
        let entries = entries
        KeySort(entries: entries, arena: arena.base, depth: commonPrefix).sortRange(nextUnsorted, end)
        let first = sortedCount
        for index in nextUnsorted..<end {
            // Equal keys are in file order here: each replaces the one before.
            if sortedCount > first, sameKey(entries[sortedCount - 1], entries[index]) {
                sortedCount -= 1
                repeated.replaced(entries[sortedCount], by: entries[index])
            }
            entries[sortedCount] = entries[index]
            sortedCount += 1
        }
        nextUnsorted = end
        return true
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

/// `A`–`Z` as `a`–`z`, all other bytes as they are.
@inline(__always)
func foldedASCII(_ byte: UInt8) -> UInt8 { byte | (byte &- 0x41 < 26 ? 0x20 : 0) }

/// Writes the folded form of a SKU to memory with room for as many bytes.
///
/// - Returns: false when it is not pure ASCII: what was written is of no use then.
@inline(__always)
func foldASCII(_ sku: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) -> Bool {
    var all: UInt64 = 0
    var index = 0
    while index + 8 <= sku.count {
        let word = sku.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        all |= word
        target.storeBytes(of: foldedASCII(word), toByteOffset: index, as: UInt64.self)
        index += 8
    }
    while index < sku.count {
        all |= UInt64(sku[index])
        target.storeBytes(of: foldedASCII(sku[index]), toByteOffset: index, as: UInt8.self)
        index += 1
    }
    return all & 0x8080_8080_8080_8080 == 0
}

/// `foldedASCII` of eight bytes at once: in each, bit 7 of the sums tells whether it is at least `A`, and more than `Z`.
@inline(__always)
func foldedASCII(_ word: UInt64) -> UInt64 {
    let low = word & 0x7F7F_7F7F_7F7F_7F7F
    let fromA = low &+ 0x3F3F_3F3F_3F3F_3F3F
    let aboveZ = low &+ 0x2525_2525_2525_2525
    return word | ((fromA ^ aboveZ) & ~word & 0x8080_8080_8080_8080) >> 2
}
