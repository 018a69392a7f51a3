internal import Catalog
internal import FoundationEssentials
internal import Glibc
internal import Pipeline

/// Removes what processes that died left in the outbox: files under the temporary names of `replaceFile`
/// (`.….PID.tmp`) and of a move across file systems (`.moving.tmp`).
struct TemporaryFiles {
    /// Files under our own process id that are older than this were left by a process that had it before, as happens
    /// in containers, where each run gets the same one.
    private let started = Date()
    /// A temporary file lives for moments. One this old is nobody's, even if its process id is in use again.
    private static let oldAge = 300.0

    /// - Parameter isOurs: nobody else works in this folder, and we do not at the moment.
    func remove(from folder: String, isOurs: Bool = false) {
        for name in fileNames(in: folder) where name.bytes.first == 0x2E && name.description.hasSuffix(".tmp") {
            let path = cPath(folder, name)
            var status = stat()
            guard lstat(path, &status) == 0, status.isRegular else { continue }
            let modified = Date(timeIntervalSince1970: Double(status.st_mtim.tv_sec))
            if isLeft(name.description, modified, isOurs) { unlink(path) }
        }
    }

    private func isLeft(_ name: String, _ modified: Date, _ isOurs: Bool) -> Bool {
        if modified.timeIntervalSinceNow < -TemporaryFiles.oldAge { return true }
        guard let process = name.split(separator: ".").dropLast().last.flatMap({ pid_t($0) }), process > 0 else {
            return isOurs && name == ".moving.tmp"
        }
        if process == getpid() { return modified < started.addingTimeInterval(-1) }
        return kill(process, 0) != 0 && errno == ESRCH
    }
}
