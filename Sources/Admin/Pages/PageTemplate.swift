internal import Pipeline

/// One page, put together once: its parts within the frame, cut where the values go.
///
/// - `{{name}}` is a value, escaped; nothing when there is none of that name.
/// - `{{$name}}…{{/name}}` is a part: in the frame an empty place, in the page what belongs there.
struct PageTemplate: Sendable {
    struct Mistake: Error, CustomStringConvertible {
        let description: String
    }

    private enum Piece {
        case text(String)
        case value(String)
    }

    private var pieces: [Piece] = []

    init(_ page: String, in frame: String) throws(Mistake) {
        var parts: [Substring: Substring] = [:]
        for part in try PageTemplate.parts(of: page) { parts[part.name] = part.content }
        var whole = ""
        var rest = frame[...]
        for place in try PageTemplate.parts(of: frame) {
            whole += rest[..<place.range.lowerBound] + (parts.removeValue(forKey: place.name) ?? place.content)
            rest = rest[place.range.upperBound...]
        }
        if let name = parts.keys.first { throw Mistake(description: "The frame has no place for the part \(name).") }
        try cut(whole + rest)
    }

    func render(_ values: [String: String]) -> String {
        var html = ""
        for piece in pieces {
            switch piece {
            case .text(let text): html += text
            case .value(let name): html += HTML(escaping: values[name] ?? "").text
            }
        }
        return html
    }

    private typealias Part = (name: Substring, content: Substring, range: Range<String.Index>)

    private static func parts(of text: String) throws(Mistake) -> [Part] {
        var parts: [Part] = []
        var rest = text[...]
        while let start = rest.firstRange(of: "{{$") {
            guard let nameEnd = rest[start.upperBound...].firstRange(of: "}}") else {
                throw Mistake(description: "A part's name has no end.")
            }
            let name = rest[start.upperBound..<nameEnd.lowerBound]
            guard let end = rest[nameEnd.upperBound...].firstRange(of: "{{/\(name)}}") else {
                throw Mistake(description: "The part \(name) has no end.")
            }
            parts.append((name, rest[nameEnd.upperBound..<end.lowerBound], start.lowerBound..<end.upperBound))
            rest = rest[end.upperBound...]
        }
        return parts
    }

    private mutating func cut(_ text: String) throws(Mistake) {
        var rest = text[...]
        while let start = rest.firstRange(of: "{{") {
            guard let end = rest[start.upperBound...].firstRange(of: "}}") else {
                throw Mistake(description: "A value's name has no end.")
            }
            pieces.append(.text(String(rest[..<start.lowerBound])))
            pieces.append(.value(String(rest[start.upperBound..<end.lowerBound])))
            rest = rest[end.upperBound...]
        }
        pieces.append(.text(String(rest)))
    }
}
