internal import Catalog
internal import FoundationEssentials
internal import Glibc
internal import Pipeline
internal import Synchronization

/// The files that lie in the inbox unclaimed, as their pointers in the outbox tell: not whole yet, waiting for the
/// database, or of a kind that is never taken.
///
/// A busy outbox has a pointer for every name that was ever dropped, and the page asks every second: only those that
/// changed since are read.
final class WaitingFiles: Sendable {
    private struct Stamp: Equatable {
        let inode: UInt
        let size: Int
        let seconds: Int
        let nanoseconds: Int

        init?(_ path: [CChar]) {
            var status = stat()
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
            inode = UInt(status.st_ino)
            size = Int(status.st_size)
            seconds = status.st_mtim.tv_sec
            nanoseconds = status.st_mtim.tv_nsec
        }

        /// Whether the file may still change without its stamp doing so: the kernel's clock for files ticks every few
        /// milliseconds, and a replaced file's inode is soon used again.
        func isRecent(at now: Date) -> Bool {
            now.timeIntervalSince1970 - (Double(seconds) + Double(nanoseconds) / 1e9) < 0.1
        }
    }

    private struct Pointer {
        let stamp: Stamp
        /// Another look is needed even if the stamp stays the same.
        let isProvisional: Bool
        /// nil when the name's newest drop has been claimed.
        let waiting: ImportProgress?
    }

    private let folders: [String]
    private let known = Mutex<[[CChar]: Pointer]>([:])

    init(outbox: Outbox) { folders = [outbox.path, "\(outbox.path)/preview"] }

    /// Reads what changed and gives back what waits, newest first. Blocks on the file system.
    func scan() -> [ImportProgress] {
        let before = known.withLock { $0 }
        var now: [[CChar]: Pointer] = [:]
        for path in folders.flatMap(pointerPaths) {
            guard let stamp = Stamp(path) else { continue }
            if let known = before[path], known.stamp == stamp, !known.isProvisional {
                now[path] = known
            } else {
                let isRecent = stamp.isRecent(at: Date())
                now[path] = Pointer(stamp: stamp, isProvisional: isRecent, waiting: read(path))
            }
        }
        known.withLock { $0 = now }
        return now.values.compactMap(\.waiting).sorted { ($0.receivedAt, $0.file) > ($1.receivedAt, $1.file) }
    }

    private func pointerPaths(in folder: String) -> [[CChar]] {
        let names = fileNames(in: folder).filter { !$0.bytes.starts(with: ".".utf8) && $0.bytes.hasSuffix(".json") }
        return names.map { Array("\(folder)/".utf8CString.dropLast()) + $0.cString }
    }

    private func read(_ path: [CChar]) -> ImportProgress? {
        guard let bytes = try? readFile(path), let progress = try? ImportProgress(json: Data(bytes)) else { return nil }
        return progress.id == nil ? progress : nil
    }
}

extension [UInt8] {
    fileprivate func hasSuffix(_ end: String) -> Bool { suffix(end.utf8.count).elementsEqual(end.utf8) }
}
