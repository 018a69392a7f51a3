enum UTF8Writer {
    /// Writes a code point. Surrogates get their three-byte form, which no strict check accepts.
    ///
    /// - Returns: the number of bytes written, 1 to 4.
    @inline(__always)
    static func write(_ point: UInt32, to target: UnsafeMutableRawPointer) -> Int {
        if point < 0x80 {
            store(point, target)
            return 1
        }
        if point < 0x800 {
            store(0xC0 | point &>> 6, target)
            store(continuation(point), target + 1)
            return 2
        }
        if point < 0x1_0000 {
            store(0xE0 | point &>> 12, target)
            store(continuation(point &>> 6), target + 1)
            store(continuation(point), target + 2)
            return 3
        }
        store(0xF0 | point &>> 18, target)
        store(continuation(point &>> 12), target + 1)
        store(continuation(point &>> 6), target + 2)
        store(continuation(point), target + 3)
        return 4
    }

    @inline(__always)
    private static func continuation(_ bits: UInt32) -> UInt32 { 0x80 | bits & 0x3F }

    @inline(__always)
    private static func store(_ byte: UInt32, _ target: UnsafeMutableRawPointer) {
        target.storeBytes(of: UInt8(truncatingIfNeeded: byte), as: UInt8.self)
    }
}
