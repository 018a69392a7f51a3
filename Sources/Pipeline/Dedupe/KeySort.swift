internal import Glibc

/// Sorts entries by key, then by position in the file: a most-significant-byte radix sort in place over the cached
/// eight-byte prefixes.
///
/// A note to the next maintainer: a comparison sort of 500,000 keys spends its time on cache misses in the arena. Here
/// the arena is only touched when a bucket's eight bytes are used up: then the next eight are loaded into the entries,
/// the bucket is sorted by them, and the prefixes of before are put back, since deduplication and look-ups need them.
struct KeySort {
    typealias Entry = KeyTable.Entry

    let entries: UnsafeMutableBufferPointer<Entry>
    let arena: UnsafeMutableRawPointer
    /// Where in the keys the prefixes begin.
    let depth: Int

    private static let smallBucket = 24

    /// Spreads all entries over 256 ranges by the first byte of their prefixes.
    ///
    /// - Returns: the ends of the ranges that hold any, in order.
    func distribute() -> [Int] {
        var ends = [Int](repeating: 0, count: 256)
        var heads = ends
        ends.withUnsafeMutableBufferPointer { ends in
            heads.withUnsafeMutableBufferPointer { heads in spread(0, entries.count, heads, ends, 56) }
        }
        return ends.enumerated().filter { $0.element > ($0.offset == 0 ? 0 : ends[$0.offset - 1]) }.map(\.element)
    }

    /// Sorts one of the ranges that `distribute` made.
    func sortRange(_ start: Int, _ end: Int) { sort(start, end, byte: 1, depth: depth) }

    /// Sorts `entries[start..<end]`, which agree in the first `byte` bytes of their prefixes.
    private func sort(_ start: Int, _ end: Int, byte: Int, depth: Int) {
        if end - start <= KeySort.smallBucket { return insertionSort(start, end, depth: depth) }
        if byte == 8 { return sortDeeper(start, end, depth: depth) }
        let shift = UInt64(56 - 8 * byte)
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 512) { bounds in
            let ends = UnsafeMutableBufferPointer(rebasing: bounds[0..<256])
            let heads = UnsafeMutableBufferPointer(rebasing: bounds[256..<512])
            ends.initialize(repeating: 0)
            spread(start, end, heads, ends, shift)
            var low = start
            for value in 0..<256 {
                if ends[value] - low > 1 { sort(low, ends[value], byte: byte + 1, depth: depth) }
                low = ends[value]
            }
        }
    }

    @inline(__always)
    private func digit(_ entry: Entry, _ shift: UInt64) -> Int { Int(entry.prefix >> shift & 0xFF) }

    /// Counts the digits of `entries[start..<end]` and moves each entry into its bucket; `ends` must be zero before,
    /// and holds the buckets' ends afterwards.
    @inline(__always)
    private func spread(
        _ start: Int, _ end: Int, _ heads: UnsafeMutableBufferPointer<Int>, _ ends: UnsafeMutableBufferPointer<Int>,
        _ shift: UInt64
    ) {
        for index in start..<end { ends[digit(entries[index], shift)] += 1 }
        var total = start
        for value in 0..<256 {
            heads[value] = total
            total += ends[value]
            ends[value] = total
        }
        permute(heads, ends, shift)
    }

    /// Moves each entry into its bucket ("American flag": cycles of swaps, no second array).
    @inline(__always)
    private func permute(
        _ heads: UnsafeMutableBufferPointer<Int>, _ ends: UnsafeMutableBufferPointer<Int>, _ shift: UInt64
    ) {
        for value in 0..<256 {
            while heads[value] < ends[value] {
                var entry = entries[heads[value]]
                var target = digit(entry, shift)
                while target != value {
                    swap(&entry, &entries[heads[target]])
                    heads[target] += 1
                    target = digit(entry, shift)
                }
                entries[heads[value]] = entry
                heads[value] += 1
            }
        }
    }

    private func sortDeeper(_ start: Int, _ end: Int, depth: Int) {
        let shared = entries[start].prefix
        var longest = 0
        for index in start..<end { longest = max(longest, entries[index].keyLength) }
        if longest <= depth + 8 {
            // All of these keys are the same: what is left is their order in the file.
            return sortByRow(start, end)
        }
        for index in start..<end { entries[index].prefix = loadPrefix(entries[index], depth + 8) }
        sort(start, end, byte: 0, depth: depth + 8)
        for index in start..<end { entries[index].prefix = shared }
    }

    /// Rows of one key: only the last of them will be kept.
    private func sortByRow(_ start: Int, _ end: Int) {
        var bucket = UnsafeMutableBufferPointer(rebasing: entries[start..<end])
        bucket.sort { $0.sequence < $1.sequence }
    }

    private func insertionSort(_ start: Int, _ end: Int, depth: Int) {
        guard end - start > 1 else { return }
        for index in (start + 1)..<end {
            let entry = entries[index]
            var hole = index
            while hole > start, isOrdered(entry, before: entries[hole - 1], depth) {
                entries[hole] = entries[hole - 1]
                hole -= 1
            }
            entries[hole] = entry
        }
    }

    @inline(__always)
    private func isOrdered(_ left: Entry, before right: Entry, _ depth: Int) -> Bool {
        if left.prefix != right.prefix { return left.prefix < right.prefix }
        let (leftRest, rightRest) = (left.keyLength - depth, right.keyLength - depth)
        if leftRest > 8 || rightRest > 8 {
            let order = memcmp(
                arena + left.keyOffset + depth, arena + right.keyOffset + depth, max(0, min(leftRest, rightRest)))
            if order != 0 { return order < 0 }
            if leftRest != rightRest { return leftRest < rightRest }
        }
        return left.sequence < right.sequence
    }

    @inline(__always)
    private func loadPrefix(_ entry: Entry, _ depth: Int) -> UInt64 {
        let rest = entry.keyLength - depth
        guard rest > 0 else { return 0 }
        let word = UInt64(
            bigEndian: UnsafeRawPointer(arena).loadUnaligned(fromByteOffset: entry.keyOffset + depth, as: UInt64.self))
        return rest >= 8 ? word : word & (UInt64.max << UInt64(64 - 8 * rest))
    }
}
