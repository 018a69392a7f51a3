import Testing

@testable import Pipeline

/// Input that no window holds.
@Suite struct GiantFieldTests {
    /// A header, a record, a quoted field of that many bytes, a record.
    private func file(fieldSize: Int) -> [UInt8] {
        var bytes = Array("sku,name\nA,1\nB,\"".utf8)
        bytes += [UInt8](repeating: UInt8(ascii: "x"), count: fieldSize - 1)
        return bytes + Array("\n\"\nC,2\n".utf8)
    }

    @Test func `skips a field of 40 MB in a window of kilobytes`() throws {
        let bytes = file(fieldSize: 40 << 20)
        let run = try ReaderRun(bytes, chunkSize: 4096, recordLimit: 1 << 16)
        #expect(run.records.map(\.problem) == [nil, .tooLarge, nil])
        #expect(run.records.map(\.line) == [2, 3, 5])
        #expect(run.records[1].source == 13..<Int64(bytes.count - 4))
        #expect(run.records[2].texts == ["C", "2"])
    }

    @Test func `hands out a field just within the default limit`() throws {
        let limit = CSVReader.defaultRecordLimit
        let fits = try ReaderRun(file(fieldSize: limit - 5))
        #expect(fits.records.map(\.problem) == [nil, nil, nil])
        #expect(fits.records[1].fields[1].count == limit - 5)
        let exceeds = try ReaderRun(file(fieldSize: limit - 4))
        #expect(exceeds.records.map(\.problem) == [nil, .tooLarge, nil])
    }

    @Test func `a quote left open swallows the rest in constant memory`() throws {
        let bytes = Array("sku,name\nA,1\nB,\"".utf8) + [UInt8](repeating: UInt8(ascii: "\n"), count: 1 << 20)
        let run = try ReaderRun(bytes, chunkSize: 4096, recordLimit: 1 << 16)
        #expect(run.records.count == 1)
        #expect(run.failure?.code == .unterminatedQuote)
        #expect(run.failure?.line == 3)
    }

    @Test func `looks at each byte once, however small the windows`() throws {
        func time(_ fieldSize: Int) throws -> Duration {
            let bytes = file(fieldSize: fieldSize)
            return try (0..<3).map { _ in
                try ContinuousClock().measure {
                    let run = try ReaderRun(bytes, chunkSize: 256, recordLimit: 1 << 24)
                    #expect(run.records.count == 3)
                }
            }.min() ?? .zero
        }
        // Eight times the bytes: a parser that looks back would need 64 times as long.
        let small = try time(1 << 20)
        let large = try time(1 << 23)
        #expect(large < small * 24 + .milliseconds(100), "\(small) for 1 MiB, \(large) for 8 MiB")
    }
}
