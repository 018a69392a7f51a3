internal import CLinux
internal import Glibc

/// The accepted rows of one import, each as a tuple of PostgreSQL's binary COPY format, in file order.
///
/// Small imports stay in memory; a larger one goes to an unlinked scratch file, so that memory does not grow with the
/// texts. Rows are appended, then `seal`ed, then read at random by offset.
struct RowStore: ~Copyable {
    private static let memoryLimit = 8 << 20

    private let directory: String
    /// Rows are appended here.
    var tail: RawBuffer
    private var descriptor: CInt = -1
    /// Bytes already in the scratch file.
    private var written = 0
    private var scratch = RawBuffer(capacity: 64 << 10)

    /// - Parameter directory: where the scratch file goes, if one is needed.
    init(directory: String) {
        self.directory = directory
        self.tail = RawBuffer(capacity: 256 << 10)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The row that was appended to `tail` from `start` on, as a range of the store.
    @inline(__always)
    func row(from start: Int) -> Range<Int> { (written + start)..<(written + tail.count) }

    /// To be called between rows: keeps memory bounded.
    @inline(__always)
    mutating func spillIfLarge() throws {
        if tail.count >= RowStore.memoryLimit { try spill() }
    }

    /// After this, rows can be read. What is already in a scratch file stays there, with the rest behind it.
    mutating func seal() throws {
        if descriptor >= 0 { try spill() }
    }

    /// The bytes of a row, valid until the next call.
    @inline(__always)
    mutating func read(_ offset: Int, _ length: Int) throws -> UnsafeRawBufferPointer {
        if descriptor < 0 { return UnsafeRawBufferPointer(start: tail.base + offset, count: length) }
        scratch.count = 0
        try RowStore.read(descriptor, offset, length, to: &scratch)
        return scratch.bytes
    }

    /// Appends the bytes of a row to a buffer.
    @inline(__always)
    func copy(_ offset: Int, _ length: Int, to buffer: inout RawBuffer) throws {
        guard descriptor >= 0 else {
            buffer.append(UnsafeRawBufferPointer(start: tail.base + offset, count: length))
            return
        }
        try RowStore.read(descriptor, offset, length, to: &buffer)
    }

    @inline(__always)
    private static func read(_ descriptor: CInt, _ offset: Int, _ length: Int, to buffer: inout RawBuffer) throws {
        buffer.reserve(length)
        guard pread(descriptor, buffer.base + buffer.count, length, off_t(offset)) == length else {
            throw SystemError("reading the scratch file", errno)
        }
        buffer.count += length
    }

    private mutating func spill() throws {
        if descriptor < 0 { descriptor = try openScratchFile(in: directory) }
        try writeAll(descriptor, tail.bytes)
        written += tail.count
        tail.count = 0
    }
}

/// A call of the operating system failed; `description` says at what, and why.
package struct SystemError: Error, Sendable, CustomStringConvertible {
    package let action: String
    package let code: CInt

    package init(_ action: String, _ code: CInt) {
        self.action = action
        self.code = code
    }

    package var description: String { "\(action): \(String(cString: strerror(code)))" }

    /// Trouble of the machine that may pass: no space, an I/O error, too many open files.
    package var isTransient: Bool {
        [ENOSPC, EDQUOT, EIO, EMFILE, ENFILE, ENOMEM, EAGAIN, EROFS, ESTALE].contains(code)
    }
}

/// A file without a name, gone with its descriptor.
func openScratchFile(in directory: String) throws -> CInt {
    let unnamed = open(directory, CLINUX_O_TMPFILE | O_RDWR | O_CLOEXEC, 0o600)
    if unnamed >= 0 { return unnamed }
    // Not every file system knows O_TMPFILE.
    var template = Array("\(directory)/.scratch-XXXXXX".utf8CString)
    let named = mkstemp(&template)
    guard named >= 0 else { throw SystemError("making a scratch file in \(directory)", errno) }
    _ = fcntl(named, F_SETFD, FD_CLOEXEC)
    unlink(template)
    return named
}

func writeAll(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count >= 0 {
            rest = rest.dropFirst(count)
        } else if errno != EINTR {
            throw SystemError("writing", errno)
        }
    }
}
