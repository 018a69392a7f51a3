internal import Catalog
internal import FoundationEssentials

/// `index.html`: all imports, what waits in the inbox and why, and what lies there ignored.
enum IndexPage {
    static func html(_ imports: [ImportProgress], older: [HTML], inbox: InboxNotes) -> String {
        let body: HTML = """
            <h1>Imports</h1>
            <p class="sentence">\(sentence(imports, inbox))</p>
            \(waiting(inbox))\(ignored(inbox))\(table(imports))\(list(older))
            """
        return ReportPage.page(title: "Imports · Product Importer", navigation: "", body: body)
    }

    private static func sentence(_ imports: [ImportProgress], _ inbox: InboxNotes) -> String {
        guard let last = imports.first else {
            return inbox.waitingCount > 0
                ? "Nothing has been imported yet." : "Nothing has been imported yet. Drop a CSV file into the inbox."
        }
        let working = imports.count { !$0.state.isEnd }
        if working > 0 { return "\(counted(working, "file")) \(working == 1 ? "is" : "are") being imported." }
        return switch last.state {
        case .failed: "The newest file was not imported: its report says how to mend it."
        case .completed where last.rows.rejected > 0:
            "The newest file is imported, but \(counted(last.rows.rejected, "row")) "
                + "\(last.rows.rejected == 1 ? "needs" : "need") your attention."
        case .completed where last.dryRun: "The newest file was a preview: nothing was changed."
        case .completed: "The newest file is imported."
        default: "The newest import was cancelled, and nothing was changed."
        }
    }

    private static func waiting(_ inbox: InboxNotes) -> HTML {
        guard !inbox.waiting.isEmpty else { return "" }
        let items = inbox.waiting.map { file -> HTML in
            let since = ReportWords.time(ImportProgress.timestamp(file.since))
            return """
                <li><span class="pill" data-state="\(file.isRefused ? "failed" : "waiting")">\
                \(file.isRefused ? "Not taken" : "Waiting")</span> <b class="file"><bdi>\(file.dryRun ? "preview/" : "")\
                \(HTML(cutting: file.file, to: 255))</bdi></b> <span class="muted">since \(since)</span><br>\(file.reason)</li>
                """
        }
        let more = inbox.waitingCount - inbox.waiting.count
        return ReportPage.section(
            "What waits in the inbox",
            "<ul class=\"waiting\">\(items)</ul>\(more > 0 ? "<p class=\"muted\">and \(more) more.</p>" : "" as HTML)")
    }

    private static func ignored(_ inbox: InboxNotes) -> HTML {
        guard !inbox.ignored.isEmpty else { return "" }
        let names = inbox.ignored.map { "<li class=\"file\"><bdi>\(HTML(cutting: $0, to: 255))</bdi></li>" as HTML }
        let more = inbox.ignoredCount - inbox.ignored.count
        return ReportPage.section(
            "What lies in the inbox and is not ours",
            """
            <p>These names do not end in .csv, so they are left alone. Rename a file to import it.</p>\
            <ul>\(names)</ul>\(more > 0 ? "<p class=\"muted\">and \(more) more.</p>" : "" as HTML)
            """)
    }

    private static func table(_ imports: [ImportProgress]) -> HTML {
        guard !imports.isEmpty else { return "" }
        let counts: [(String, any KeyPath<ImportProgress.Rows, Int> & Sendable)] = [
            ("New", \.created), ("Changed", \.updated), ("As before", \.unchanged), ("Repeated", \.duplicates),
            ("Rejected", \.rejected),
        ]
        let rows = imports.map { progress -> HTML in
            let numbers = counts.map { name, count -> HTML in
                let number = progress.rows[keyPath: count]
                return """
                    <td class="number" data-label="\(name)"\(number == 0 ? " data-zero=\"\"" : "" as HTML)>\(number)</td>
                    """
            }
            return """
                <tr><td data-label="File">\(link(progress))\(message(progress))</td>\
                <td data-label="State">\(ReportPage.pill(progress))\
                \(progress.dryRun ? " <span class=\"tag\">Preview</span>" : "" as HTML)</td>\
                <td data-label="When">\(ReportPage.when(progress))</td>\(numbers)</tr>
                """
        }
        let heads = counts.map { "<th class=\"number\">\($0.0)</th>" as HTML }
        return ReportPage.section(
            "Newest first",
            """
            <table class="rows overview"><thead><tr><th>File</th><th>State</th><th>When</th>\(heads)</tr></thead>\
            <tbody>\(rows)</tbody></table>
            """)
    }

    /// An older import: when, name, state and counts in a line.
    static func line(_ progress: ImportProgress) -> HTML {
        let rows = progress.rows
        let counts = [
            (rows.created, "new"), (rows.updated, "changed"), (rows.unchanged, "as before"),
            (rows.duplicates, "repeated"), (rows.rejected, "rejected"),
        ].filter { $0.0 > 0 }.map { "\(grouped($0.0)) \($0.1)" }
        let state = ReportWords.state(progress.state) + (progress.dryRun ? ", preview" : "")
        return """
            <li id="\(progress.id ?? "")"><span class="muted">\(ReportPage.when(progress))</span> \(link(progress)) \
            \(([state] + counts).joined(separator: ", "))</li>

            """
    }

    /// The import of such a line in a page that we wrote; nil for all other lines.
    static func parse(line: String) -> (id: String, line: HTML)? {
        let start = "<li id=\""
        guard line.hasPrefix(start), line.hasSuffix("</li>") else { return nil }
        let id = String(line.dropFirst(start.count).prefix(36))
        return ImportID(id).map { _ in (id, HTML(written: line + "\n")) }
    }

    private static func list(_ older: [HTML]) -> HTML {
        guard !older.isEmpty else { return "" }
        return ReportPage.section("\(counted(older.count, "older import"))", "<ul class=\"older\">\n\(older)</ul>")
    }

    private static func link(_ progress: ImportProgress) -> HTML {
        let name: HTML = "<bdi>\(HTML(cutting: progress.file, to: 255))</bdi>"
        guard let id = progress.id else { return "<span class=\"file\">\(name)</span>" }
        let target = progress.files.report == nil ? "" : ReportPage.fileName
        return "<a class=\"file\" href=\"./\(ReportPage.percentEncoded(id))/\(target)\">\(name)</a>"
    }

    private static func message(_ progress: ImportProgress) -> HTML {
        switch progress.state {
        case .failed:
            "<br><span class=\"message\">\(HTML(cutting: progress.error?.message ?? progress.message, to: 200))</span>"
        case .waiting, .queued, .running:
            "<br><span class=\"message\">\(HTML(cutting: progress.message, to: 200))</span>"
        case .completed where !progress.warnings.isEmpty:
            "<br><span class=\"message\">\(counted(progress.warnings.count, "warning"))</span>"
        case .completed, .cancelled: ""
        }
    }
}
