internal import Catalog
internal import FoundationEssentials
internal import Glibc

/// Keeps `outbox/index.html`, the overview for whoever has only the folder.
///
/// The work is bounded, however many imports lie there: one look at the folder's names, and the progress objects of the
/// newest imports, of which those that have ended are read once.
package struct OutboxIndex {
    package static let fileName = "index.html"
    /// The newest imports are listed; older ones are found by their folders, on the pages, and by `status`.
    package static let shown = 200

    private let outbox: Outbox
    /// What only the watcher knows. Without one, nothing waits as far as we know.
    package var inbox = InboxNotes()
    /// Imports that have ended do not change any more.
    private var ended: [FileName: ImportProgress] = [:]
    private var written = ""

    package init(_ outbox: Outbox) { self.outbox = outbox }

    /// Writes the overview anew if it has changed.
    package mutating func rebuild() throws {
        let folders = fileNames(in: outbox.path).filter { $0.bytes.count == 36 }
        let newest = OutboxIndex.newest(folders)
        var imports: [ImportProgress] = []
        var kept: [FileName: ImportProgress] = [:]
        for name in newest {
            guard let progress = ended[name] ?? ImportID(name.description).flatMap({ outbox.progress($0) }) else {
                continue
            }
            imports.append(progress)
            if progress.state.isEnd { kept[name] = progress }
        }
        ended = kept
        let page = IndexPage.html(
            imports, older: max(0, folders.count - newest.count), inbox: inbox)
        let path = Array("\(outbox.path)/\(OutboxIndex.fileName)".utf8CString)
        if page == written, access(path, F_OK) == 0 { return }
        try replaceFile(path, Data(page.utf8), temporary: "\(outbox.path)/.index", durable: false)
        written = page
    }

    /// Ids sort by time, so their names do.
    private static func newest(_ folders: [FileName]) -> [FileName] {
        let ordered = folders.sorted { $1.bytes.lexicographicallyPrecedes($0.bytes) }
        return Array(ordered.prefix(shown))
    }
}
