/// Strict UTF-8 (Unicode 16, table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF.
enum UTF8Check {
    /// The length of the valid multi-byte sequence that begins at `offset`: 2, 3 or 4; 0 if none does.
    @inline(__always)
    static func sequenceLength(_ base: UnsafeRawPointer, at offset: Int, count: Int) -> Int {
        let lead = base.load(fromByteOffset: offset, as: UInt8.self)
        let available = count &- offset
        switch lead {
        case 0xC2...0xDF:
            return available >= 2 && isContinuation(base, offset &+ 1) ? 2 : 0
        case 0xE0...0xEF:
            guard available >= 3, isContinuation(base, offset &+ 2) else { return 0 }
            let lowest: UInt8 = lead == 0xE0 ? 0xA0 : 0x80
            let highest: UInt8 = lead == 0xED ? 0x9F : 0xBF
            let second = base.load(fromByteOffset: offset &+ 1, as: UInt8.self)
            return second >= lowest && second <= highest ? 3 : 0
        case 0xF0...0xF4:
            guard available >= 4, isContinuation(base, offset &+ 2), isContinuation(base, offset &+ 3) else { return 0 }
            let lowest: UInt8 = lead == 0xF0 ? 0x90 : 0x80
            let highest: UInt8 = lead == 0xF4 ? 0x8F : 0xBF
            let second = base.load(fromByteOffset: offset &+ 1, as: UInt8.self)
            return second >= lowest && second <= highest ? 4 : 0
        default:
            return 0
        }
    }

    @inline(__always)
    private static func isContinuation(_ base: UnsafeRawPointer, _ offset: Int) -> Bool {
        base.load(fromByteOffset: offset, as: UInt8.self) & 0xC0 == 0x80
    }

    static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        let count = bytes.count
        var offset = 0
        while offset < count {
            if base.load(fromByteOffset: offset, as: UInt8.self) < 0x80 {
                offset &+= ByteScan.asciiPrefix(base, from: offset, count: count)
                continue
            }
            let length = sequenceLength(base, at: offset, count: count)
            guard length > 0 else { return false }
            offset &+= length
        }
        return true
    }

    /// Whether any valid multi-byte sequence is in the bytes.
    static func holdsMultiByteSequence(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return false }
        let count = bytes.count
        var offset = 0
        while offset < count {
            offset &+= ByteScan.asciiPrefix(base, from: offset, count: count)
            guard offset < count else { return false }
            if sequenceLength(base, at: offset, count: count) > 0 { return true }
            offset &+= 1
        }
        return false
    }
}
