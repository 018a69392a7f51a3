/// Passes over bytes that take many of them at a time. All of them are pure functions of the bytes they are given and
/// read nothing outside `0..<count`.
///
/// To the next maintainer: the eight-byte tests rest on `zeroBytes`, the classic of "Bit Twiddling Hacks" (Sean Eron
/// Anderson). Its lowest set bit is exact; bits above that one may be false, so only the lowest may be used. Sixteen
/// bytes at a time would find long fields' ends faster, but half of all fields are shorter than that.
enum ByteScan {
    @inline(__always) private static var ones: UInt64 { 0x0101_0101_0101_0101 }
    @inline(__always) private static var highBits: UInt64 { 0x8080_8080_8080_8080 }

    /// The byte in all eight places of a word.
    @inline(__always)
    static func pattern(_ byte: UInt8) -> UInt64 { UInt64(byte) &* ones }

    /// High bits at the zero bytes of the word; exact up to and including the lowest one.
    @inline(__always)
    private static func zeroBytes(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & highBits }

    @inline(__always)
    private static func word(_ base: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @inline(__always)
    private static func block(_ base: UnsafeRawPointer, _ offset: Int) -> SIMD16<UInt8> {
        base.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self)
    }

    /// The offset, at or after `start`, of the first delimiter, LF or CR; `count` if there is none.
    @inline(__always)
    static func endOfUnquoted(
        _ base: UnsafeRawPointer, from start: Int, count: Int, delimiter: UInt64
    ) -> Int {
        var offset = start
        while offset &+ 8 <= count {
            let bytes = word(base, offset)
            let hits =
                zeroBytes(bytes ^ delimiter) | zeroBytes(bytes ^ pattern(ASCII.lineFeed))
                | zeroBytes(bytes ^ pattern(ASCII.carriageReturn))
            if hits != 0 { return offset &+ hits.trailingZeroBitCount &>> 3 }
            offset &+= 8
        }
        while offset < count {
            let byte = base.load(fromByteOffset: offset, as: UInt8.self)
            if ASCII.isLineEnd(byte) || byte == UInt8(truncatingIfNeeded: delimiter) { return offset }
            offset &+= 1
        }
        return count
    }

    /// Physical lines that end in these bytes: at a LF, a CRLF, or a CR that no LF follows.
    ///
    /// - Parameter endsInCarriageReturn: in, whether the bytes before these ended in a CR, which has been counted;
    ///   out, whether these do.
    @inline(__always)
    static func lineEnds(_ base: UnsafeRawPointer, count: Int, endsInCarriageReturn: inout Bool) -> Int {
        guard count > 0 else { return 0 }
        let followsCarriageReturn = endsInCarriageReturn && base.load(as: UInt8.self) == ASCII.lineFeed
        let last = base.load(fromByteOffset: count &- 1, as: UInt8.self)
        endsInCarriageReturn = last == ASCII.carriageReturn
        return lineEndsBeforeLast(base, count: count) &+ (ASCII.isLineEnd(last) ? 1 : 0)
            &- (followsCarriageReturn ? 1 : 0)
    }

    /// The line ends among all bytes but the last; each is judged with the byte after it.
    @inline(__always)
    private static func lineEndsBeforeLast(_ base: UnsafeRawPointer, count: Int) -> Int {
        let lineFeeds = SIMD16<UInt8>(repeating: ASCII.lineFeed)
        let carriageReturns = SIMD16<UInt8>(repeating: ASCII.carriageReturn)
        let one = SIMD16<UInt8>(repeating: 1)
        let none = SIMD16<UInt8>()
        var lines = 0
        var offset = 0
        while offset &+ 17 <= count {
            // A lane counts to 255 at most, so the sums are taken out in time.
            var sums = SIMD16<UInt8>()
            var rounds = 0
            while offset &+ 17 <= count, rounds < 255 {
                let here = block(base, offset)
                let lone = (here .== carriageReturns) .& (block(base, offset &+ 1) .!= lineFeeds)
                let ends = lone .| (here .== lineFeeds)
                sums &+= none.replacing(with: one, where: ends)
                offset &+= 16
                rounds &+= 1
            }
            lines &+= total(sums)
        }
        while offset &+ 1 < count {
            let here = base.load(fromByteOffset: offset, as: UInt8.self)
            let next = base.load(fromByteOffset: offset &+ 1, as: UInt8.self)
            let ends = here == ASCII.lineFeed || (here == ASCII.carriageReturn && next != ASCII.lineFeed)
            lines &+= ends ? 1 : 0
            offset &+= 1
        }
        return lines
    }

    /// The sum of the lanes, taken in words: the library's own widening is not inlined.
    @inline(__always)
    private static func total(_ lanes: SIMD16<UInt8>) -> Int {
        let words = unsafeBitCast(lanes, to: SIMD2<UInt64>.self)
        let even = SIMD2<UInt64>(repeating: 0x00FF_00FF_00FF_00FF)
        let pairs = (words & even) &+ ((words &>> 8) & even)
        let sums = (pairs[0] &+ pairs[1]) &* 0x0001_0001_0001_0001
        return Int(sums &>> 48)
    }

    /// Whether every byte is ASCII and none is NUL: true of nearly every record, which then needs no other check.
    @inline(__always)
    static func isPlain(_ base: UnsafeRawPointer, count: Int) -> Bool {
        // An ASCII byte less one has its high bit set only if it was NUL (or the borrow of a NUL below it came by).
        var suspects = SIMD2<UInt64>()
        let ones = SIMD2<UInt64>(repeating: ones)
        var offset = 0
        while offset &+ 16 <= count {
            let bytes = base.loadUnaligned(fromByteOffset: offset, as: SIMD2<UInt64>.self)
            suspects |= bytes | (bytes &- ones)
            offset &+= 16
        }
        var rest: UInt64 = 0
        while offset < count {
            let byte = UInt64(base.load(fromByteOffset: offset, as: UInt8.self))
            rest |= byte | (byte &- 1)
            offset &+= 1
        }
        return (suspects[0] | suspects[1] | (rest & 0x80)) & highBits == 0
    }

    /// The number of ASCII bytes from `start` on.
    @inline(__always)
    static func asciiPrefix(_ base: UnsafeRawPointer, from start: Int, count: Int) -> Int {
        var offset = start
        while offset &+ 8 <= count {
            let high = word(base, offset) & highBits
            if high != 0 { return offset &+ high.trailingZeroBitCount &>> 3 &- start }
            offset &+= 8
        }
        while offset < count, base.load(fromByteOffset: offset, as: UInt8.self) < 0x80 { offset &+= 1 }
        return offset &- start
    }

    /// Whether all bytes are spaces or tabs; true of none at all.
    @inline(__always)
    static func isBlank(_ base: UnsafeRawPointer, _ range: Range<Int>) -> Bool {
        var offset = range.lowerBound
        while offset < range.upperBound {
            guard ASCII.isBlank(base.load(fromByteOffset: offset, as: UInt8.self)) else { return false }
            offset &+= 1
        }
        return true
    }
}
