internal import CLinux
internal import Glibc

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
