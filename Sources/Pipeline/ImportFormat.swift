internal import Catalog

extension ImportProgress.Format {
    /// How the reader understood the file, in words for the report.
    init(header: CSVHeader, dialect: CSVDialect) {
        let delimiter = dialect.delimiter == 0x09 ? "tab" : String(Unicode.Scalar(dialect.delimiter))
        var columns: [String: String] = [:]
        for (column, index) in header.columns { columns[column.rawValue] = header.fields[index] }
        self.init(
            encoding: dialect.encoding.rawValue, delimiter: delimiter, columns: columns,
            ignoredColumns: header.ignoredColumns)
    }
}
