/// How the file at hand is written.
package struct CSVDialect: Equatable, Sendable {
    package enum LineEnd: String, Equatable, Sendable {
        case lineFeed = "LF"
        case carriageReturnLineFeed = "CRLF"
        case carriageReturn = "CR"
    }

    /// In the order in which they win where the header tells nothing.
    package static let delimiters: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: ";"), ASCII.tab, UInt8(ascii: "|")]

    package var delimiter: UInt8
    /// Final for every byte that was handed out: it may turn from UTF-8 to Windows-1252 as long as all was ASCII.
    package var encoding: CSVEncoding
    /// The one after the header; LF if the file ends there.
    package var lineEnd: LineEnd
}
