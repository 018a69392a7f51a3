package import Catalog
package import FoundationEssentials
internal import Glibc

/// Removes the folders of imports that ended long ago, with everything in them, and the pointers that led to them. Their
/// rows in the table `imports` stay as history.
package struct Retention: Sendable {
    /// So many folders at a time: a long list must not keep anybody waiting.
    private static let atOnce = 500

    private let outbox: Outbox
    private let days: Int

    /// - Parameter days: 0 is never.
    package init(_ outbox: Outbox, days: Int) {
        self.outbox = outbox
        self.days = days
    }

    /// - Returns: the imports whose folders were removed, and whether there may be more of them.
    package func sweep(now: Date = Date()) -> (removed: [ImportID], hasMore: Bool) {
        guard days > 0 else { return ([], false) }
        let limit = now.addingTimeInterval(-Double(days) * 86400)
        // Ids carry the time of the claim, and nothing ends before it was claimed: younger ones need no look.
        let oldest = ImportID.mint(at: limit).description
        let old = fileNames(in: outbox.path).filter { $0.bytes.count == 36 }.map(\.description).filter { $0 < oldest }
        var removed: [ImportID] = []
        for id in old.sorted().compactMap({ ImportID($0) }) {
            guard removed.count < Retention.atOnce else { return (removed, true) }
            guard let end = outbox.progress(id), end.state.isEnd, end.importID == id,
                (end.finishedAt ?? end.updatedAt) < limit
            else { continue }
            if remove(id, end) { removed.append(id) }
        }
        return (removed, false)
    }

    /// The progress object goes last: should we die before, the rest is removed the next time.
    private func remove(_ id: ImportID, _ end: ImportProgress) -> Bool {
        let folder = outbox.folder(id)
        var status = stat()
        guard lstat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return false }
        for name in fileNames(in: folder) where name != FileName("progress.json") {
            unlink(Array("\(folder)/".utf8CString.dropLast()) + name.cString)
        }
        if let pointer = pointer(end, id), readProgress(pointer)?.importID == id { unlink(pointer) }
        unlink(outbox.progressFile(id))
        return rmdir(folder) == 0
    }

    private func pointer(_ end: ImportProgress, _ id: ImportID) -> [CChar]? {
        // A name that is no UTF-8 has lost its bytes in the object, but then its pointer has the id's name.
        let own = Array("\(outbox.path)/\(id).json".utf8CString)
        return access(own, F_OK) == 0 ? own : outbox.pointer(FileName(end.file), id: id, dryRun: end.dryRun)
    }
}
