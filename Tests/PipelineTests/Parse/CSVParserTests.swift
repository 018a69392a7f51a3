import Testing

@testable import Pipeline

@Suite struct CSVParserTests {
    static let inputs = [
        "", "\n", "\r", "\r\n", "\n\r", "\r\r\n", "\n\n\n", " ", " \t ", " \n\t\r\n", "  a  ", " ,\n", ",", ",\n",
        ",,,", "a", "a\n", "a\r", "a\r\n", "a,b", "a,b\n", "a,b\r\nc,d", "a,b\rc,d\r", "a\r\r\nb", "a\n\rb",
        "a,\r\n,b\r\n",
        "a\n\n\nb", "a\n \nb", "a\n \t\r\n\"\"\n", "\"\"", "\"\"\n", "\"\",\"\"", "\"a\"", "\"a\"\r\n\"b\"",
        "\"a,b\",c", "\"a\nb\",c\nd", "\"a\r\nb\r\"\r\nd", "\"\r\"\n\"\n\"", "\"\r\n\n\r\"x\ny", "\"a\r\"\"\nb\"\nc",
        "\"\"\"\"",
        "\"\"\"a\"\"\"", "\"a\"\"b\",\"\"\"\",c", "\"a\"b", "\"a\"b,c\nd", "\"a\"b\"c\",\"d\"\n", "\"a\" ,b\nc,d\n",
        "\"a\"b,\"c\nd\",e\nf", "\"a\" \"b,c\n\"", "\"a\"b\r\n", "\"a\"\"", "\"", "\"a", "\"a\n", "\"a\"\"", "a,\"b\nc",
        "x\n\"a\n\nb", "\"a\"b,\"c", "a\"b\"c,d\"", " \"a\"", "\t\"a,b\"\n", "a,\"\r", "a\n\"b\"\"\r\n\"\r\n\r\nc,\"\"",
        "a\u{0}b,c\n", "ä,ö\nü", "\u{FEFF}a,b\n", "one,two,three\n\"1\",\"2\",\"3\"\nlonger than eight bytes,x,yy\r\n",
        "aaaaaaaa,bbbbbbbbb,cccccccccccccccc\nd",
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\naaaaaaaaaaaaaaaaaaaaaaa\r\n\",b\nc",
        "a;b,c|d\te\n;\n|\n\t\n",
    ]

    @Test(arguments: [",", ";", "\t", "|"])
    func `agrees with the reference parser, whole and split at every byte`(delimiter: String) {
        let byte = Array(delimiter.utf8)[0]
        for input in Self.inputs {
            let bytes = Array(input.replacing(",", with: delimiter).utf8)
            let expected = ReferenceParser.parse(bytes, delimiter: byte)
            for split in 0...bytes.count {
                let found = WindowedParse.parse(bytes, delimiter: byte, chunks: [split, bytes.count])
                #expect(found == expected, "\(bytes) split at \(split)")
            }
            #expect(WindowedParse.parse(bytes, delimiter: byte, chunks: [1]) == expected, "\(bytes) byte by byte")
        }
    }

    @Test(arguments: 0..<8)
    func `agrees with the reference parser on random input`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let alphabet: [UInt8] = Array("\"\"\"\",,\r\r\n\n a\t;|\u{0}".utf8) + [0xC3, 0xA4, 0xFF, 0x80]
        for _ in 0..<500 {
            var input: [UInt8] = []
            for _ in 0..<Int.random(in: 0...60, using: &random) {
                let byte = alphabet.randomElement(using: &random) ?? 0
                let length = Int.random(in: 0..<12, using: &random) == 0 ? Int.random(in: 2...40, using: &random) : 1
                input += [UInt8](repeating: byte, count: length)
            }
            let chunks = (0..<8).map { _ in Int.random(in: 1...20, using: &random) }
            let expected = ReferenceParser.parse(input)
            #expect(WindowedParse.parse(input, chunks: chunks) == expected, "\(input) in chunks \(chunks)")
            #expect(WindowedParse.parse(input, chunks: [input.count]) == expected, "\(input)")
        }
    }

    @Test(arguments: [
        ("a,b\nc,d", [["a", "b"], ["c", "d"]]),
        ("a\r\n\r\nb\rc", [["a"], ["b"], ["c"]]),
        ("\"a,\"\"b\"\"\n\",c", [["a,\"b\"\n", "c"]]),
        ("a\"b\",c\"", [["a\"b\"", "c\""]]),
        ("\"a\"x,\"b,c\"\nd", [["\"a\"x", "b,c"], ["d"]]),
        (",\n\"\"\n", [["", ""], [""]]),
        ("a,", [["a", ""]]),
    ])
    func `finds the fields that a reader expects`(input: String, expected: [[String]]) {
        let found = WindowedParse.parse(Array(input.utf8), chunks: [3])
        #expect(found.records.map { $0.fields.map { String(decoding: $0, as: UTF8.self) } } == expected)
    }

    @Test func `counts physical lines, in quotes and across windows, a CRLF as one`() {
        let input = "a\r\n\"b\r\nb\rb\nb\"\n\n\r\nc\rd\n\n\"e\r"
        let lines = [1, 2, 8, 9]
        for chunk in 1...input.utf8.count {
            let found = WindowedParse.parse(Array(input.utf8), chunks: [chunk])
            #expect(found.records.map(\.line) == lines)
            #expect(found.unterminatedLine == 11)
        }
    }

    @Test(arguments: ["\n", "\r\n", "\r", "\nx", "\r\nx", "\n\r"])
    func `counts the lines of a field with thousands of them`(lineEnd: String) {
        let input = Array("\"\(String(repeating: lineEnd, count: 10_000))\"\nb\n".utf8)
        let expected = ReferenceParser.parse(input)
        for chunk in [1, 16, 17, 4081, input.count] {
            #expect(WindowedParse.parse(input, chunks: [chunk]).records.map(\.line) == expected.records.map(\.line))
        }
    }

    @Test func `flags bad quoting and goes on with the next record`() {
        let found = WindowedParse.parse(Array("\"a\"b,\"c\nd\"\ne,f\n\"g\" \n".utf8), chunks: [1])
        #expect(found.records.map(\.isBadlyQuoted) == [true, false, true])
        #expect(found.records.map(\.fields.count) == [2, 2, 1])
    }

    @Test func `keeps thousands of fields`() {
        let count = 20_000
        let input = Array((0..<count).map(String.init).joined(separator: ",").utf8)
        let found = WindowedParse.parse(input, chunks: [997])
        #expect(found.records.first?.fields.count == count)
        #expect(found == ReferenceParser.parse(input))
    }
}
