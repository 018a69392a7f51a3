import Glibc

/// Reads an open file from its beginning, at an offset of its own: the descriptor may be shared, and stays open.
///
/// Never maps the file: a mapping of a file that somebody truncates kills the process.
struct FileBytes {
    let descriptor: CInt
    /// Reading stops here even if the file grows.
    let size: Int64
    private(set) var offset: Int64 = 0

    init(descriptor: CInt, size: Int64) {
        self.descriptor = descriptor
        self.size = size
    }

    /// - Returns: the number of bytes read; 0 at the end of the file, or if it has become shorter than `size`.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
        let wanted = min(buffer.count, Int(size - offset))
        guard wanted > 0 else { return 0 }
        while true {
            let got = pread(descriptor, buffer.baseAddress, wanted, off_t(offset))
            if got >= 0 {
                offset += Int64(got)
                return got
            }
            if errno != EINTR { throw .reading(errno) }
        }
    }

    /// The file's first `length` bytes, or all if it has fewer, wherever this one is.
    func head(_ length: Int) throws(InputError) -> [UInt8] {
        var copy = FileBytes(descriptor: descriptor, size: size)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 16)
        defer { buffer.deallocate() }
        var count = 0
        while count < length {
            let got = try copy.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
            guard got > 0 else { break }
            count += got
        }
        return Array(buffer.prefix(count))
    }

    mutating func skip(_ count: Int) { offset += Int64(count) }
}
