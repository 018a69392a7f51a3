import Glibc

/// Makes records UTF-8, and says which cannot be.
///
/// Without a byte order mark a file counts as UTF-8 for as long as that holds. The first record that is not UTF-8 has
/// the whole file looked at once (`EncodingCensus`); all that was handed out before is ASCII or proves UTF-8.
struct RecordText: ~Copyable {
    private(set) var encoding: CSVEncoding
    private var isEncodingFinal: Bool
    private let file: FileBytes
    /// The UTF-8 form of a record in Windows-1252.
    private var scratch = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    init(file: FileBytes, encoding: CSVEncoding) {
        self.file = file
        self.encoding = encoding
        self.isEncodingFinal = encoding != .utf8
    }

    deinit { scratch.deallocate() }

    /// - Parameter fields: fields of `bytes`; changed to fields of the bytes returned if those are others.
    /// - Returns: the record's text, valid until the next call, and what is wrong with it: `.nulByte` or `.badEncoding`.
    @inline(__always)
    mutating func read(
        _ bytes: UnsafeRawBufferPointer, fields: UnsafeMutableBufferPointer<CSVField>
    ) throws(InputError) -> (bytes: UnsafeRawBufferPointer, problem: CSVProblem?) {
        guard let base = bytes.baseAddress, !ByteScan.isPlain(base, count: bytes.count) else { return (bytes, nil) }
        return try readSpecial(bytes, base, fields)
    }

    @inline(never)
    private mutating func readSpecial(
        _ bytes: UnsafeRawBufferPointer, _ base: UnsafeRawPointer, _ fields: UnsafeMutableBufferPointer<CSVField>
    ) throws(InputError) -> (bytes: UnsafeRawBufferPointer, problem: CSVProblem?) {
        let nulProblem: CSVProblem? = memchr(base, 0, bytes.count) == nil ? nil : .nulByte
        guard ByteScan.asciiPrefix(base, from: 0, count: bytes.count) < bytes.count else { return (bytes, nulProblem) }
        if encoding != .windows1252 {
            let isValid = UTF8Check.isValid(bytes)
            try settleEncoding(isValid: isValid)
            if encoding != .windows1252 { return (bytes, nulProblem ?? (isValid ? nil : .badEncoding)) }
        }
        guard nulProblem == nil, Windows1252.isValid(bytes) else { return (bytes, nulProblem ?? .badEncoding) }
        return (transcode(bytes, fields), nil)
    }

    private mutating func settleEncoding(isValid: Bool) throws(InputError) {
        guard !isEncodingFinal else { return }
        if !isValid, try !EncodingCensus.holdsMultiByteSequence(file.descriptor, size: file.size) {
            encoding = .windows1252
        }
        isEncodingFinal = true
    }

    private mutating func transcode(
        _ bytes: UnsafeRawBufferPointer, _ fields: UnsafeMutableBufferPointer<CSVField>
    ) -> UnsafeRawBufferPointer {
        reserve(Windows1252.longestCharacter * bytes.count)
        guard let target = scratch.baseAddress else { return bytes }
        var read = 0
        var written = 0
        func transcode(upTo end: UInt32) -> UInt32 {
            let part = UnsafeRawBufferPointer(rebasing: bytes[read..<Int(end)])
            written += Windows1252.transcode(part, to: target + written)
            read = Int(end)
            return UInt32(written)
        }
        for index in fields.indices {
            fields[index].start = transcode(upTo: fields[index].start)
            fields[index].end = transcode(upTo: fields[index].end)
        }
        _ = transcode(upTo: UInt32(bytes.count))
        return UnsafeRawBufferPointer(start: target, count: written)
    }

    private mutating func reserve(_ count: Int) {
        guard scratch.count < count else { return }
        scratch.deallocate()
        scratch = .allocate(byteCount: max(count, 4096), alignment: 16)
    }
}
