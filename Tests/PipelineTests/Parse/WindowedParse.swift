// The fuzzer compiles this file and the parser as one module.
#if canImport(Pipeline)
    @testable import Pipeline
#endif

/// Runs `CSVParser` as a reader would, with windows of chosen sizes, and collects what it finds.
enum WindowedParse {
    /// - Parameter chunks: how many bytes to bring each time; the last one repeats.
    static func parse(
        _ input: [UInt8], delimiter: UInt8 = UInt8(ascii: ","), chunks: [Int]
    ) -> ReferenceParser.Outcome {
        var parser = CSVParser(delimiter: delimiter)
        var outcome = ReferenceParser.Outcome()
        var windowStart = 0
        var windowEnd = 0
        var chunk = 0
        var window = ExactCopy(input[0..<0])
        while true {
            switch parser.next(window.bytes, atEnd: windowEnd == input.count) {
            case .record:
                outcome.records.append(record(parser, window.bytes, windowStart))
            case .needsInput:
                let done = parser.recordStart
                parser.rebase(by: done)
                windowStart += done
                windowEnd = min(input.count, windowEnd + max(1, chunks[min(chunk, chunks.count - 1)]))
                chunk += 1
                window = ExactCopy(input[windowStart..<windowEnd])
            case .end:
                return outcome
            case .unterminatedQuote:
                outcome.unterminatedLine = parser.recordLine
                return outcome
            }
        }
    }

    private static func record(
        _ parser: borrowing CSVParser, _ window: UnsafeRawBufferPointer, _ windowStart: Int
    ) -> ReferenceParser.Record {
        let bytes = UnsafeRawBufferPointer(rebasing: window[parser.recordStart..<parser.position])
        return ReferenceParser.Record(
            line: parser.recordLine, range: windowStart + parser.recordStart..<windowStart + parser.position,
            fields: parser.fields.map { content(of: $0, in: bytes) }, isBadlyQuoted: parser.isBadlyQuoted,
            hasLineEnd: parser.hasLineEnd)
    }

    private static func content(of field: CSVField, in bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: field.count) { buffer, count in
            count = buffer.baseAddress.map { field.copy(from: bytes, to: UnsafeMutableRawPointer($0)) } ?? 0
        }
    }
}

/// Memory of exactly these bytes, so that the address sanitizer sees every read beyond them.
private final class ExactCopy {
    private let memory: UnsafeMutableRawBufferPointer

    init(_ bytes: ArraySlice<UInt8>) {
        memory = .allocate(byteCount: bytes.count, alignment: 1)
        memory.copyBytes(from: bytes)
    }

    deinit { memory.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(memory) }
}
