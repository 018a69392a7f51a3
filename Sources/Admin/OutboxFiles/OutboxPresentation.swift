internal import Catalog

/// How a browser is to take a file of the outbox: our reports and progress files are shown, all else is saved. What
/// was dropped is foreign and must never run as a page of ours.
struct OutboxPresentation: Equatable {
    let type: String
    let disposition: String

    /// Reports carry their styles and pictures in themselves, and nothing else may load or run.
    static let policy = """
        default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'; \
        form-action 'none'
        """

    init(of path: OutboxPath) {
        let name = String(decoding: path.fileName, as: UTF8.self)
        switch name.split(separator: ".", omittingEmptySubsequences: false).last?.lowercased() {
        case "html" where OutboxPresentation.isOurs(path, name):
            (type, disposition) = ("text/html; charset=utf-8", "inline")
        case "json":
            (type, disposition) = ("application/json", "inline")
        case "csv":
            // No charset: a source is kept in the encoding in which it came.
            (type, disposition) = ("text/csv", OutboxPresentation.attachment(path.fileName, name))
        default:
            (type, disposition) = ("application/octet-stream", OutboxPresentation.attachment(path.fileName, name))
        }
    }

    private static func isOurs(_ path: OutboxPath, _ name: String) -> Bool {
        path.components.count == 1
            ? name == "index.html"
            : name == "report.html" && ImportID(String(decoding: path.components[0], as: UTF8.self)) != nil
    }

    /// RFC 6266: an ASCII name for old clients, and the exact one percent-encoded.
    private static func attachment(_ bytes: [UInt8], _ name: String) -> String {
        let plain = String(decoding: name.unicodeScalars.map(plainByte), as: UTF8.self)
        let exact = bytes.map { isAttributeCharacter($0) ? String(Unicode.Scalar($0)) : "%" + hexadecimal($0) }.joined()
        return "attachment; filename=\"\(plain)\"; filename*=UTF-8''\(exact)"
    }

    private static func plainByte(_ scalar: Unicode.Scalar) -> UInt8 {
        let isPlain = (0x20...0x7E).contains(scalar.value) && scalar != "\"" && scalar != "\\" && scalar != "%"
        return isPlain ? UInt8(scalar.value) : UInt8(ascii: "_")
    }

    /// RFC 5987 `attr-char`, less what is rare.
    private static func isAttributeCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.count == 1 ? "0" + digits : digits
    }
}
