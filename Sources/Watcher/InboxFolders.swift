internal import Catalog
internal import FoundationEssentials
internal import Glibc
internal import Pipeline

/// The inbox's folders, its lock and its identity. Nothing outside of here builds a path in the inbox.
///
/// ```
/// inbox/                  drops
///   preview/              drops for a dry run
///   .work/                mode 0700
///     .lock               held by the one watcher of this inbox
///     .id                 the identity of this inbox, a UUID: `imports.inbox`
///     ID/NAME             a claimed drop
///     preview/ID/NAME     a claimed drop for a dry run: where it lies tells, even before it has a row
/// ```
struct InboxFolders: Sendable {
    let inbox: String

    private var work: String { "\(inbox)/.work" }

    func path(_ folder: InboxFile.Folder) -> String { folder == .drops ? inbox : "\(inbox)/preview" }

    /// The path of a dropped file, ended by NUL.
    func path(_ file: InboxFile) -> [CChar] { cPath(path(file.folder), file.name) }

    /// Where the work folders of claims out of `folder` are.
    func claims(_ folder: InboxFile.Folder) -> String { folder == .drops ? work : "\(work)/preview" }

    func claim(_ id: ImportID, _ folder: InboxFile.Folder) -> String { "\(claims(folder))/\(id)" }

    /// Makes the folders that are not there.
    func make() throws {
        try makeFolder(inbox)
        try makeFolder(path(.preview))
        for folder in [work, claims(.preview)] {
            try makeFolder(folder, mode: 0o700)
            var status = stat()
            guard lstat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                throw InboxError.unusable("\(folder) is not a folder. Remove it; the importer makes its own.")
            }
        }
    }

    /// Takes the lock that one watcher holds. Closing the descriptor, or the end of the process, gives it back.
    ///
    /// - Throws: `InboxError.watchedAlready` when another process has it.
    func lock() throws -> Descriptor {
        let path = "\(work)/.lock"
        let file = Descriptor(open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600))
        guard file.isOpen else { throw SystemError("opening \(path)", errno) }
        guard file.use({ flock($0, LOCK_EX | LOCK_NB) }) == 0 else {
            if errno == EWOULDBLOCK { throw InboxError.watchedAlready(inbox) }
            throw SystemError("locking \(path)", errno)
        }
        return file
    }

    /// Whether a lock that was taken is still the one at its place: after the inbox was deleted it is not.
    func holds(_ lock: Descriptor) -> Bool {
        var (held, there) = (stat(), stat())
        return lock.use { fstat($0, &held) } == 0 && lstat("\(work)/.lock", &there) == 0
            && held.st_ino == there.st_ino && held.st_dev == there.st_dev
    }

    /// The identity of this inbox, made on first use. To be called with the lock held.
    ///
    /// - Parameter new: the identity that an inbox without one gets.
    func identity(new: UUID = UUID()) throws -> UUID {
        let path = "\(work)/.id"
        if let bytes = try? readFile(Array(path.utf8CString)) {
            let text = String(decoding: bytes, as: UTF8.self).prefix { !$0.isWhitespace }
            guard let identity = UUID(uuidString: String(text)) else {
                throw InboxError.unusable("\(path) does not hold a UUID. Remove it; the importer writes a new one.")
            }
            return identity
        }
        let temporary = "\(path).new"
        let file = Descriptor(open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600))
        let text = Array("\(new.uuidString.lowercased())\n".utf8)
        guard file.isOpen, file.use({ write($0, text, text.count) == text.count && fsync($0) == 0 }),
            rename(temporary, path) == 0
        else { throw SystemError("writing \(path)", errno) }
        try syncFolder(work)
        return new
    }
}

/// A file descriptor that is closed with its last owner.
final class Descriptor: Sendable {
    private let number: CInt

    /// - Parameter number: what `open` gave.
    init(_ number: CInt) { self.number = number }

    var isOpen: Bool { number >= 0 }

    /// The only way to the number: read by itself, it could be closed by then, because an object may go away after its
    /// last use.
    func use<Output>(_ body: (CInt) -> Output) -> Output { withExtendedLifetime(self) { body(number) } }

    deinit { if number >= 0 { close(number) } }
}

/// The path of a file by the bytes of its name, ended by NUL.
func cPath(_ folder: String, _ name: FileName) -> [CChar] { folder.utf8CString.dropLast() + [0x2F] + name.cString }
