import Testing

@testable import Pipeline

@Suite struct HeaderTests {
    @Test(arguments: [
        ("sku,name", ","), ("sku;name", ";"), ("sku\tname", "\t"), ("sku|name", "|"), ("sku", ","),
        ("sku;a,b,c,d,e", ";"), ("a,b;sku", ";"), ("\"sku\";\"a,b\"", ";"), ("sku;name,x|y", ";"),
        ("sku|name;a;b;c", "|"), ("\"a;b\",sku", ","), ("\"a\nb\";sku\n", ";"),
    ])
    func `finds the delimiter`(header: String, delimiter: String) throws {
        #expect(try ReaderRun(header).dialect.delimiter == delimiter.utf8.first)
        #expect(try ReaderRun(header + "\n1;2,3|4\t5\n", chunkSize: 1).dialect.delimiter == delimiter.utf8.first)
    }

    @Test(arguments: [
        "SKU", " sku ", "\u{A0}Sku\u{200B}", "Variant SKU", "variant-sku", "VARIANT__SKU", "Product \u{A0} SKU",
        "item_sku",
        "Article Number", "part - number", "\u{FEFF}sku",
    ])
    func `recognizes the SKU column as shops write it`(name: String) throws {
        let run = try ReaderRun("id,\(name)\n1,A\n")
        #expect(run.header.sku == 1)
        #expect(run.header.fields[1] == name)
        #expect(run.header.ignoredColumns == ["id"])
    }

    @Test func `maps every known column, and names aliases and ignored columns`() throws {
        let header = try ReaderRun("Price,Title,Body (HTML),Body HTML,Variant SKU,Published,,\"Ta,x\"\n").header
        #expect(header.columns == [.name: 1, .description: 3, .sku: 4, .active: 5])
        #expect((header.sku, header.name, header.description, header.active) == (4, 1, 3, 5))
        #expect(header.ignoredColumns == ["Price", "Body (HTML)", "Ta,x"])
        #expect(header.aliases.map(\.name) == ["Title", "Body HTML", "Variant SKU", "Published"])
        #expect(header.aliases.map(\.column) == [.name, .description, .sku, .active])
    }

    @Test(arguments: CSVColumn.allCases)
    func `knows each alias`(column: CSVColumn) {
        for name in column.aliases + [column.rawValue] {
            #expect(CSVColumn(headerField: name.uppercased().replacing("_", with: "- ")) == column)
        }
        #expect(CSVColumn(headerField: column.rawValue + "s") == nil)
    }

    @Test func `a column that is missing has no index`() throws {
        let header = try ReaderRun("sku\nA\n").header
        #expect(header.name == nil && header.description == nil && header.active == nil)
        #expect(header.aliases.isEmpty && header.ignoredColumns.isEmpty)
    }

    @Test(arguments: ["sep=;", "SEP=;", "\"sep=;\"", "Sep=;"])
    func `obeys a line that names the delimiter`(line: String) throws {
        for lineEnd in ["\n", "\r\n", "\r"] {
            let run = try ReaderRun("\u{FEFF}\(line)\(lineEnd)sku;a,b,c,d\(lineEnd)A;1\(lineEnd)", chunkSize: 2)
            #expect(run.dialect.delimiter == UInt8(ascii: ";"))
            #expect(run.header.fields == ["sku", "a,b,c,d"])
            #expect(run.header.line == 2)
            #expect(run.header.source.lowerBound == Int64(3 + line.utf8.count + lineEnd.utf8.count))
            #expect(run.records.map(\.line) == [3])
            #expect(run.rows == [["A", "1"]])
        }
    }

    @Test func `takes a tab from the line that names the delimiter`() throws {
        #expect(try ReaderRun("sep=\t\nsku\tname\n").header.fields == ["sku", "name"])
    }

    @Test(arguments: [
        ("sku\n", CSVDialect.LineEnd.lineFeed), ("sku\r\n", .carriageReturnLineFeed), ("sku\r", .carriageReturn),
    ])
    func `tells the line end after the header`(header: String, lineEnd: CSVDialect.LineEnd) throws {
        #expect(try ReaderRun(header + "A\n").dialect.lineEnd == lineEnd)
        #expect(try ReaderRun(header).dialect.lineEnd == lineEnd)
        #expect(try ReaderRun("sku").dialect.lineEnd == .lineFeed)
    }

    @Test func `a header without records has none`() throws {
        for text in ["sku", "sku\n", "sku\r\n\r\n  \n"] {
            let run = try ReaderRun(text)
            #expect(run.records.isEmpty)
            #expect(run.failure == nil)
        }
    }

    @Test func `reads a header of thousands of columns`() throws {
        let names = (0..<10_000).map { "column \($0)" } + ["sku"]
        let run = try ReaderRun(
            names.joined(separator: ";") + "\n" + String(repeating: "x;", count: 10_000) + "A\n", chunkSize: 999)
        #expect(run.header.sku == 10_000)
        #expect(run.header.ignoredColumns.count == 10_000)
        #expect(run.rows[0].last == "A")
    }

    @Test func `names in the header are only data`() throws {
        let run = try ReaderRun("sku,<b>\u{7}x</b>,\"a\"b\nA,1,2\n")
        #expect(run.header.fields == ["sku", "<b>\u{7}x</b>", "\"a\"b"])
    }
}
