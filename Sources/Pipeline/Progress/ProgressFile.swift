package import Catalog
internal import FoundationEssentials
internal import Glibc
internal import Synchronization

/// Writes progress objects into the outbox: `ID/progress.json` and the pointer of the file's name, each replaced
/// atomically, so that whoever reads them always reads a whole object.
package struct ProgressFile: Sendable {
    private let outbox: Outbox
    private let file: FileName
    private let id: ImportID?
    private let dryRun: Bool
    /// Held from the look at a pointer until it is replaced.
    private static let pointers = Mutex(())

    package init(_ outbox: Outbox, file: FileName, id: ImportID?, dryRun: Bool) {
        self.outbox = outbox
        self.file = file
        self.id = id
        self.dryRun = dryRun
    }

    /// - Parameter durable: for ends: the bytes are on disk before the names are.
    package func write(_ progress: ImportProgress, durable: Bool = false) throws {
        guard let progress = continued(progress) else { return }
        let json = try progress.json(pretty: true) + Data("\n".utf8)
        let pointer = outbox.pointer(file, id: id, dryRun: dryRun)
        let second = temporaryName("\(outbox.path)/.\(id?.description ?? "waiting")")
        var isLinked = false
        if let id {
            try makeFolder(outbox.folder(id))
            let first = temporaryName("\(outbox.folder(id))/.progress")
            try writeFile(first, json, durable: durable)
            // One file under two names costs half of two, above all when it has to reach the disk.
            isLinked = pointer != nil && link(first, second) == 0
            try renameOrRemove(first, to: Array(outbox.progressFile(id).utf8CString))
        }
        guard let pointer else { return }
        // Imports of the same name may be ending and beginning at the same time.
        try ProgressFile.pointers.withLock { _ in
            guard mayReplace(pointer, progress) else {
                if isLinked { unlink(second) }
                return
            }
            if !isLinked { try writeFile(second, json, durable: durable) }
            try renameOrRemove(second, to: pointer)
        }
    }

    /// Takes back the pointer of a file that went away before it was taken: the one of the import before, if there
    /// was one, is put in its place.
    package func removeWaiting() {
        guard id == nil, let pointer = outbox.pointer(file, id: nil, dryRun: dryRun),
            let there = readProgress(pointer), there.id == nil
        else { return }
        if let previous = there.previousID.flatMap({ ImportID($0) }), let before = outbox.progress(previous),
            let json = try? before.json(pretty: true) + Data("\n".utf8),
            (try? replaceFile(pointer, json, temporary: "\(outbox.path)/.waiting", durable: false)) != nil
        {
            return
        }
        unlink(pointer)
    }

    /// What was shown before is not taken back: the percentage of an import that starts again after a crash stays, and
    /// a waiting file remembers whose pointer it replaces.
    ///
    /// - Returns: nil when an end is there already, which another process wrote while this one slept.
    private func continued(_ progress: ImportProgress) -> ImportProgress? {
        var progress = progress
        if let id {
            if !progress.state.isEnd, let before = outbox.progress(id) {
                if before.state.isEnd { return nil }
                progress.percent = max(progress.percent, before.percent)
            }
        } else if let pointer = outbox.pointer(file, id: nil, dryRun: dryRun), let there = readProgress(pointer) {
            progress.previousID = there.id ?? there.previousID
        }
        return progress
    }

    /// The pointer shows the newest drop of its name: an older import never writes over a newer one.
    private func mayReplace(_ pointer: [CChar], _ progress: ImportProgress) -> Bool {
        guard let id, let there = readProgress(pointer) else { return true }
        if let other = there.importID { return other <= id }
        // In a file, times are rounded to milliseconds: half of one may have been added.
        return there.receivedAt.timeIntervalSince(progress.receivedAt) < 0.001
    }
}

/// Replaces a file by way of a temporary name in the same folder.
func replaceFile(_ path: [CChar], _ bytes: Data, temporary: String, durable: Bool) throws {
    let name = temporaryName(temporary)
    try writeFile(name, bytes, durable: durable)
    try renameOrRemove(name, to: path)
}

/// What starts with a dot and ends like this is removed should the process die.
private func temporaryName(_ stem: String) -> String { "\(stem).\(getpid()).tmp" }

private func writeFile(_ name: String, _ bytes: Data, durable: Bool) throws {
    // What a crash left there may be a second name of a file that is read: it is never written into.
    var descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    if descriptor < 0, errno == EEXIST, unlink(name) == 0 {
        descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    }
    guard descriptor >= 0 else { throw SystemError("creating \(name)", errno) }
    do {
        defer { close(descriptor) }
        try bytes.withUnsafeBytes { try writeAll(descriptor, $0) }
        if durable, fsync(descriptor) != 0 { throw SystemError("writing \(name)", errno) }
    } catch {
        unlink(name)
        throw error
    }
}

private func renameOrRemove(_ name: String, to path: [CChar]) throws {
    guard rename(name, path) == 0 else {
        let code = errno
        unlink(name)
        throw SystemError(
            "renaming to \(String(decoding: path.map { UInt8(bitPattern: $0) }.dropLast(), as: UTF8.self))", code)
    }
}
