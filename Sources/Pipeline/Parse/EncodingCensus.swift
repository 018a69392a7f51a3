/// Settles whether a file that is not all UTF-8 is meant as UTF-8 or as Windows-1252.
///
/// The rule: with any valid multi-byte UTF-8 sequence it is UTF-8 with damaged records, with none it is Windows-1252.
/// Text in Windows-1252 forms such a sequence only by a rare accident.
enum EncodingCensus {
    private static let chunkSize = 1 << 18
    /// A sequence may begin this many bytes before the end of a chunk and go on in the next.
    private static let overlap = 3

    /// Reads the file, at most once and in constant memory, up to the first multi-byte sequence.
    static func holdsMultiByteSequence(_ descriptor: CInt, size: Int64) throws(InputError) -> Bool {
        var file = FileBytes(descriptor: descriptor, size: size)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: overlap + chunkSize, alignment: 16)
        defer { buffer.deallocate() }
        var kept = 0
        while true {
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer[kept..<kept + chunkSize])
            let got = try file.read(into: room)
            guard got > 0 else { return false }
            let count = kept + got
            let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])
            if UTF8Check.holdsMultiByteSequence(bytes) { return true }
            kept = min(overlap, count)
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[(count - kept)...]))
        }
    }
}
