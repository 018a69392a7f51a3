import Testing

@testable import Admin

@Suite struct MultipartTests {
    private enum Seen: Equatable {
        case part(String, String?)
        case content(String)
        case end
    }

    private static let ordinary =
        "--b\r\nContent-Disposition: form-data; name=\"dry_run\"\r\n\r\ntrue\r\n"
        + "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\n"
        + "sku\r\n--\r\n\r\n--a\r\n-b\r\r\n\r\n--b--\r\n"

    @Test func aFormIsTakenApartHoweverItIsCut() throws {
        let expected: [Seen] = [
            .part("dry_run", nil), .content("true"), .end, .part("file", "a.csv"),
            .content("sku\r\n--\r\n\r\n--a\r\n-b\r\r\n"), .end,
        ]
        let bytes = Array(Self.ordinary.utf8)
        for cut in 0...bytes.count {
            #expect(try parse([Array(bytes[..<cut]), Array(bytes[cut...])]) == expected, "cut at \(cut)")
        }
        #expect(try parse(bytes.map { [$0] }) == expected)
        #expect(try parse([Array("preamble\r\n".utf8) + bytes + Array("epilogue".utf8)]) == expected)
    }

    @Test func aFormThatIsCutOffIsNotComplete() throws {
        let bytes = Array(Self.ordinary.utf8)
        // The last line break may be missing.
        for count in 0..<bytes.count - 2 {
            var parser = MultipartParser(boundary: Array("b".utf8))
            try bytes[..<count].withUnsafeBytes { try parser.feed($0) { _ in } }
            #expect(!parser.isComplete, "\(count)")
        }
    }

    @Test(arguments: [
        (#"form-data; name="file"; filename="a\"b.csv""#, #"a"b.csv"#),
        (#"form-data; name="file"; filename="a%22b%0D%0A%41.csv""#, "a\"b\r\n%41.csv"),
        (#"form-data; name="file"; filename="C:\dir\a.csv""#, #"C:\dir\a.csv"#),
        (#"form-data; filename=a.csv; name=file"#, "a.csv"), (#"form-data; name="file"; filename="""#, ""),
        (#"form-data; NAME="file"; FileName="ü; x.csv""#, "ü; x.csv"), (#"form-data; name="file""#, nil),
    ])
    func fileNamesAreReadAsBrowsersWriteThem(_ header: String, _ name: String?) throws {
        let body = "--b\r\ncontent-DISPOSITION: \(header)\r\n\r\nx\r\n--b--"
        #expect(try parse([Array(body.utf8)]) == [.part("file", name), .content("x"), .end])
    }

    @Test func badFormsAreFaults() {
        for body in ["--b\r\nContent-Type: x\r\n\r\nx", "--b\r\n\r\nx\r\n--b--", "--bx\r\n"] {
            #expect(throws: MultipartParser.Fault.self) { try parse([Array(body.utf8)]) }
        }
        let endless = "--b\r\nContent-Disposition: form-data; name=\"" + String(repeating: "x", count: 20_000)
        #expect(throws: MultipartParser.Fault.head) { try parse([Array(endless.utf8)]) }
    }

    private func parse(_ pieces: [[UInt8]]) throws -> [Seen] {
        var parser = MultipartParser(boundary: Array("b".utf8))
        var seen: [Seen] = []
        for piece in pieces {
            try piece.withUnsafeBytes { bytes in
                try parser.feed(bytes) { event in
                    switch event {
                    case .part(let head):
                        seen.append(.part(text(head.name), head.fileName.map(text)))
                    case .content(let bytes):
                        if case .content(let before) = seen.last {
                            seen[seen.count - 1] = .content(before + text(Array(bytes)))
                        } else {
                            seen.append(.content(text(Array(bytes))))
                        }
                    case .partEnd: seen.append(.end)
                    }
                }
            }
        }
        return seen
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
