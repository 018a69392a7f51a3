import Glibc

/// Writes a file in large pieces. It has its name only once it is complete.
final class BufferedFile {
    private let path: String
    private let descriptor: CInt
    private var buffer: [UInt8] = []
    private(set) var written = 0

    init(_ path: String) throws {
        self.path = path
        descriptor = open(path + ".part", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw BenchmarkError("\(path) cannot be made: \(String(cString: strerror(errno)))")
        }
        buffer.reserveCapacity(BufferedFile.capacity + 65536)
    }

    deinit { close(descriptor) }

    private static let capacity = 1 << 20

    func append(_ bytes: some Sequence<UInt8>) { buffer.append(contentsOf: bytes) }

    func append(_ byte: UInt8) { buffer.append(byte) }

    func append(bigEndian value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { buffer.append(contentsOf: $0) }
    }

    /// To be called between records.
    func flushIfFull() throws {
        if buffer.count >= BufferedFile.capacity { try flush() }
    }

    private func flush() throws {
        var done = 0
        while done < buffer.count {
            let count = buffer.withUnsafeBytes { write(descriptor, $0.baseAddress! + done, $0.count - done) }
            guard count > 0 else {
                throw BenchmarkError("\(path) cannot be written: \(String(cString: strerror(errno)))")
            }
            done += count
        }
        written += done
        buffer.removeAll(keepingCapacity: true)
    }

    func finish() throws {
        try flush()
        guard rename(path + ".part", path) == 0 else {
            throw BenchmarkError("\(path) cannot be renamed: \(String(cString: strerror(errno)))")
        }
    }
}

/// A CSV file as shops send it: CRLF after each record, quotes only around what has line breaks, and LF inside them.
struct CSVWriter {
    private let file: BufferedFile

    init(_ path: String) throws {
        file = try BufferedFile(path)
        file.append("name,sku,description\r\n".utf8)
    }

    func append(_ text: ProductText) throws {
        file.append(text.name)
        file.append(UInt8(ascii: ","))
        file.append(text.sku)
        file.append(UInt8(ascii: ","))
        if text.hasLineBreaks { file.append(UInt8(ascii: "\"")) }
        file.append(text.description)
        if text.hasLineBreaks { file.append(UInt8(ascii: "\"")) }
        file.append(0x0D)
        file.append(0x0A)
        try file.flushIfFull()
    }

    /// - Returns: the size of the file.
    func finish() throws -> Int {
        try file.finish()
        return file.written
    }
}

/// A file for `COPY … (FORMAT binary)`, as PostgreSQL's manual has it: columns sku, name, description.
struct BinaryCopyWriter {
    private let file: BufferedFile

    init(_ path: String) throws {
        file = try BufferedFile(path)
        file.append([0x50, 0x47, 0x43, 0x4F, 0x50, 0x59, 0x0A, 0xFF, 0x0D, 0x0A, 0x00])
        file.append(bigEndian: Int32(0))
        file.append(bigEndian: Int32(0))
    }

    func append(_ text: ProductText) throws {
        file.append(bigEndian: Int16(3))
        for field in [text.sku, text.name, text.description] {
            file.append(bigEndian: Int32(field.count))
            file.append(field)
        }
        try file.flushIfFull()
    }

    /// - Returns: the size of the file.
    func finish() throws -> Int {
        file.append(bigEndian: Int16(-1))
        try file.finish()
        return file.written
    }
}
