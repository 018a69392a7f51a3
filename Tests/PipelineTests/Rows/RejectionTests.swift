import Catalog
@testable import Pipeline
import Testing

/// Every code of contract §5, by a file that causes it: the row is rejected, the others are imported, and the person
/// who sent the file gets it back byte for byte with what to do.
@Suite struct RejectionTests {
    struct Case: CustomStringConvertible, Sendable {
        let code: RejectionCode
        let record: [UInt8]
        var column = ""
        var value: String?
        var description: String { code.rawValue }

        init(_ code: RejectionCode, _ record: String, column: String = "", value: String? = nil) {
            self.init(code, Array(record.utf8), column: column, value: value)
        }

        init(_ code: RejectionCode, _ record: [UInt8], column: String = "", value: String? = nil) {
            self.code = code
            self.record = record
            self.column = column
            self.value = value
        }
    }

    static let cases = [
        Case(.missingSKU, ",Lamp,bright,yes\r\n", column: "sku"),
        Case(.missingSKU, "\" \u{A0}\u{200B}\",Lamp,bright,yes\r\n", column: "sku"),
        Case(.fieldCount, "A-1,Lamp\r\n", value: "2"),
        Case(.fieldCount, "A-1,Lamp,bright,yes,surplus\r\n", value: "5"),
        Case(.skuTooLong, String(repeating: "é", count: 256) + ",Lamp,bright,yes\r\n", column: "sku"),
        Case(.nameTooLong, "A-1,\"" + String(repeating: "é", count: 1001) + "\",bright,yes\r\n", column: "name"),
        Case(
            .fieldTooLarge, "A-1,Lamp,\"" + String(repeating: "x", count: 1 << 20 | 1) + "\",yes\r\n",
            column: "description"),
        Case(.badBoolean, "A-1,Lamp,bright,maybe\r\n", column: "active", value: "maybe"),
        Case(
            .badEncoding, Array("A-1,L\u{E4}mp,".utf8) + [0xFF, 0xFE] + Array(",yes\r\n".utf8),
            value: "\"A-1,L\u{E4}mp,\u{FFFD}\u{FFFD},yes\""),
        Case(
            .badQuoting, "A-1,\"Lamp\" big,\"bright\nand warm\",yes\r\n",
            value: "\"A-1,\"\"Lamp\"\" big,\"\"bright\""),
        Case(.nulByte, "A-1,La\0mp,bright,yes\r\n", value: "\"A-1,La␀mp,bright,yes\""),
        Case(.controlCharacter, "\"A\t1\",Lamp,bright,yes\r\n", column: "sku"),
        Case(.controlCharacter, "A\u{85}1,Lamp,bright,yes\r\n", column: "sku"),
        Case(.controlCharacter, "A\u{7F}1,Lamp,bright,yes\r\n", column: "sku"),
    ]

    @Test(arguments: cases)
    func isGivenBackWithItsReason(test: Case) async throws {
        try await ImportRun.with { run in
            let header = Array("sku,name,description,active\r\n".utf8)
            let before = Array("B-1,Löwe,\"a\r\nb\",yes\r\n".utf8)
            let after = Array("C-1,Cup,,no".utf8)
            let end = try await run(header + before + test.record + after)
            #expect(end.state == .completed, "\(end.message)")
            #expect(end.rows.rejected == 1)
            #expect(end.rows.created == 2)
            #expect(
                try Array(run.read(end.files.rejects).utf8)
                    == Array(String(decoding: header + test.record, as: UTF8.self).utf8))
            let errors = try run.read(end.files.errors)
            let line = errors.split(separator: "\r\n", omittingEmptySubsequences: false)[1]
            #expect(errors.hasPrefix("record,line,column,code,message,value\r\n"))
            #expect(line.hasPrefix("2,4,\(test.column),\(test.code.rawValue),"), "\(line)")
            #expect(line.contains("rejects.csv"), "it says what to do: \(line)")
            if let value = test.value { #expect(line.hasSuffix(",\(value)"), "\(line)") }
        }
    }

    @Test func everyCodeHasACase() {
        #expect(Set(RejectionTests.cases.map(\.code)) == Set(RejectionCode.allCases))
    }

    @Test func whatFitsExactlyIsAccepted() async throws {
        try await ImportRun.with { run in
            let sku = String(repeating: "é", count: 255)
            let name = String(repeating: "n", count: 1000)
            let text = String(repeating: "d", count: 1 << 20)
            let end = try await run("sku,name,description\n\(sku),\(name),\(text)\nA,B,C,,,\n")
            #expect(end.rows.created == 2, "\(end.message)")
        }
    }

    @Test func repairedRejectsComplete() async throws {
        try await ImportRun.with { run in
            let end = try await run("sku;name\r\nA-1;Lamp\r\n;\"Cup; blue\"\r\nB-2\r\n")
            #expect(end.rows.rejected == 2)
            let rejects = try run.read(end.files.rejects)
            #expect(rejects == "sku;name\r\n;\"Cup; blue\"\r\nB-2\r\n")
            let mended = rejects.replacing("\r\n;", with: "\r\nC-3;").replacing("B-2\r\n", with: "B-2;Box\r\n")
            let second = try await run(mended, file: "rejects.csv")
            #expect(second.rows.created == 2)
            #expect(try await run.products() == ["A-1|Lamp||t", "B-2|Box||t", "C-3|Cup; blue||t"])
        }
    }

    @Test(arguments: [
        ("true", "t"), ("T", "t"), ("YES", "t"), ("y", "t"), ("1", "t"), ("On", "t"), ("active", "t"),
        ("Published", "t"),
        ("FALSE", "f"), ("f", "f"), ("no", "f"), ("N", "f"), ("0", "f"), ("off", "f"), ("Inactive", "f"),
        ("draft", "f"), ("archived", "f"), ("-1", "f"), (" \u{A0}yes ", "t"), ("\" no \"", "f"),
    ])
    func readsBooleans(cell: String, stored: String) async throws {
        try await ImportRun.with { run in
            try await run("sku,active\nA,\(cell)\n")
            #expect(try await run.products() == ["A|||\(stored)"])
        }
    }
}
