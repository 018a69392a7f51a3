/// A column that the importer knows.
package enum CSVColumn: String, CaseIterable, Hashable, Sendable {
    case sku, name, description, active

    /// Other names for it, as shop systems and suppliers write them, normalized.
    package var aliases: [String] {
        switch self {
        case .sku: ["product_sku", "variant_sku", "item_sku", "article_number", "part_number"]
        case .name: ["title", "product_name"]
        case .description: ["desc", "body", "body_html", "product_description"]
        case .active: ["enabled", "published", "is_active"]
        }
    }

    private static let byNormalizedName: [String: CSVColumn] = {
        var columns: [String: CSVColumn] = [:]
        for column in allCases {
            columns[column.rawValue] = column
            for alias in column.aliases { columns[alias] = column }
        }
        return columns
    }()

    /// The column that a header field names, if it names one.
    package init?(headerField: String) {
        guard let column = Self.byNormalizedName[Self.normalize(headerField)] else { return nil }
        self = column
    }

    /// Lower case, without outer white space, each run of `_`, `-` and white space one `_`.
    static func normalize(_ field: String) -> String {
        let scalars = field.unicodeScalars
        guard let first = scalars.firstIndex(where: { !isInvisible($0) }),
            let last = scalars.lastIndex(where: { !isInvisible($0) })
        else { return "" }
        var name = String.UnicodeScalarView()
        for scalar in scalars[first...last] {
            let isSeparator = scalar == "_" || scalar == "-" || scalar.properties.isWhitespace
            if !isSeparator {
                name.append(lowercased(scalar))
            } else if name.last != "_" {
                name.append("_")
            }
        }
        return String(name)
    }

    /// The known names are ASCII, so no other case matters.
    private static func lowercased(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        "A"..."Z" ~= scalar ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar
    }

    /// White space of Unicode (NBSP is), and what has no width at all.
    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\u{180E}", "\u{200B}"..."\u{200D}", "\u{2060}", "\u{FEFF}": true
        default: scalar.properties.isWhitespace
        }
    }
}
