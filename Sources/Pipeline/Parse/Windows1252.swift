/// Windows-1252 as Microsoft's best-fit table has it, without the five bytes that it leaves undefined.
enum Windows1252 {
    /// A byte becomes at most this many bytes of UTF-8.
    static let longestCharacter = 3

    /// The characters of 0x80 to 0x9F; 0 where there is none. From 0xA0 on they are those of Latin-1.
    private static let specials: [UInt16] = [
        0x20AC, 0x0000, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
        0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x0000, 0x017D, 0x0000,
        0x0000, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
        0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x0000, 0x017E, 0x0178,
    ]

    /// The undefined bytes, as bits counted from 0x80.
    private static let undefined: UInt32 = 1 << 0x01 | 1 << 0x0D | 1 << 0x0F | 1 << 0x10 | 1 << 0x1D

    static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        for byte in bytes where byte & 0xE0 == 0x80 && undefined &>> UInt32(byte & 0x1F) & 1 == 1 { return false }
        return true
    }

    /// The character of a byte; U+FFFD where there is none.
    static func scalar(_ byte: UInt8) -> Unicode.Scalar {
        guard (0x80..<0xA0).contains(byte) else { return Unicode.Scalar(byte) }
        let special = specials[Int(byte - 0x80)]
        return special == 0 ? "\u{FFFD}" : Unicode.Scalar(special) ?? "\u{FFFD}"
    }

    /// Writes the bytes as UTF-8; undefined ones must not be among them.
    ///
    /// - Returns: the number of bytes written, at most `longestCharacter` times as many.
    static func transcode(_ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        return specials.withUnsafeBufferPointer { specials in
            var read = 0
            var written = 0
            while read < bytes.count {
                let plain = ByteScan.asciiPrefix(base, from: read, count: bytes.count)
                (target + written).copyMemory(from: base + read, byteCount: plain)
                read += plain
                written += plain
                guard read < bytes.count else { break }
                let byte = bytes[read]
                let character = byte < 0xA0 ? specials[Int(byte - 0x80)] : UInt16(byte)
                written += UTF8Writer.write(UInt32(character), to: target + written)
                read += 1
            }
            return written
        }
    }
}
