package import Catalog
internal import FoundationEssentials
internal import Glibc

/// Writes the reports of imports into their folders. A report is made of what lies in the folder, so that it can be made
/// again at any time.
package struct ReportFile: Sendable {
    private let outbox: Outbox

    package init(_ outbox: Outbox) { self.outbox = outbox }

    /// Writes the report of an import that ends. Its facts are in its folder already.
    func write(_ end: ImportProgress, _ id: ImportID) throws {
        let report = report(end, id)
        let target = "\(outbox.folder(id))/\(ReportPage.fileName)"
        try replaceFile(
            Array(target.utf8CString), Data(ReportPage.html(report).utf8), temporary: "\(outbox.folder(id))/.report",
            durable: true)
    }

    /// The report of an ended import, as it would be written now.
    package func report(_ end: ImportProgress, _ id: ImportID) -> ImportReport {
        let facts = facts(id)
        return ImportReport(
            end, facts: facts, openRejects: openRejects(of: end.rows.rejected, facts?.repairs ?? [], depth: 0))
    }

    /// What was kept of an import, for whoever needs to know more than its progress object tells.
    package func facts(_ id: ImportID) -> ImportFacts? {
        (try? readFile(Array(factsPath(id).utf8CString))).flatMap { ImportFacts(json: $0) }
    }

    func factsPath(_ id: ImportID) -> String { "\(outbox.folder(id))/\(ImportFacts.fileName)" }

    // MARK: Repairs

    /// Rejects of rejects of rejects: so far a chain is followed.
    private static let longestChain = 20

    /// Tells the import whose rejects came back, and those before it, what has become of them. Can be repeated.
    func note(repair end: ImportProgress) throws {
        guard end.state == .completed, !end.dryRun, let id = end.id,
            let original = end.repairs.flatMap({ ImportID($0) }), outbox.progress(original) != nil
        else { return }
        var facts = facts(original) ?? ImportFacts()
        facts.repairs.removeAll { $0.id == id }
        facts.repairs.append(
            ImportReport.Repair(
                id: id, file: end.file, read: end.rows.read, rejected: end.rows.rejected,
                finished: ImportProgress.timestamp(end.finishedAt ?? end.updatedAt)))
        try replaceFile(
            Array(factsPath(original).utf8CString), facts.json(), temporary: "\(outbox.folder(original))/.facts",
            durable: true)
        var next: ImportID? = original
        for _ in 0..<ReportFile.longestChain {
            guard let id = next, let progress = outbox.progress(id), progress.state.isEnd else { return }
            try write(progress, id)
            next = progress.repairs.flatMap { ImportID($0) }
        }
    }

    /// Rejected rows of an import that have not come back, or came back and were rejected again.
    private func openRejects(of rejected: Int, _ repairs: [ImportReport.Repair], depth: Int) -> Int {
        var open = rejected
        for repair in repairs {
            var openThere = repair.rejected
            if repair.rejected > 0, depth < ReportFile.longestChain, let id = ImportID(repair.id) {
                openThere = openRejects(of: repair.rejected, facts(id)?.repairs ?? [], depth: depth + 1)
            }
            open -= repair.read - openThere
        }
        return max(0, open)
    }
}
