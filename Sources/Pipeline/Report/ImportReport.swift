package import Catalog

/// Everything that the report of one import tells. `ReportPage` makes the page of it, and nothing else is asked for.
package struct ImportReport: Sendable {
    /// An import of mended rejects of this one.
    package struct Repair: Codable, Equatable, Sendable {
        package var id: String
        package var file: String
        /// Rows that it had, and those of them that were rejected again.
        package var read: Int
        package var rejected: Int
        package var finished: String

        package init(id: String, file: String, read: Int, rejected: Int, finished: String) {
            self.id = id
            self.file = file
            self.read = read
            self.rejected = rejected
            self.finished = finished
        }
    }

    package var progress: ImportProgress
    /// Nil when they were lost in a crash of the machine: the report is then made of the progress object alone.
    package var facts: ImportFacts?
    /// Rejected rows that no repair has brought in so far.
    package var openRejects: Int

    package init(
        _ progress: ImportProgress, facts: ImportFacts?, openRejects: Int? = nil
    ) {
        self.progress = progress
        self.facts = facts
        self.openRejects = openRejects ?? progress.rows.rejected
    }

    /// What happened, in words that a shop owner understands.
    package var sentence: String { ReportSentence(self).text }
}

/// The first sentences of a report.
struct ReportSentence {
    private let progress: ImportProgress
    private let rows: ImportProgress.Rows
    private let report: ImportReport

    init(_ report: ImportReport) {
        self.report = report
        progress = report.progress
        rows = progress.rows
    }

    var text: String {
        switch progress.state {
        case .completed: ([progress.dryRun ? preview : completed] + attention).joined(separator: " ")
        case .failed:
            failed
        case .cancelled: "This import was cancelled before it was done, and nothing was changed."
        case .waiting, .queued, .running: progress.message
        }
    }

    private var failed: String {
        let reason = progress.error?.message ?? progress.message
        return "This file was not imported, and nothing was changed. "
            + reason.replacing(" Nothing was changed.", with: "")
    }

    private var completed: String {
        if rows.read == 0 { return "The file has a header and no rows, so nothing was changed." }
        let products = rows.created + rows.updated + rows.unchanged
        if products == 0 { return "No row of the file could be used, so nothing was changed." }
        if rows.unchanged == products {
            return products == 1
                ? "The product of this file is in the catalogue as before: nothing had to be changed."
                : "\(all(products, "product")) of this file are in the catalogue as before: nothing had to be changed."
        }
        let verb = products == 1 ? "product is" : "products are"
        return "\(grouped(products)) \(verb) in the catalogue: \(parts)."
    }

    private var parts: String {
        [(rows.created, "new"), (rows.updated, "changed"), (rows.unchanged, "as before")].filter { $0.0 > 0 }
            .map { "\(grouped($0.0)) \($0.1)" }.joined(separator: ", ")
    }

    private var preview: String {
        let nothing = "This was a preview: nothing was changed."
        if rows.read == 0 { return nothing + " The file has a header and no rows." }
        let products = rows.created + rows.updated + rows.unchanged
        if products == 0 { return nothing + " No row of the file can be used." }
        if rows.unchanged == products {
            return nothing + " An import would change nothing either: all of it is in the catalogue already."
        }
        return nothing + " An import would leave \(counted(products, "product")) in the catalogue: \(parts)."
    }

    private var attention: [String] {
        var sentences: [String] = []
        if rows.rejected > 0 {
            let all = rows.rejected == 1 ? "1 row needs" : "\(grouped(rows.rejected)) rows need"
            if report.openRejects == 0 {
                sentences.append(
                    rows.rejected == 1
                        ? "The row that was rejected has been repaired since."
                        : "The \(grouped(rows.rejected)) rows that were rejected have been repaired since.")
            } else if report.openRejects < rows.rejected {
                sentences.append(
                    "\(grouped(report.openRejects)) of the \(grouped(rows.rejected)) rejected rows still "
                        + "\(report.openRejects == 1 ? "needs" : "need") your attention.")
            } else {
                sentences.append("\(all) your attention.")
            }
        }
        if !progress.warnings.isEmpty {
            sentences.append(
                progress.warnings.count == 1
                    ? "There is one warning: something in the file looks damaged."
                    : "There are \(progress.warnings.count) warnings: something in the file looks damaged.")
        }
        return sentences
    }
}

/// "The row", "Both rows", "All 12 rows".
func all(_ number: Int, _ noun: String) -> String {
    switch number {
    case 1: "The \(noun)"
    case 2: "Both \(noun)s"
    default: "All \(grouped(number)) \(noun)s"
    }
}

/// "1 row", "12 rows".
func counted(_ number: Int, _ noun: String) -> String { "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")" }
