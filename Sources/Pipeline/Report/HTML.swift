/// A piece of a page. Interpolated texts are escaped, pieces are not: `"<td>\(name)</td>"` is safe whatever the name.
///
/// Texts come from files and their names, so they may hold anything: control characters and those that change the
/// direction of writing are shown as what they are instead of doing what they do.
package struct HTML: ExpressibleByStringInterpolation, Sendable, Equatable {
    package private(set) var text: String

    package init(stringLiteral text: String) { self.text = text }
    package init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }
    /// What was written as HTML before.
    init(written text: String) { self.text = text }
    package init(escaping text: String) { self.text = HTML.escaped(text) }

    /// A text of the file, cut after `limit` characters, or where many of them need much room to be shown.
    init(cutting text: String, to limit: Int) {
        if text.utf8.count <= limit, text.utf8.allSatisfy(HTML.isHarmless) {
            self.text = text
            return
        }
        let scalars = text.unicodeScalars
        self.text = ""
        for (count, scalar) in scalars.enumerated() {
            if count == limit || self.text.utf8.count >= 3 * limit {
                self.text += "…"
                return
            }
            HTML.append(scalar, to: &self.text)
        }
    }

    package static func += (left: inout HTML, right: HTML) { left.text += right.text }

    package struct StringInterpolation: StringInterpolationProtocol {
        var text = ""

        package init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + 16 * interpolationCount)
        }

        package mutating func appendLiteral(_ literal: String) { text += literal }
        package mutating func appendInterpolation(_ value: String) { text += HTML.escaped(value) }
        package mutating func appendInterpolation(_ value: HTML) { text += value.text }
        package mutating func appendInterpolation(_ pieces: [HTML]) { for piece in pieces { text += piece.text } }
        /// A number for people: 490,090.
        package mutating func appendInterpolation(_ number: Int) { text += grouped(number) }
        /// A number for attributes: 490090.
        package mutating func appendInterpolation(plain number: Int) { text += "\(number)" }
    }

    // MARK: Escaping

    static func escaped(_ value: String) -> String {
        if value.utf8.allSatisfy(isHarmless) { return value }
        var result = ""
        result.reserveCapacity(value.utf8.count + 32)
        for scalar in value.unicodeScalars { append(scalar, to: &result) }
        return result
    }

    private static func isHarmless(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: "'"): false
        default: byte >= 0x20 && byte < 0x7F
        }
    }

    private static func append(_ scalar: Unicode.Scalar, to result: inout String) {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        case "\n": result += "↵"
        case "\u{0}"..."\u{1F}": result.unicodeScalars.append(Unicode.Scalar(0x2400 + scalar.value)!)
        case "\u{7F}": result += "␡"
        // Joiners belong to words of some languages, and to pictures.
        case "\u{200C}", "\u{200D}": result.unicodeScalars.append(scalar)
        default:
            if scalar.isASCII {
                result.unicodeScalars.append(scalar)
            } else if isNoCharacter(scalar) {
                result += "\u{FFFD}"
            } else if isInvisible(scalar) {
                result += "⟨U+\(hexadecimal(scalar.value))⟩"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }

    /// Unicode's noncharacters, which no page may hold.
    private static func isNoCharacter(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value & 0xFFFE == 0xFFFE || (0xFDD0...0xFDEF).contains(scalar.value)
    }

    /// Control and format characters: among them those that turn the direction of writing.
    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
