internal import Catalog
internal import FoundationEssentials
internal import Glibc

/// Keeps `outbox/index.html`, the overview for whoever has only the folder: every import, the newest in full, the older
/// ones in a line each.
///
/// The work stays small, however many imports lie there: one look at the folder's names, and each import that has ended
/// is read once.
package struct OutboxIndex {
    package static let fileName = "index.html"
    /// So many of the newest are told in full.
    package static let full = 200

    private let outbox: Outbox
    /// What only the watcher knows. Without one, nothing waits as far as we know.
    package var inbox = InboxNotes()
    /// Imports that have ended do not change any more.
    private var ended: [FileName: ImportProgress] = [:]
    /// The lines of the older ones, whether ended or not: nobody works on an import behind so many others.
    private var lines: [FileName: HTML] = [:]
    private var written: Int?

    package init(_ outbox: Outbox) { self.outbox = outbox }

    /// Writes the overview anew if it has changed.
    package mutating func rebuild() throws {
        let folders = OutboxIndex.newestFirst(fileNames(in: outbox.path).filter { $0.bytes.count == 36 })
        var imports: [ImportProgress] = []
        var ended: [FileName: ImportProgress] = [:]
        for name in folders.prefix(OutboxIndex.full) {
            guard let progress = progress(name) else { continue }
            imports.append(progress)
            if progress.state.isEnd { ended[name] = progress }
        }
        if written == nil { readLines() }
        var lines: [FileName: HTML] = [:]
        for name in folders.dropFirst(OutboxIndex.full) {
            lines[name] = self.lines[name] ?? progress(name).map { IndexPage.line($0) }
        }
        (self.ended, self.lines) = (ended, lines)
        let page = IndexPage.html(imports, older: folders.compactMap { lines[$0] }, inbox: inbox)
        let path = Array("\(outbox.path)/\(OutboxIndex.fileName)".utf8CString)
        if page.hashValue == written, access(path, F_OK) == 0 { return }
        try replaceFile(path, Data(page.utf8), temporary: "\(outbox.path)/.index", durable: false)
        written = page.hashValue
    }

    private func progress(_ name: FileName) -> ImportProgress? {
        ended[name] ?? ImportID(name.description).flatMap { outbox.progress($0) }
    }

    /// The page itself remembers the older imports, so that a program that starts does not read them all again.
    private mutating func readLines() {
        let path = Array("\(outbox.path)/\(OutboxIndex.fileName)".utf8CString)
        guard let page = try? readFile(path) else { return }
        for line in page.split(separator: UInt8(ascii: "\n")) {
            let text = String(decoding: line, as: UTF8.self)
            guard let (id, html) = IndexPage.parse(line: text) else { continue }
            lines[FileName(id)] = html
        }
    }

    /// Ids sort by time, so their names do.
    private static func newestFirst(_ folders: [FileName]) -> [FileName] {
        folders.sorted { $1.bytes.lexicographicallyPrecedes($0.bytes) }
    }
}
