/// How the file's bytes stand for text.
package enum CSVEncoding: String, Equatable, Sendable {
    case utf8 = "UTF-8"
    case utf8BOM = "UTF-8 with byte order mark"
    case windows1252 = "Windows-1252"
    case utf16LittleEndian = "UTF-16 (little endian)"
    case utf16BigEndian = "UTF-16 (big endian)"

    package var isUTF16: Bool { self == .utf16LittleEndian || self == .utf16BigEndian }

    /// Bytes of the byte order mark that goes with it.
    var markLength: Int {
        switch self {
        case .utf8, .windows1252: 0
        case .utf8BOM: 3
        case .utf16LittleEndian, .utf16BigEndian: 2
        }
    }
}
