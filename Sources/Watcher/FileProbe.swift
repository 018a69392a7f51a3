internal import CLinux
internal import Catalog
internal import Glibc

/// What one look at a file in the inbox found. Looking never follows a link, never blocks, and reads no byte.
enum FileProbe: Equatable, Sendable {
    /// What changes when a file is written or replaced.
    struct Fingerprint: Equatable, Sendable {
        var inode: UInt
        var size: Int
        /// Seconds and nanoseconds.
        var modified: [Int]
    }

    enum Writer: Equatable, Sendable {
        /// Nobody has it open for writing: the kernel said so.
        case none
        case some
        /// The kernel cannot tell: the file is another user's, or its file system has no leases.
        case unknown
    }

    case gone
    case regular(Fingerprint, Writer)
    /// A regular file that has `names` names (hard links): somebody may write to it under another one.
    case linked(Fingerprint, names: Int)
    /// What it is instead, for people. `inode` and `changed` tell this one from the next of its name.
    case notRegular(String, inode: UInt, changed: [Int])
    /// It cannot be opened, with the error number.
    case unreadable(CInt)

    /// Looks at the file at a path.
    init(_ path: [CChar]) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            self = errno == ENOENT ? .gone : .unreadable(errno)
            return
        }
        // Only what lstat calls a regular file is opened: opening a FIFO or a device can have effects.
        guard status.isRegular else {
            self = .notRegular(status.kind, inode: UInt(status.st_ino), changed: status.changed)
            return
        }
        guard status.st_nlink == 1 else {
            self = .linked(status.fingerprint, names: Int(status.st_nlink))
            return
        }
        let file = Descriptor(open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC))
        guard file.isOpen else {
            self = errno == ENOENT ? .gone : .unreadable(errno)
            return
        }
        self = FileProbe(file)
    }

    /// Looks at an opened file.
    init(_ file: Descriptor) {
        var status = stat()
        let writer = FileProbe.writer(of: file)
        if file.use({ fstat($0, &status) }) != 0 {
            self = .unreadable(errno)
        } else if !status.isRegular {
            self = .notRegular(status.kind, inode: UInt(status.st_ino), changed: status.changed)
        } else if status.st_nlink == 0 {
            self = .gone
        } else if status.st_nlink > 1 {
            self = .linked(status.fingerprint, names: Int(status.st_nlink))
        } else {
            self = .regular(status.fingerprint, writer)
        }
    }

    /// The time by which the ages of files are told.
    static func clock() -> timespec {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return now
    }

    /// Whether a file was changed or put here within so many seconds before `now`, or while the folder has been read
    /// since. One with a time of tomorrow, of a server whose clock is wrong, was not.
    static func isYounger(_ path: [CChar], than seconds: Double, at now: timespec) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else { return false }
        let nanoseconds = (now.tv_sec - status.st_ctim.tv_sec) * 1_000_000_000 + now.tv_nsec - status.st_ctim.tv_nsec
        return (-1_000_000_000..<Int(seconds * 1e9)).contains(nanoseconds)
    }

    /// A read lease is granted only while nobody has the file open for writing. It is given back at once.
    private static func writer(of file: Descriptor) -> Writer {
        // A writer that opens the file in between waits for us, and we are sent a signal: SIGIO, which would end the
        // process, unless another is chosen. SIGURG is ignored by default.
        file.use { descriptor in
            _ = fcntl(descriptor, setSignal, SIGURG)
            if fcntl(descriptor, CLINUX_F_SETLEASE, CInt(F_RDLCK)) == 0 {
                _ = fcntl(descriptor, CLINUX_F_SETLEASE, CInt(F_UNLCK))
                return .none
            }
            return errno == EAGAIN ? .some : .unknown
        }
    }

    /// F_SETSIG, which glibc shows under _GNU_SOURCE only.
    private static let setSignal: CInt = 10
}

extension stat {
    var isRegular: Bool { st_mode & S_IFMT == S_IFREG }
    var changed: [Int] { [Int(st_ctim.tv_sec), Int(st_ctim.tv_nsec)] }

    var fingerprint: FileProbe.Fingerprint {
        FileProbe.Fingerprint(
            inode: UInt(st_ino), size: Int(st_size), modified: [Int(st_mtim.tv_sec), Int(st_mtim.tv_nsec)])
    }

    var kind: String {
        switch st_mode & S_IFMT {
        case S_IFLNK: "a symbolic link"
        case S_IFDIR: "a folder"
        case S_IFIFO: "a pipe (FIFO)"
        case S_IFSOCK: "a socket"
        case S_IFBLK, S_IFCHR: "a device"
        default: "no regular file"
        }
    }
}
