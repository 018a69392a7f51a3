internal import Catalog
internal import FoundationEssentials

/// The sections for whoever wants to know more.
extension ReportPage {
    static func changes(_ report: ImportReport) -> HTML {
        guard let changes = report.facts?.changes, report.progress.state == .completed, !changes.sample.isEmpty else {
            return ""
        }
        let counts = ["sku", "name", "description", "active"].compactMap { field in
            changes.fields[field].flatMap { $0 > 0 ? "\(words(field)) (\(counted($0, "product")))" : nil }
        }.joined(separator: ", ")
        let rows = changes.sample.map { product -> HTML in
            let fields = product.fields.map { field -> HTML in
                """
                <div class="change"><span class="muted">\(words(field.field))</span> <del>\(shown(field.old))</del> \
                <span class="arrow">→</span> <ins>\(shown(field.new))</ins></div>
                """
            }
            return """
                <tr><td data-label="SKU"><code>\(HTML(cutting: product.sku, to: 80))</code></td>\
                <td class="number" data-label="Line">\(product.line)</td><td data-label="Old and new">\(fields)</td></tr>
                """
        }
        let updated = report.progress.rows.updated
        let which: HTML =
            updated > changes.sample.count
            ? "<p class=\"muted\">\(changes.sample.count) of \(updated) products:</p>" : ""
        return section(
            report.progress.dryRun ? "What would change" : "What changed",
            """
            <p>Different in \(counts).</p>\(which)<table class="rows"><thead><tr><th>SKU</th><th class="number">Line</th>\
            <th>Old → new</th></tr></thead><tbody>\(rows)</tbody></table>
            """)
    }

    private static func words(_ field: String) -> String { field == "sku" ? "spelling of the SKU" : field }

    private static func shown(_ text: String) -> HTML {
        text.isEmpty ? "<span class=\"muted\">empty</span>" : HTML(cutting: text, to: 120)
    }

    static func repeated(_ report: ImportReport) -> HTML {
        let repeated = report.facts?.repeated ?? []
        guard !repeated.isEmpty, report.progress.rows.duplicates > 0 else { return "" }
        let rows = repeated.map { sku -> HTML in
            """
            <tr><td data-label="SKU"><code>\(HTML(cutting: sku.sku, to: 80))</code></td>\
            <td class="number" data-label="Times">\(sku.count)</td><td class="number" data-label="Counts">\(sku.line)</td></tr>
            """
        }
        return section(
            "SKUs that are in the file more than once",
            """
            <p>Upper and lower case do not matter: these are one product each, and its last row counts. The most \
            repeated ones:</p><table class="rows"><thead><tr><th>SKU, in lower case</th><th class="number">Times</th>\
            <th class="number">Line that counts</th></tr></thead><tbody>\(rows)</tbody></table>
            """)
    }

    static func reading(_ report: ImportReport) -> HTML {
        let progress = report.progress
        guard let format = progress.format else { return "" }
        var facts: HTML = """
            <dt>Encoding</dt><dd>\(format.encoding)</dd><dt>Separator</dt><dd>\(ReportWords.delimiter(format.delimiter))</dd>
            """
        guard let header = report.facts?.header else {
            return section("How the file was read", "<dl class=\"facts-list\">\(facts)</dl>")
        }
        facts += """
            <dt>Line ends</dt><dd>\(ReportWords.lineEnd(header.lineEnd))</dd>\
            <dt>Header</dt><dd>line \(header.line), \(counted(header.count, "column"))</dd>
            """
        let missing = CSVColumn.allCases.filter { format.columns[$0.rawValue] == nil }.map(\.rawValue)
        if !missing.isEmpty {
            facts += """
                <dt>Not in the file</dt><dd>\(missing.joined(separator: ", ")): existing products keep what they have</dd>
                """
        }
        let columns = header.columns.enumerated().map { index, column -> HTML in
            let meaning: HTML =
                switch column.meaning {
                case nil: "<td data-label=\"Use\" class=\"muted\">ignored</td>"
                case column.name?: "<td data-label=\"Use\">used</td>"
                case let meaning?: "<td data-label=\"Use\">used as <b>\(meaning)</b></td>"
                }
            let name: HTML =
                column.name.isEmpty
                ? "<span class=\"muted\">without a name</span>" : "<code>\(HTML(cutting: column.name, to: 60))</code>"
            return
                "<tr><td class=\"number\" data-label=\"Column\">\(index + 1)</td><td data-label=\"Header\">\(name)</td>\(meaning)</tr>"
        }
        let more = header.count - header.columns.count
        return section(
            "How the file was read",
            """
            <dl class="facts-list">\(facts)</dl><table class="rows"><thead><tr><th class="number">Column</th>\
            <th>Header as found</th><th>Use</th></tr></thead><tbody>\(columns)</tbody></table>\
            \(more > 0 ? "<p class=\"muted\">and \(counted(more, "further column")).</p>" : "" as HTML)
            """)
    }

    static func times(_ report: ImportReport) -> HTML {
        let seconds = report.progress.plan?.seconds ?? [:]
        guard !seconds.isEmpty else { return "" }
        let stages: [(String, String, Bool)] = [
            ("parse", "Reading", false), ("dedupe", "Finding duplicates", false), ("load", "Loading", false),
            ("compare", "comparing with the catalogue", true), ("insert", "new products", true),
            ("index", "their index", true), ("update", "changed products", true), ("verify", "looking once more", true),
            ("finish", "Finishing", false),
        ]
        let bars = stages.compactMap { key, name, isPart in
            seconds[key].flatMap { isPart && $0 == 0 ? nil : ReportChart.Bar(name: name, seconds: $0, isPart: isPart) }
        }
        let total = bars.filter { !$0.isPart }.reduce(0) { $0 + $1.seconds }
        let read = report.progress.rows.read
        let rate: HTML =
            read >= 1000 && total > 0
            ? "<p>\(counted(read, "row")) in \(ReportWords.seconds(total)): \(Int(Double(read) / total)) rows per second.</p>"
            : ""
        return section("How long it took", "\(rate)\(ReportChart.bars(bars, title: "Time of each stage"))")
    }

    /// What this report is about, to the byte.
    static func origin(_ report: ImportReport) -> HTML {
        let progress = report.progress
        var facts: HTML = ""
        func add(_ name: HTML, _ value: HTML?) {
            if let value { facts += "<dt>\(name)</dt><dd>\(value)</dd>" }
        }
        func time(_ date: Date?) -> HTML? {
            date.map { date in
                let stamp = ImportProgress.timestamp(date)
                return "<time datetime=\"\(stamp)\">\(ReportWords.time(stamp))</time>"
            }
        }
        add("Import", progress.id.map { "<code>\($0)</code>" })
        add("Size", progress.bytes.total > 0 ? HTML(escaping: ReportWords.size(progress.bytes.total)) : nil)
        add("SHA-256", progress.sha256.map { "<code>\($0)</code>" })
        add("Received", time(progress.receivedAt))
        add("Started", time(progress.startedAt))
        add("Finished", time(progress.finishedAt))
        add("How it was loaded", progress.plan?.name.flatMap(ReportWords.plan))
        if let versions = report.facts?.versions {
            add(
                "Versions",
                "Product Importer \(versions.program), schema \(plain: versions.schema), PostgreSQL \(versions.postgres)"
            )
        }
        return section("This import", "<dl class=\"facts-list\">\(facts)</dl>")
    }
}
