extension ImportFacts.Header {
    /// So many columns, and characters of their names together, are kept for the report.
    private static let columnsKept = 100
    private static let charactersKept = 3000

    init(_ header: CSVHeader, _ dialect: CSVDialect) {
        var meanings: [Int: String] = [:]
        for (column, index) in header.columns { meanings[index] = column.rawValue }
        var columns: [Column] = []
        var room = Self.charactersKept
        for (index, field) in header.fields.enumerated() where columns.count < Self.columnsKept && room > 0 {
            let name = shortened(field, to: 60)
            room -= name.unicodeScalars.count
            columns.append(Column(name: name, meaning: meanings[index]))
        }
        self.init(line: header.line, lineEnd: dialect.lineEnd.rawValue, columns: columns, count: header.fields.count)
    }
}
