import Testing

@testable import Pipeline

@Suite struct CSVReaderTests {
    @Test func `numbers records and lines, and skips blank lines`() throws {
        let run = try ReaderRun("\n \nSKU,Name\r\n\r\nA,1\n\t\n\"B\n\",2\nC,3")
        #expect(run.header.fields == ["SKU", "Name"])
        #expect(run.header.line == 3)
        #expect(run.rows == [["A", "1"], ["B\n", "2"], ["C", "3"]])
        #expect(run.records.map(\.number) == [1, 2, 3])
        #expect(run.records.map(\.line) == [5, 7, 9])
        #expect(run.records.map(\.hasLineEnd) == [true, true, false])
        #expect(run.failure == nil)
    }

    @Test(arguments: ["\n", "\r\n", "\r"])
    func `source ranges and the blank lines between them make up the file`(lineEnd: String) throws {
        let text = "\u{FEFF}\n\nsku,name\n\nA,\"x\n\"\n \t\nB,ä\n\n\nC,\"\"\"\"\n\"D\"d,\nE".replacing(
            "\n", with: lineEnd)
        let bytes = Array(text.utf8)
        for chunkSize in [1, 2, 3, 7, 1000] {
            let run = try ReaderRun(bytes, chunkSize: chunkSize)
            let ranges = [run.header.source] + run.records.map(\.source)
            var place = 3
            for range in ranges {
                #expect(bytes[place..<Int(range.lowerBound)].allSatisfy { " \t\r\n".utf8.contains($0) })
                place = Int(range.upperBound)
            }
            #expect(place == bytes.count)
            #expect(run.bytesDone == Int64(bytes.count))
            let second = bytes[Int(run.records[1].source.lowerBound)..<Int(run.records[1].source.upperBound)]
            #expect(Array(second) == Array("B,ä\(lineEnd)".utf8))
        }
    }

    @Test(arguments: 0..<4)
    func `agrees with the reference on random files and small limits`(seed: UInt64) throws {
        var random = SeededGenerator(seed: 100 + seed)
        let alphabet = ["\"", "\"\"", ",", "\n", "\r\n", "\r", "a", "long enough text", " ", "\u{0}", "ä", "€", "😀"]
        for _ in 0..<200 {
            let body = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? ""
            }
            var bytes = Array("sku,ä\n\(body.joined())".utf8)
            if Bool.random(using: &random) { bytes.insert(0xFC, at: Int.random(in: 7...bytes.count, using: &random)) }
            let chunkSize = Int.random(in: 1...30, using: &random)
            let run = try ReaderRun(bytes, chunkSize: chunkSize, recordLimit: 40)
            let expected = ReferenceReader(bytes, dialect: run.dialect, headerLine: 1, recordLimit: 40)
            #expect(run.records == expected.records, "\(bytes) in chunks of \(chunkSize)")
            #expect(run.failure?.line == expected.unterminatedLine, "\(bytes) in chunks of \(chunkSize)")
        }
    }

    @Test func `names the first problem of a record in a fixed order`() throws {
        let run = try ReaderRun(
            Array("sku,ü\n\"A\"x,\u{0}".utf8) + [0xFF] + Array("\n\"B\"x,".utf8) + [0xFF]
                + Array("\n\"C\"x,\nD,\n".utf8))
        #expect(run.records.map(\.problem) == [.nulByte, .badEncoding, .badQuoting, nil])
    }

    @Test func `skips a record beyond the limit and goes on after it`() throws {
        for size in 30...36 {
            let long = "\"" + String(repeating: "x\n", count: (size - 4) / 2) + (size % 2 == 0 ? "" : "y") + "\",\n"
            #expect(long.utf8.count == size)
            let text = "sku,name\nA,1\n\(long)B,2\n"
            for chunkSize in 1...50 {
                let run = try ReaderRun(Array(text.utf8), chunkSize: chunkSize, recordLimit: 32)
                #expect(run.records.map(\.problem) == [nil, size > 32 ? .tooLarge : nil, nil])
                #expect(run.records[1].source == 13..<Int64(13 + size))
                #expect(run.records[1].fields.isEmpty == (size > 32))
                #expect(run.records[2].texts == ["B", "2"])
                #expect(run.records[2].line == 4 + (size - 4) / 2)
            }
        }
    }

    @Test func `a long line of spaces is blank, but not with a delimiter among them`() throws {
        let spaces = String(repeating: " ", count: 300)
        let text = "sku\tname\n\(spaces)\n\t\(spaces)\n\(spaces)\t\(spaces)\n\(spaces)\t\nA\t1\n"
        for chunkSize in [1, 16, 1000] {
            let run = try ReaderRun(Array(text.utf8), chunkSize: chunkSize, recordLimit: 100)
            #expect(run.records.map(\.problem) == [.tooLarge, .tooLarge, .tooLarge, nil])
            #expect(run.records.map(\.line) == [3, 4, 5, 6])
        }
    }

    @Test func `drops records with more fields than the parser keeps`() throws {
        let text = "sku\n\(String(repeating: ",", count: 127))\n\(String(repeating: ",", count: 128))\nA\n"
        for chunkSize in [1, 10, 1000] {
            let run = try ReaderRun(Array(text.utf8), chunkSize: chunkSize, recordLimit: 4096, fieldLimit: 128)
            #expect(run.records.map(\.problem) == [nil, .tooLarge, nil])
            #expect(run.records.map(\.fields.count) == [128, 0, 1])
            #expect(run.records.map(\.source) == [4..<132, 132..<261, 261..<263])
        }
    }

    @Test func `says on which line the record with an open quote begins`() throws {
        let run = try ReaderRun("sku,name\nA,1\n\nB,\"x\ny\nC,2\n", chunkSize: 3)
        #expect(run.rows == [["A", "1"]])
        #expect(run.failure?.code == .unterminatedQuote)
        #expect(run.failure?.line == 4)
    }

    @Test func `reads no further than the size it was given`() throws {
        let file = UnlistedFile(Array("sku\nA\nB\n".utf8))
        file.append(Array("C\n".utf8))
        let reader = try CSVReader(descriptor: file.descriptor, size: file.size)
        var count = 0
        while try reader.next() != nil { count += 1 }
        #expect(count == 2)
    }

    @Test func `reports the system's error if the file cannot be read`() {
        let error = #expect(throws: InputError.self) { try CSVReader(descriptor: -1, size: 10) }
        #expect(error?.code == .internal)
        #expect(error?.errorNumber == 9)
    }

    @Test func `copies a field's content with doubled quotes made single`() throws {
        let file = UnlistedFile(Array("sku\n\"\"\"a\"\"\"\"b\"\"\"\n\"\"\n\"plain\"\n".utf8))
        let reader = try CSVReader(descriptor: file.descriptor, size: file.size)
        var found: [String] = []
        while let record = try reader.next() {
            let field = record.fields[0]
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: field.count + 1, alignment: 1)
            defer { memory.deallocate() }
            let length = record.copy(field, to: memory.baseAddress!)
            found.append(String(decoding: memory.prefix(length), as: UTF8.self))
            #expect(found.last == record.string(field))
        }
        #expect(found == ["\"a\"\"b\"", "", "plain"])
    }
}
