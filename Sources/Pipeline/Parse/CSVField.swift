import Glibc

/// Where one field's content lies in its record's bytes.
///
/// Offsets count bytes from the record's first byte. The outer quotes of a quoted field are outside `start..<end`;
/// doubled quotes inside are still doubled, which `hasEscapedQuotes` tells. In a badly quoted record the field at
/// fault is given as it stands, quotes included.
package struct CSVField: Equatable, Sendable {
    package var start: UInt32
    package var end: UInt32
    package var hasEscapedQuotes: Bool

    package init(start: UInt32, end: UInt32, hasEscapedQuotes: Bool) {
        self.start = start
        self.end = end
        self.hasEscapedQuotes = hasEscapedQuotes
    }

    /// Bytes between `start` and `end`: the content's length, or its upper limit if it has escaped quotes.
    @inline(__always)
    package var count: Int { Int(end &- start) }
}

extension CSVField {
    /// The content as it stands in the record's bytes.
    @inline(__always)
    func rawBytes(in record: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: record[Int(start)..<Int(end)])
    }

    /// Copies the content, doubled quotes made single, to memory with room for `count` bytes.
    ///
    /// - Returns: the number of bytes written.
    @inline(__always)
    func copy(from record: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) -> Int {
        let raw = rawBytes(in: record)
        guard let base = raw.baseAddress else { return 0 }
        if hasEscapedQuotes { return Self.unescape(base, count: raw.count, to: target) }
        target.copyMemory(from: base, byteCount: raw.count)
        return raw.count
    }

    /// The content; undecodable bytes become U+FFFD.
    func string(in record: UnsafeRawBufferPointer) -> String {
        guard hasEscapedQuotes else { return String(decoding: rawBytes(in: record), as: UTF8.self) }
        let content = [UInt8](unsafeUninitializedCapacity: count) { buffer, count in
            count = buffer.baseAddress.map { copy(from: record, to: UnsafeMutableRawPointer($0)) } ?? 0
        }
        return String(decoding: content, as: UTF8.self)
    }

    /// Copies run by run, dropping the second quote of each pair. The parser has made sure that they are pairs.
    private static func unescape(_ base: UnsafeRawPointer, count: Int, to target: UnsafeMutableRawPointer) -> Int {
        var read = 0
        var written = 0
        while read < count {
            let quote = memchr(base + read, CInt(ASCII.quote), count - read)
            let runEnd = quote.map { UnsafeRawPointer($0) - base + 1 } ?? count
            (target + written).copyMemory(from: base + read, byteCount: runEnd - read)
            written += runEnd - read
            read = quote == nil ? runEnd : runEnd + 1
        }
        return written
    }
}
