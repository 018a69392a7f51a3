internal import Glibc
internal import Hummingbird
internal import NIOCore
internal import Pipeline

/// An open file of the outbox, read in pieces while it is sent. Closes itself.
final class OutboxFile: Sendable {
    private static let pieceSize = 128 << 10

    private let descriptor: CInt
    let size: Int

    private init(descriptor: CInt, size: Int) {
        self.descriptor = descriptor
        self.size = size
    }

    deinit { close(descriptor) }

    /// Walks down from the root one component at a time and follows no link, so that the file is inside the outbox
    /// whatever anybody puts there meanwhile.
    ///
    /// - Returns: nil when there is no such regular file.
    static func open(_ path: OutboxPath, in root: String) throws -> OutboxFile? {
        var folder = Glibc.open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return nil }
        defer { close(folder) }
        for component in path.components.dropLast() {
            let next = openat(folder, cString(component), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard next >= 0 else { return nil }
            close(folder)
            folder = next
        }
        // O_NONBLOCK: a FIFO must not hold this thread.
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
        let descriptor = openat(folder, cString(path.fileName), flags)
        guard descriptor >= 0 else {
            if errno == EMFILE || errno == ENFILE { throw SystemError("opening a file of the outbox", errno) }
            return nil
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            return nil
        }
        return OutboxFile(descriptor: descriptor, size: Int(status.st_size))
    }

    private static func cString(_ name: [UInt8]) -> [CChar] { name.map { CChar(bitPattern: $0) } + [0] }

    /// The file as it was when it was opened, in pieces, each read only when the one before has been taken.
    var body: ResponseBody {
        ResponseBody(contentLength: size) { [self] writer in
            var offset = 0
            while offset < size {
                let piece = try await offThread { [self, offset] in try read(at: offset) }
                // Shorter than promised: only breaking the connection tells the client.
                guard piece.readableBytes > 0 else { throw SystemError("reading a file that was cut short", EIO) }
                offset += piece.readableBytes
                try await writer.write(piece)
            }
            try await writer.finish(nil)
        }
    }

    private func read(at offset: Int) throws -> ByteBuffer {
        let wanted = min(OutboxFile.pieceSize, size - offset)
        var buffer = ByteBufferAllocator().buffer(capacity: wanted)
        try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { bytes in
            while true {
                let count = pread(descriptor, bytes.baseAddress, wanted, offset)
                if count >= 0 { return count }
                if errno != EINTR { throw SystemError("reading a file of the outbox", errno) }
            }
        }
        return buffer
    }
}
