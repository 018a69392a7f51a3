/// The header record, and which of its fields the importer knows.
package struct CSVHeader: Equatable, Sendable {
    /// A known column under another name.
    package struct Alias: Equatable, Sendable {
        package let column: CSVColumn
        /// As the file has it.
        package let name: String
    }

    /// As found, neither trimmed nor normalized.
    package let fields: [String]
    /// The physical line, from 1, on which it begins.
    package let line: Int
    /// Bytes of the source file, with the line end.
    package let source: Range<Int64>
    /// Field index of each known column that the file has; `sku` always is.
    package let columns: [CSVColumn: Int]
    /// Columns that are not imported; those without a name are not listed.
    package let ignoredColumns: [String]
    package let aliases: [Alias]

    /// Field index of the SKU.
    package var sku: Int { columns[.sku] ?? 0 }
    package var name: Int? { columns[.name] }
    package var description: Int? { columns[.description] }
    package var active: Int? { columns[.active] }

    /// - Throws: `missing_column` or `duplicate_column`.
    init(fields: [String], line: Int, source: Range<Int64>) throws(InputError) {
        var columns: [CSVColumn: Int] = [:]
        var ignored: [String] = []
        var aliases: [Alias] = []
        for (index, field) in fields.enumerated() {
            let normalized = CSVColumn.normalize(field)
            guard let column = CSVColumn(headerField: field) else {
                if !normalized.isEmpty { ignored.append(field) }
                continue
            }
            if let earlier = columns[column] {
                throw .duplicateColumn(column, (earlier, fields[earlier]), (index, field), line: line)
            }
            columns[column] = index
            if normalized != column.rawValue { aliases.append(Alias(column: column, name: field)) }
        }
        guard columns[.sku] != nil else { throw .missingSKU(found: fields, line: line) }
        self.fields = fields
        self.line = line
        self.source = source
        self.columns = columns
        self.ignoredColumns = ignored
        self.aliases = aliases
    }
}

extension InputError {
    private static let longestList = 20
    private static let longestName = 60

    fileprivate static func duplicateColumn(
        _ column: CSVColumn, _ first: (index: Int, name: String), _ second: (index: Int, name: String), line: Int
    ) -> InputError {
        InputError(
            .duplicateColumn, line: line,
            "Columns \(first.index + 1) (\(quoted(first.name))) and \(second.index + 1) (\(quoted(second.name))) of the "
                + "header both mean “\(column.rawValue)”. Remove or rename one of them.")
    }

    fileprivate static func missingSKU(found: [String], line: Int) -> InputError {
        var names = found.prefix(longestList).map(quoted).joined(separator: ", ")
        if found.count > longestList { names += " and \(found.count - longestList) more" }
        let aliases = CSVColumn.sku.aliases.joined(separator: ", ")
        return InputError(
            .missingColumn, line: line,
            "The header (line \(line)) has no SKU column. Its columns are: \(names). "
                + "Name the column with the SKUs “sku” (or one of: \(aliases)).")
    }

    /// A header field for a message: short, on one line, without control characters.
    private static func quoted(_ name: String) -> String {
        var shown = String.UnicodeScalarView()
        for scalar in name.unicodeScalars.prefix(longestName) {
            shown.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        return "“\(String(shown))\(name.unicodeScalars.count > longestName ? "…" : "")”"
    }
}
