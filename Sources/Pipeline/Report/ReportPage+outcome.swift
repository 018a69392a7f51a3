internal import Catalog

/// The sections that say what the import did, and what is still to be done.
extension ReportPage {
    /// Of a failed import: what, where, and how to mend it.
    static func failure(_ report: ImportReport) -> HTML {
        guard let failure = report.progress.error else { return "" }
        let place = failure.line.map { line -> HTML in
            let column = report.facts?.excerpt?.line == line ? report.facts?.excerpt?.column : nil
            return "<dt>Where</dt><dd>Line \(line)\(column.map { ", character \($0)" as HTML } ?? "")</dd>"
        }
        return section(
            "What is wrong, and how to mend it",
            """
            <dl class="facts-list"><dt>What</dt><dd>\(HTML(cutting: failure.message, to: 2000))</dd>\(place ?? "")\
            <dt>What to do</dt><dd>\(ReportWords.advice(failure: failure.code))</dd>\
            <dt>The catalogue</dt><dd>is as it was before: a file is imported whole or not at all.</dd></dl>
            \(report.facts?.excerpt.map(excerpt) ?? "")
            """)
    }

    private static func excerpt(_ excerpt: ImportFacts.Excerpt) -> HTML {
        let lines = excerpt.lines.map { line -> HTML in
            let isHere = line.number == excerpt.line
            return """
                <tr\(isHere ? " class=\"here\"" : "" as HTML)><th scope="row">\(line.number)\
                \(isHere ? "<span class=\"quiet\"> (here)</span>" : "" as HTML)</th>\
                <td><code>\(marked(line, at: isHere ? excerpt.column : nil))\(line.isCut ? "…" : "")</code></td></tr>
                """
        }
        return """
            <table class="excerpt"><caption>The file around line \(excerpt.line)</caption><tbody>\(lines)</tbody></table>
            """
    }

    private static func marked(_ line: ImportFacts.Excerpt.Line, at column: Int?) -> HTML {
        let scalars = line.text.unicodeScalars
        guard let column,
            let index = scalars.index(scalars.startIndex, offsetBy: column - 1, limitedBy: scalars.endIndex),
            index < scalars.endIndex
        else { return HTML(cutting: line.text, to: 200) }
        return """
            \(HTML(cutting: String(scalars[..<index]), to: 200))<mark>\(String(scalars[index]))</mark>\
            \(HTML(cutting: String(scalars[scalars.index(after: index)...]), to: 200))
            """
    }

    /// The counts as a picture that adds up.
    static func counts(_ report: ImportReport) -> HTML {
        let rows = report.progress.rows
        guard report.progress.state == .completed else {
            guard rows.read > 0 else { return "" }
            return section(
                "Rows",
                """
                <p>\(counted(rows.read, "row")) \(rows.read == 1 ? "was" : "were") read\
                \(rows.rejected > 0 ? ", \(rows.rejected) of them rejected" : "" as HTML). None was applied.</p>
                """)
        }
        guard rows.read > 0 else { return "" }
        let parts = [
            ReportChart.Part(name: "created", count: rows.created),
            ReportChart.Part(name: "updated", count: rows.updated),
            ReportChart.Part(name: "unchanged", count: rows.unchanged),
            ReportChart.Part(name: "duplicates", count: rows.duplicates),
            ReportChart.Part(name: "rejected", count: rows.rejected),
        ]
        let meanings = [
            "created": "new in the catalogue", "updated": "were there and are different now",
            "unchanged": "were there and are the same",
            "duplicates": "repeated in the file: the last row of a SKU counts",
            "rejected": "cannot be used as they are",
        ]
        let shares = ReportWords.percents(parts.map(\.count))
        let items = zip(parts, shares).map { part, share -> HTML in
            """
            <tr><th scope="row"><span class="key part-\(part.name)"></span>\(part.name)</th>\
            <td class="number">\(part.count)</td><td class="number">\(share)</td>\
            <td>\(meanings[part.name] ?? "")</td></tr>
            """
        }
        let title = report.progress.dryRun ? "What an import would do" : "What the rows became"
        return section(
            HTML(escaping: title),
            """
            \(ReportChart.strip(parts, title: "\(counted(rows.read, "row"))"))
            <table class="counts-table"><tbody>\(items)</tbody><tfoot><tr><th scope="row">all rows</th>\
            <td class="number">\(rows.read)</td><td></td><td></td></tr></tfoot></table>
            """)
    }

    static func warnings(_ report: ImportReport) -> HTML {
        guard !report.progress.warnings.isEmpty else { return "" }
        let items = report.progress.warnings.map { warning -> HTML in
            """
            <li><h3>\(ReportWords.title(warning: warning.code))</h3><p>\(HTML(cutting: warning.message, to: 2000))</p>\
            \(warning.lines.isEmpty ? "" : "<p class=\"muted\">\(lines(warning.lines, of: warning.count)).</p>" as HTML)</li>
            """
        }
        return section(
            "Warnings",
            """
            <p>Nothing was rejected for these: the rows \(report.progress.dryRun ? "would be" : "are") in the catalogue as \
            they stand in the file.</p><ul class="warnings">\(items)</ul>
            """)
    }

    /// "Lines 3, 14, 207 and 12 more".
    static func lines(_ lines: [Int], of count: Int) -> HTML {
        let rest = count - lines.count
        let numbers = lines.map { grouped($0) }.joined(separator: ", ")
        return
            "\(lines.count == 1 && rest <= 0 ? "Line" : "Lines") \(numbers)\(rest > 0 ? " and \(rest) more" : "" as HTML)"
    }

    static func rejects(_ report: ImportReport) -> HTML {
        let rejected = report.progress.rows.rejected
        guard rejected > 0 else { return "" }
        let groups = (report.facts?.rejects ?? []).sorted { $0.count > $1.count }
        return section(
            "Rejected rows",
            """
            <p><a href="./rejects.csv">rejects.csv</a> holds the header and only these rows, just as they were; \
            <a href="./errors.csv">errors.csv</a> has the reason for each. \(advice(report))</p>\
            \(groups.map { group($0, isOpen: report.openRejects > 0) })
            """)
    }

    /// What to do with the rejected rows as a whole.
    private static func advice(_ report: ImportReport) -> HTML {
        if report.openRejects == 0 { return "They have been repaired since: there is nothing left to do." }
        if report.progress.state == .failed {
            return "Mend the whole file and drop that again: none of its rows was applied."
        }
        if report.progress.dryRun {
            return """
                Nothing of this file has been imported yet. Mend these rows in the file itself, or import it first and \
                then mend the rejects of that import.
                """
        }
        return "Mend them there, save the file under the same name, and drop it into the inbox."
    }

    private static func group(_ group: ImportFacts.RejectGroup, isOpen: Bool) -> HTML {
        let rows = group.rows.map { row -> HTML in
            """
            <tr><td class="number" data-label="Line">\(row.line)</td>\
            <td data-label="Column">\(row.column.map { "<code>\(HTML(cutting: $0, to: 60))</code>" as HTML } ?? "the whole row")</td>\
            <td data-label="Value">\(value(row))</td></tr>
            """
        }
        let more = group.count - group.rows.count
        return """
            <h3>\(ReportWords.title(reject: group.code)): \(counted(group.count, "row"))</h3>
            \(isOpen ? "<p>\(ReportWords.advice(reject: group.code))</p>" : "" as HTML)
            <table class="rows"><thead><tr><th class="number">Line</th><th>Column</th><th>Value</th></tr></thead>\
            <tbody>\(rows)</tbody></table>\
            \(more > 0 ? "<p class=\"muted\">and \(more) more, in <a href=\"./errors.csv\">errors.csv</a>.</p>" : "" as HTML)
            """
    }

    /// Only a cell can be empty: of a whole row there is its beginning, if it is known.
    private static func value(_ row: ImportFacts.RejectGroup.Row) -> HTML {
        guard row.value.isEmpty else { return "<code>\(HTML(cutting: row.value, to: 80))</code>" }
        return row.column == nil ? "–" : "<span class=\"muted\">empty</span>"
    }

    /// What became of the rejects since, and of which import these rows are the mended rejects.
    static func repairs(_ report: ImportReport) -> HTML {
        var content: HTML = ""
        if let original = report.progress.repairs {
            content += """
                <p>This file repairs rejected rows of <a href="../\(percentEncoded(original))/report.html">an earlier \
                import</a>, whose report now says what is still open.</p>
                """
        }
        let repairs = report.facts?.repairs ?? []
        guard !repairs.isEmpty else { return content == "" ? "" : section("Repair", content) }
        let rows = repairs.suffix(50).map { repair -> HTML in
            """
            <tr><td data-label="File"><a class="file" href="../\(percentEncoded(repair.id))/report.html"><bdi>\(repair.file)\
            </bdi></a></td><td data-label="When">\(ReportWords.time(repair.finished))</td>\
            <td class="number" data-label="Rows">\(repair.read)</td>\
            <td class="number" data-label="Rejected again">\(repair.rejected)</td></tr>
            """
        }
        let rejected = report.progress.rows.rejected
        let open: HTML =
            report.openRejects == 0
            ? "<p>\(all(rejected, "rejected row")) \(rejected == 1 ? "has" : "have") come back: nothing is open.</p>"
            : "<p>\(counted(report.openRejects, "row")) of \(rejected) \(report.openRejects == 1 ? "is" : "are") still open.</p>"
        content += """
            \(open)<table class="rows"><thead><tr><th>Repaired by</th><th>When</th><th class="number">Rows</th>\
            <th class="number">Rejected again</th></tr></thead><tbody>\(rows)</tbody></table>
            """
        return section("Repair", content)
    }
}
