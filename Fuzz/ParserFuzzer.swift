/// What libFuzzer calls: the input's first bytes choose how, the rest is what is parsed. Every disagreement with the
/// slow reference is a crash.
///
/// Compiled in one module with `Sources/Pipeline/Parse` and the tests' reference: see `run`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count >= 4 else { return 0 }
    let choices = Array(UnsafeBufferPointer(start: data, count: 4))
    let input = Array(UnsafeBufferPointer(start: data + 4, count: count - 4))
    let delimiter = CSVDialect.delimiters[Int(choices[0] & 3)]
    let chunks = [Int(choices[1]), Int(choices[2])]
    if choices[0] & 4 == 0 {
        compareParser(input, delimiter: delimiter, chunks: chunks)
    } else {
        let head = head(choices[0] >> 3, delimiter)
        compareReader(head + input, chunkSize: 1 + chunks[0], recordLimit: 16 + Int(choices[3]))
    }
    return 0
}

private func compareParser(_ input: [UInt8], delimiter: UInt8, chunks: [Int]) {
    let expected = ReferenceParser.parse(input, delimiter: delimiter)
    let found = WindowedParse.parse(input, delimiter: delimiter, chunks: chunks)
    require(found == expected, "found \(found), expected \(expected)")
}

/// A beginning that gets past the checks of the header; none at all for some.
private func head(_ choice: UInt8, _ delimiter: UInt8) -> [UInt8] {
    let header = Array("sku".utf8) + [delimiter] + Array("name\n".utf8)
    switch choice & 7 {
    case 0: return []
    case 1: return [0xEF, 0xBB, 0xBF] + header
    case 2: return [0xFF, 0xFE] + header.flatMap { [$0, 0] }
    case 3: return [0xFE, 0xFF] + header.flatMap { [0, $0] }
    default: return header
    }
}

private func compareReader(_ file: [UInt8], chunkSize: Int, recordLimit: Int) {
    guard let run = try? ReaderRun(file, chunkSize: chunkSize, recordLimit: recordLimit) else { return }
    let expected = ReferenceReader(
        file, dialect: run.dialect, headerLine: run.header.line, recordLimit: recordLimit)
    require(run.records == expected.records, "found \(run.records), expected \(expected.records)")
    require(run.failure?.line == expected.unterminatedLine, "failure \(String(describing: run.failure))")
    if run.dialect.encoding == .windows1252 {
        require(ReferenceReader.isWindows1252(file), "not Windows-1252")
    } else if run.dialect.encoding == .utf8, run.failure == nil, run.records.allSatisfy({ $0.problem != .tooLarge }) {
        require(!ReferenceReader.isWindows1252(file), "Windows-1252")
    }
    if run.failure == nil { require(run.bytesDone == Int64(file.count), "bytesDone \(run.bytesDone)") }
}

/// Not `precondition`, whose message is lost in optimised code.
private func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    if !condition { fatalError(message()) }
}
