import Testing

@testable import Pipeline

@Suite struct FileErrorTests {
    private func error(_ bytes: [UInt8], chunkSize: Int = 64) -> InputError? {
        #expect(throws: InputError.self, "\(bytes.prefix(100))") { try ReaderRun(bytes, chunkSize: chunkSize) }
    }

    private func error(_ text: String, chunkSize: Int = 64) -> InputError? {
        error(Array(text.utf8), chunkSize: chunkSize)
    }

    @Test(arguments: ["", "\u{FEFF}", "\n", "\r\n \t\r\n", "   ", "\u{FEFF} \n", "sep=;", "sep=;\r\n\r\n", "\t\t\n\n"])
    func `nothing but a mark, spaces and line ends is empty`(text: String) {
        #expect(error(text)?.code == .empty)
    }

    @Test func `UTF-16 with nothing in it is empty`() {
        #expect(error([0xFF, 0xFE])?.code == .empty)
        #expect(error([0xFF, 0xFE, 0x20, 0x00, 0x0A, 0x00])?.code == .empty)
        #expect(error([0xFE, 0xFF, 0x00, 0x20])?.code == .empty)
    }

    @Test func `blank lines beyond every limit are empty, and take no memory`() throws {
        let spaces = String(repeating: " ", count: 5_000)
        #expect(throws: InputError.self) { try ReaderRun(Array(spaces.utf8), chunkSize: 16, recordLimit: 100) }
        let run = try ReaderRun(Array("sku\n\(spaces)\nA\n\(spaces)".utf8), chunkSize: 16, recordLimit: 100)
        #expect(run.rows == [["A"]])
        #expect(run.failure == nil)
    }

    @Test func `a header without SKU column says what it has and what it needs`() {
        let found = error("\nid;Name;\"x\ny\"\n1;2;3\n")
        #expect(found?.code == .missingColumn)
        #expect(found?.line == 2)
        for part in ["“id”, “Name”, “x y”", "“sku”", "variant_sku", "article_number"] {
            #expect(found?.message.contains(part) == true, "\(part)")
        }
    }

    @Test func `a message names only some of many columns, and shortens them`() {
        let name = String(repeating: "x", count: 500)
        let found = error([String](repeating: name, count: 1000).joined(separator: ","))
        #expect(found?.message.contains("980 more") == true)
        #expect((found?.message.count ?? 0) < 2000)
    }

    @Test(arguments: ["sku,SKU", "id,sku,x,Variant-SKU", "sku,name,Title", "sku,enabled,published"])
    func `a known column twice says which two`(header: String) {
        let found = error(header + "\n1,2,3,4\n")
        let names = header.split(separator: ",").filter { CSVColumn(headerField: String($0)) != nil }.suffix(2)
        #expect(found?.code == .duplicateColumn)
        #expect(found?.line == 1)
        for name in names { #expect(found?.message.contains("“\(name)”") == true) }
    }

    @Test(arguments: ["\"sku,name\nA,1\n", "sku,\"name\nA,1\n", "\"sku;name\nA;1\n", "name,\"desc"])
    func `a quote left open in the header`(text: String) {
        let found = error(text)
        #expect(found?.code == .unterminatedQuote)
        #expect(found?.line == 1)
    }

    @Test(arguments: [
        [0x1F, 0x8B, 8], [0x50, 0x4B, 3, 4], [0x50, 0x4B, 5, 6], [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0],
        [0x28, 0xB5, 0x2F, 0xFD], [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], [0x52, 0x61, 0x72, 0x21, 0x1A, 7],
        [0x04, 0x22, 0x4D, 0x18], [0x1F, 0x9D, 0x90], [0x42, 0x5A, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59],
    ])
    func `compressed files are told by their first bytes`(magic: [UInt8]) {
        let found = error(magic + Array("sku,name\nA,1\n".utf8))
        #expect(found?.code == .compressed)
        #expect(found?.message.isEmpty == false)
    }

    @Test func `a ZIP archive may be a workbook`() {
        #expect(error([0x50, 0x4B, 3, 4])?.message.contains("Excel") == true)
    }

    @Test func `text that begins like a compressed file is text`() throws {
        #expect(try ReaderRun("BZh9,sku\n1,A\n").rows == [["1", "A"]])
        #expect(try ReaderRun("PK,sku\n1,A\n").rows == [["1", "A"]])
        #expect(try ReaderRun("Rar!,sku\n1,A\n").rows == [["1", "A"]])
    }

    @Test func `an old Excel workbook is no text`() {
        let found = error([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1] + [UInt8](repeating: 0, count: 500))
        #expect(found?.code == .encoding)
        #expect(found?.message.contains(".xls") == true)
    }

    @Test func `UTF-32, and UTF-16 without a mark, are not supported`() {
        let text = Array("sku,name\nA,1\n".utf8)
        let pairs: [UInt8] = text.flatMap { [$0, 0] }
        let quads: [UInt8] = text.flatMap { [$0, 0, 0, 0] }
        #expect(error([0xFF, 0xFE, 0, 0] + quads)?.code == .encoding)
        #expect(error([0, 0, 0xFE, 0xFF, 0, 0] + quads)?.code == .encoding)
        #expect(error(pairs)?.code == .encoding)
        #expect(error([0] + pairs)?.code == .encoding)
        #expect(error([UInt8](repeating: 0, count: 5000))?.code == .encoding)
    }

    @Test func `NUL or undecodable bytes in the header cost the file`() {
        #expect(error("sku,na\u{0}me\nA,1\n")?.code == .encoding)
        #expect(error(Array("sku,n".utf8) + [0xFF] + Array("\nA,€\n".utf8))?.code == .encoding)
        #expect(error(Array("sku,n".utf8) + [0x81] + Array("\nA,1\n".utf8))?.code == .encoding)
    }

    @Test func `a header beyond the limit is none`() {
        let bytes = Array("sku,\(String(repeating: "x", count: 300))\nA,1\n".utf8)
        let found = #expect(throws: InputError.self) { try ReaderRun(bytes, chunkSize: 16, recordLimit: 200) }
        #expect(found?.code == .missingColumn)
    }

    @Test func `codes are those of the contract`() {
        let codes: [InputError.Code] = [
            .empty, .missingColumn, .duplicateColumn, .encoding, .unterminatedQuote, .compressed,
        ]
        let names = ["empty", "missing_column", "duplicate_column", "encoding", "unterminated_quote", "compressed"]
        #expect(codes.map(\.rawValue) == names)
        #expect(InputError.Code.internal.rawValue == "internal")
    }
}
