/// One line of the table.
struct ResultLine {
    var work: String
    var ours: String
    var theirs = "–"
    /// The median, with the smallest and the largest of all runs.
    var ratio: String
    var goal: String
    var isReached: Bool

    fileprivate var cells: [String] { [work, ours, theirs, ratio, goal, isReached ? "yes" : "NO"] }
}

/// Everything that the benchmark found out.
struct Results {
    var lines: [ResultLine] = []
    var notes: [String] = []
    /// What could not be measured, or was wrong.
    var failures: [String] = []

    private static let header = ["work", "ours", "theirs", "ratio (min–max)", "goal", "reached"]

    /// Markdown whose columns are aligned, so that it can be read on a terminal as well.
    var text: String {
        let rows = [Results.header] + lines.map(\.cells)
        let widths = Results.header.indices.map { column in rows.map { $0[column].count }.max()! }
        func line(_ cells: [String]) -> String {
            let padded = zip(cells, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            return "| \(padded.joined(separator: " | ")) |\n"
        }
        var text = line(rows[0]) + line(widths.map { String(repeating: "-", count: $0) })
        for row in rows.dropFirst() { text += line(row) }
        if !notes.isEmpty { text += "\n" + notes.map { "- \($0)\n" }.joined() }
        if !failures.isEmpty { text += "\n" + failures.map { "- FAILED: \($0)\n" }.joined() }
        return text
    }
}
