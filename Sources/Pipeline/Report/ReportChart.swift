/// Charts as inline SVG, each with a title and a description. Their colours come from the stylesheet by class.
enum ReportChart {
    struct Part {
        let name: String
        let count: Int
    }

    /// A strip whose parts add up to the whole. Parts too small to be seen get a sliver, so that none is missing.
    static func strip(_ parts: [Part], title: String) -> HTML {
        let shown = parts.filter { $0.count > 0 }
        let total = shown.reduce(0) { $0 + $1.count }
        guard total > 0 else { return "" }
        let (width, gap, least) = (1000.0, 3.0, 6.0)
        let room = width - gap * Double(shown.count - 1)
        var widths = shown.map { max(least, room * Double($0.count) / Double(total)) }
        let surplus = widths.reduce(0, +) - room
        if let largest = widths.indices.max(by: { widths[$0] < widths[$1] }) { widths[largest] -= surplus }
        var at = 0.0
        var pieces: [HTML] = []
        for ((part, share), width) in zip(zip(shown, ReportWords.percents(shown.map(\.count))), widths) {
            pieces.append(
                """
                <rect class="part-\(part.name)" x="\(number(at))" y="0" width="\(number(width))" height="24">\
                <title>\(part.count) \(part.name) (\(share))</title></rect>
                """)
            at += width + gap
        }
        let description = shown.map { "\(grouped($0.count)) \($0.name)" }.joined(separator: ", ")
        return """
            <svg class="strip-chart" viewBox="0 0 1000 24" preserveAspectRatio="none" role="img" \
            aria-label="\(title): \(description)"><title>\(title)</title><desc>\(description)</desc>\(pieces)</svg>
            """
    }

    struct Bar {
        let name: String
        let seconds: Double
        /// A part of the bar above it.
        var isPart = false
    }

    /// Times as bars of one scale, each with its number beside it.
    static func bars(_ bars: [Bar], title: String) -> HTML {
        let longest = max(bars.map(\.seconds).max() ?? 0, 0.000_1)
        let rows = bars.map { bar -> HTML in
            let width = max(2, 1000 * bar.seconds / longest)
            let words = "\(bar.name): \(ReportWords.seconds(bar.seconds))"
            return """
                <tr\(bar.isPart ? " class=\"part\"" : "" as HTML)><th scope="row">\(bar.name)</th>\
                <td class="bar-cell"><svg class="bar-chart" viewBox="0 0 1000 12" preserveAspectRatio="none" role="img" \
                aria-label="\(words)"><title>\(words)</title><desc>Share of the longest stage</desc>\
                <rect x="0" y="0" width="\(number(width))" height="12"></rect></svg></td>\
                <td class="number">\(ReportWords.seconds(bar.seconds))</td></tr>
                """
        }
        return """
            <table class="bars"><caption>\(title)</caption><tbody>\(rows)</tbody></table>
            """
    }

    /// A coordinate: at most one digit behind the point.
    private static func number(_ value: Double) -> HTML {
        let tenths = Int((max(0, value) * 10).rounded())
        return HTML(escaping: tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)")
    }
}
