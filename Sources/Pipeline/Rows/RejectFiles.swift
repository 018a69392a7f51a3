internal import Glibc

/// `rejects.csv` and `errors.csv` while an import runs: made with the first rejection, complete once `finish` returns.
struct RejectFiles: ~Copyable {
    static let rejectsName = "rejects.csv"
    static let errorsName = "errors.csv"

    private let directory: String
    private let source: CInt
    /// The source's bytes up to the end of the header line, BOM and `sep=` line included.
    private let header: Range<Int64>
    private var rejects: BufferedFile?
    private var errors: BufferedFile?
    private(set) var count = 0
    private(set) var groups = RejectGroups()

    init(directory: String, source: CInt, headerEnd: Int64) {
        self.directory = directory
        self.source = source
        self.header = 0..<headerEnd
    }

    /// Bytes of the source up to the first record.
    var headerEnd: Int { Int(header.upperBound) }

    var isEmpty: Bool { count == 0 }

    mutating func add(_ record: RejectedRecord) throws {
        if rejects == nil {
            let rejects = try BufferedFile(path: "\(directory)/\(RejectFiles.rejectsName)")
            try rejects.copy(header, of: source)
            let errors = try BufferedFile(path: "\(directory)/\(RejectFiles.errorsName)")
            try errors.write("record,line,column,code,message,value\r\n")
            (self.rejects, self.errors) = (rejects, errors)
        }
        count += 1
        groups.add(line: record.line, record.rejection)
        try rejects?.copy(record.source, of: source)
        let rejection = record.rejection
        let fields = [
            "\(record.number)", "\(record.line)", rejection.column ?? "", rejection.code.rawValue, rejection.message,
            rejection.value,
        ]
        try errors?.write(fields.map(RejectFiles.quoted).joined(separator: ",") + "\r\n")
    }

    /// Writes what is buffered and makes it durable.
    mutating func finish() throws {
        try rejects?.sync()
        try errors?.sync()
    }

    /// RFC 4180 §2.5–2.7.
    private static func quoted(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 0x2C || $0 == 0x22 || $0 == 0x0A || $0 == 0x0D }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}

/// A new file that is written from start to end.
final class BufferedFile {
    private let descriptor: CInt
    private var buffer: [UInt8] = []

    init(path: String) throws {
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SystemError("creating \(path)", errno) }
        buffer.reserveCapacity(64 << 10)
    }

    deinit { close(descriptor) }

    func write(_ text: String) throws {
        buffer += text.utf8
        if buffer.count >= 60 << 10 { try flush() }
    }

    /// Appends a range of another file, byte for byte, in bounded memory.
    func copy(_ range: Range<Int64>, of source: CInt) throws {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let wanted = Int(min(range.upperBound - offset, 64 << 10))
            let before = buffer.count
            var read = 0
            buffer += [UInt8](unsafeUninitializedCapacity: wanted) { piece, count in
                read = pread(source, piece.baseAddress, wanted, off_t(offset))
                count = max(read, 0)
            }
            guard read > 0 else { throw SystemError("reading the source", read < 0 ? errno : ESTALE) }
            offset += Int64(buffer.count - before)
            if buffer.count >= 60 << 10 { try flush() }
        }
    }

    func sync() throws {
        try flush()
        guard fsync(descriptor) == 0 else { throw SystemError("writing to disk", errno) }
    }

    private func flush() throws {
        try buffer.withUnsafeBytes { try writeAll(descriptor, $0) }
        buffer.removeAll(keepingCapacity: true)
    }
}
