import Glibc

/// An open file of these bytes that no folder lists any more; it is gone with its owner.
final class UnlistedFile {
    let descriptor: CInt
    let size: Int64

    init(_ bytes: [UInt8]) {
        var path = "/tmp/unlisted-XXXXXX".utf8CString.map { $0 }
        descriptor = mkstemp(&path)
        precondition(descriptor >= 0, "mkstemp failed")
        unlink(path)
        size = Int64(bytes.count)
        append(bytes)
    }

    deinit { close(descriptor) }

    func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { rest in
            var rest = rest[...]
            while !rest.isEmpty {
                let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                precondition(count > 0, "write failed")
                rest = rest.dropFirst(count)
            }
        }
    }
}
