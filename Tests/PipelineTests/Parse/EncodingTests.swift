import Foundation
import Testing

@testable import Pipeline

@Suite struct EncodingTests {
    @Test func `reads UTF-8 with and without byte order mark`() throws {
        let text = "sku,name\nA,Ärger € 😀\n"
        let plain = try ReaderRun(text)
        let marked = try ReaderRun("\u{FEFF}" + text)
        #expect(plain.dialect.encoding == .utf8)
        #expect(marked.dialect.encoding == .utf8BOM)
        #expect(plain.rows == [["A", "Ärger € 😀"]])
        #expect(marked.rows == plain.rows)
        #expect(marked.header.source == 3..<12)
    }

    @Test(arguments: [1, 2, 3, 5, 1000])
    func `reads UTF-16 in both orders and tells exact places in the source`(chunkSize: Int) throws {
        let text = "sku,näme\r\nA,\"€\r\n😀\"\r\n\r\nB,plain ascii for a while\rC,ж"
        let records = ["A,\"€\r\n😀\"\r\n", "B,plain ascii for a while\r", "C,ж"]
        for (encoding, data) in [
            (CSVEncoding.utf16LittleEndian, [0xFF, 0xFE] + text.data(using: .utf16LittleEndian)!),
            (.utf16BigEndian, [0xFE, 0xFF] + text.data(using: .utf16BigEndian)!),
        ] {
            let run = try ReaderRun(Array(data), chunkSize: chunkSize)
            #expect(run.dialect.encoding == encoding)
            #expect(run.header.fields == ["sku", "näme"])
            #expect(run.header.source == 2..<22)
            #expect(run.rows == [["A", "€\r\n😀"], ["B", "plain ascii for a while"], ["C", "ж"]])
            #expect(run.bytesDone == Int64(data.count))
            let foundation: String.Encoding = encoding == .utf16BigEndian ? .utf16BigEndian : .utf16LittleEndian
            let slices = run.records.map { record in
                String(
                    data: Data(data[Int(record.source.lowerBound)..<Int(record.source.upperBound)]),
                    encoding: foundation)
            }
            #expect(slices == records)
        }
    }

    @Test func `a lone surrogate or an odd last byte of UTF-16 costs its record`() throws {
        func units(_ text: String) -> [UInt8] { text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] } }
        let lone: [UInt8] = [0x3D, 0xD8]
        let trail: [UInt8] = [0x00, 0xDE]
        let bytes =
            [0xFF, 0xFE] + units("sku\nA") + lone + units("\nB") + trail + units("\nC") + lone + lone + trail
            + units("\nD\nE") + [0x41]
        for chunkSize in [1, 2, 3, 4, 5, 100] {
            let run = try ReaderRun(bytes, chunkSize: chunkSize)
            #expect(run.records.map(\.problem) == [.badEncoding, .badEncoding, .badEncoding, nil, .badEncoding])
            #expect(run.records.map(\.source.count) == [6, 6, 10, 4, 3])
            #expect(run.records.last?.source.upperBound == Int64(bytes.count))
        }
    }

    @Test func `a NUL in UTF-16 costs its record`() throws {
        let bytes = [0xFF, 0xFE] + Array("sku\nA\u{0}\nB\n".data(using: .utf16LittleEndian)!)
        #expect(try ReaderRun(bytes).records.map(\.problem) == [.nulByte, nil])
    }

    @Test func `NULs cost their records, however many and however short the file`() throws {
        #expect(try ReaderRun("sku\n\u{0}\u{0}\u{0}\u{0}\u{0}\nA\n").records.map(\.problem) == [.nulByte, nil])
    }

    @Test func `without any UTF-8 sequence undecodable bytes mean Windows-1252`() throws {
        let bytes =
            Array("sku,name\nA,plain\nB,\"caf".utf8) + [0xE9, 0x22, 0x22] + Array("\"\nC,".utf8) + [0x80, 0x99, 0x0A]
        for chunkSize in [1, 4, 1000] {
            let run = try ReaderRun(bytes, chunkSize: chunkSize)
            #expect(run.dialect.encoding == .windows1252)
            #expect(run.rows == [["A", "plain"], ["B", "café\""], ["C", "€™"]])
            #expect(run.records[2].source == Int64(bytes.count - 5)..<Int64(bytes.count))
        }
    }

    @Test func `agrees with Foundation on every byte of Windows-1252`() throws {
        for byte in UInt8(0x80)...0xFF {
            let run = try ReaderRun(Array("sku\n".utf8) + [byte] + Array("\n".utf8))
            let expected = String(data: Data([byte]), encoding: .windowsCP1252)
            let isUndefined = [0x81, 0x8D, 0x8F, 0x90, 0x9D].contains(byte)
            #expect(run.records[0].problem == (isUndefined ? .badEncoding : nil), "\(byte)")
            if !isUndefined { #expect(run.rows.first?.first == expected, "\(byte)") }
        }
    }

    @Test func `a header in Windows-1252 settles the encoding`() throws {
        let run = try ReaderRun(Array("sku".utf8) + [0xA0] + Array(",Gr".utf8) + [0xF6, 0xDF] + Array("e\nA,1\n".utf8))
        #expect(run.header.fields == ["sku\u{A0}", "Größe"])
        #expect(run.header.sku == 0)
        #expect(run.dialect.encoding == .windows1252)
    }

    @Test func `with a UTF-8 sequence anywhere undecodable bytes cost their records`() throws {
        for filler in [0, 1 << 18 - 20, 1 << 18 - 19, 1 << 18 - 18, 1 << 18 - 17, 1 << 18 - 16, 300_000] {
            var bytes = Array("sku,name\nA,caf".utf8) + [0xE9, 0x0A]
            bytes += [UInt8](repeating: UInt8(ascii: "x"), count: filler) + Array(",😀\n".utf8)
            let run = try ReaderRun(bytes)
            #expect(run.dialect.encoding == .utf8)
            #expect(run.records.map(\.problem) == [.badEncoding, nil])
        }
    }

    @Test func `a byte order mark rules Windows-1252 out`() throws {
        let run = try ReaderRun(Array("\u{FEFF}sku\nA".utf8) + [0xE9] + Array("\nB".utf8))
        #expect(run.dialect.encoding == .utf8BOM)
        #expect(run.records.map(\.problem) == [.badEncoding, nil])
    }

    @Test func `says the encoding before it hands out a byte that depends on it`() throws {
        let file = UnlistedFile(Array("sku\nA\nB".utf8) + [0xE9] + Array("\n".utf8))
        let reader = try CSVReader(descriptor: file.descriptor, size: file.size)
        #expect(try reader.next() != nil)
        #expect(try reader.next() != nil)
        #expect(reader.dialect.encoding == .windows1252)
    }

    @Test func `checks UTF-8 as strictly as the standard library`() {
        var random = SeededGenerator(seed: 7)
        let alphabet: [UInt8] = [
            0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5,
            0xFF,
        ]
        for first in alphabet {
            for second in alphabet {
                for third in alphabet {
                    let fourth = alphabet.randomElement(using: &random) ?? 0
                    for bytes in [[first, second], [first, second, third], [first, second, third, fourth]] {
                        let expected = String(validating: bytes, as: UTF8.self) != nil
                        #expect(bytes.withUnsafeBytes(UTF8Check.isValid) == expected, "\(bytes)")
                    }
                }
            }
        }
    }
}
