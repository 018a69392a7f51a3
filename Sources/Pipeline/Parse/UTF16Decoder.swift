/// Turns UTF-16, in pieces of any length, into UTF-8 of which every byte's place in the original can be told.
///
/// What cannot be decoded becomes bytes that no UTF-8 check accepts, so that it costs its record and not the file: a
/// lone surrogate its three-byte form, an odd last byte 0xFF. Hence one UTF-16 unit (2 bytes) for each byte that is
/// not a continuation, a second one for each four-byte lead, and 1 byte for 0xFF: see `sourceBytes`.
struct UTF16Decoder {
    private let isBigEndian: Bool
    private var oddByte: UInt8?
    private var highSurrogate: UInt32?

    init(isBigEndian: Bool) { self.isBigEndian = isBigEndian }

    /// Bytes of UTF-8 that `decode` writes at most for `count` bytes of UTF-16 (and what it holds back).
    static func longestOutput(for count: Int) -> Int { 3 * (count / 2 + 2) }

    /// - Returns: the number of bytes written to `target`, at most `longestOutput`.
    mutating func decode(_ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) -> Int {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return 0 }
        var written = 0
        var offset = 0
        if let first = oddByte {
            oddByte = nil
            written += decode(unit(first, bytes[0]), to: target)
            offset = 1
        }
        while offset + 1 < bytes.count {
            if highSurrogate == nil {
                let units = copyASCII(base, from: offset, count: bytes.count, to: target + written)
                offset += 2 * units
                written += units
            }
            guard offset + 1 < bytes.count else { break }
            written += decode(unit(bytes[offset], bytes[offset + 1]), to: target + written)
            offset += 2
        }
        if offset < bytes.count { oddByte = bytes[offset] }
        return written
    }

    /// Ends the input: writes at most 4 bytes for what was held back.
    mutating func finish(to target: UnsafeMutableRawPointer) -> Int {
        var written = 0
        if let high = highSurrogate { written += UTF8Writer.write(high, to: target) }
        if oddByte != nil {
            (target + written).storeBytes(of: 0xFF, as: UInt8.self)
            written += 1
        }
        highSurrogate = nil
        oddByte = nil
        return written
    }

    /// The number of bytes of UTF-16 that the decoder made these bytes from.
    static func sourceBytes(of bytes: UnsafeRawBufferPointer) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        let plain = ByteScan.asciiPrefix(base, from: 0, count: bytes.count)
        var count = 2 * plain
        for offset in plain..<bytes.count {
            let byte = base.load(fromByteOffset: offset, as: UInt8.self)
            count &+= byte & 0xC0 != 0x80 ? 2 : 0
            count &+= byte >= 0xF0 ? (byte == 0xFF ? -1 : 2) : 0
        }
        return count
    }

    private func unit(_ first: UInt8, _ second: UInt8) -> UInt32 {
        isBigEndian ? UInt32(first) << 8 | UInt32(second) : UInt32(second) << 8 | UInt32(first)
    }

    private mutating func decode(_ unit: UInt32, to target: UnsafeMutableRawPointer) -> Int {
        let isLow = unit & 0xFC00 == 0xDC00
        if let high = highSurrogate, isLow {
            highSurrogate = nil
            return UTF8Writer.write(0x1_0000 + (high & 0x3FF) << 10 + unit & 0x3FF, to: target)
        }
        var written = 0
        if let high = highSurrogate {
            highSurrogate = nil
            written = UTF8Writer.write(high, to: target)
        }
        if unit & 0xFC00 == 0xD800 {
            highSurrogate = unit
            return written
        }
        return written + UTF8Writer.write(unit, to: target + written)
    }

    /// Copies ASCII four units at a time.
    ///
    /// - Returns: the number of units copied.
    private func copyASCII(
        _ base: UnsafeRawPointer, from start: Int, count: Int, to target: UnsafeMutableRawPointer
    ) -> Int {
        var units = 0
        while start + 2 * units + 8 <= count {
            let raw = base.loadUnaligned(fromByteOffset: start + 2 * units, as: UInt64.self)
            var four = UInt64(littleEndian: raw)
            if isBigEndian { four = (four &>> 8) & 0x00FF_00FF_00FF_00FF | (four & 0x00FF_00FF_00FF_00FF) &<< 8 }
            guard four & 0xFF80_FF80_FF80_FF80 == 0 else { break }
            let pairs = four | four &>> 8
            let packed = UInt32(truncatingIfNeeded: pairs & 0xFFFF | (pairs &>> 16) & 0xFFFF_0000)
            target.storeBytes(of: packed.littleEndian, toByteOffset: units, as: UInt32.self)
            units += 4
        }
        return units
    }
}
