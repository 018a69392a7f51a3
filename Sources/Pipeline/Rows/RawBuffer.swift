internal import Glibc

/// Growing memory without initialisation. glibc grows large blocks by moving pages (`mremap`), so that growth costs
/// neither a copy nor twice the memory, as an Array's would.
struct RawBuffer: ~Copyable {
    private(set) var base: UnsafeMutableRawPointer
    private(set) var capacity: Int
    var count = 0

    init(capacity: Int) {
        self.capacity = max(capacity, 64)
        self.base = malloc(self.capacity)!
    }

    deinit { free(base) }

    /// Makes room for `extra` bytes behind `count`.
    @inline(__always)
    mutating func reserve(_ extra: Int) {
        if count + extra > capacity { grow(to: count + extra) }
    }

    @inline(never)
    private mutating func grow(to needed: Int) {
        capacity = max(needed, capacity + capacity / 2)
        base = realloc(base, capacity)!
    }

    /// Gives memory back; what lies behind `size` is lost.
    mutating func shrink(to size: Int) {
        capacity = max(size, 64)
        count = min(count, capacity)
        base = realloc(base, capacity)!
    }

    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        reserve(bytes.count)
        memcpy(base + count, source, bytes.count)
        count += bytes.count
    }

    @inline(__always)
    mutating func append(bigEndian value: some FixedWidthInteger) {
        let size = value.bitWidth / 8
        reserve(size)
        base.storeBytes(of: value.bigEndian, toByteOffset: count, as: type(of: value))
        count += size
    }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }
}
