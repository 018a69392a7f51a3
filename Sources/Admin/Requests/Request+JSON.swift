internal import FoundationEssentials
internal import HTTPTypes
internal import Hummingbird

extension Request {
    /// No JSON that this server takes is larger.
    static let maximumJSON = 1 << 20

    /// Reads the body as a JSON object.
    ///
    /// - Throws: a problem: 415 when the body is not called JSON, 413 when it is larger than 1 MiB, 400 when it is no
    ///   JSON, 422 with the field when a value is of the wrong kind; what the body itself throws.
    func json<Body: Decodable>(_ type: Body.Type = Body.self) async throws -> Body {
        guard mediaType == "application/json" else {
            throw Problem(.unsupportedMediaType, "Send JSON, with the header Content-Type: application/json.")
        }
        let bytes = try await wholeBody(upTo: Request.maximumJSON)
        do {
            return try JSONDecoder().decode(type, from: bytes)
        } catch let error as DecodingError {
            throw Problem(error)
        }
    }

    /// The media type of the body in lower case, without parameters; nil when it is not told.
    var mediaType: String? {
        guard let text = headers[.contentType] else { return nil }
        return String(text.prefix { $0 != ";" && $0 != " " }).lowercased()
    }

    /// The length that the client announces; nil when it sends in chunks of unknown number.
    var announcedLength: Int? { headers[.contentLength].flatMap { Int($0) } }

    /// Whether a body comes with the request, even an empty one in chunks.
    var hasBody: Bool { headers[.transferEncoding] != nil || (announcedLength ?? 0) > 0 }

    /// - Throws: 413 as soon as it is clear that the body is larger than `limit`; 400 when it was cut off.
    private func wholeBody(upTo limit: Int) async throws -> Data {
        let tooLarge = Problem(.contentTooLarge, "The body is larger than \(limit >> 10) KiB. Send less at once.")
        if let announcedLength, announcedLength > limit { throw tooLarge }
        var bytes = Data()
        for try await piece in body {
            guard bytes.count + piece.readableBytes <= limit else { throw tooLarge }
            bytes.append(contentsOf: piece.readableBytesView)
        }
        guard announcedLength.map({ $0 == bytes.count }) ?? true else {
            throw Problem(.badRequest, "The body ended before its announced length.")
        }
        return bytes
    }
}

extension Problem {
    /// What is wrong with a JSON body: 400 when it is none, else 422 and the field.
    init(_ error: DecodingError) {
        switch error {
        case .keyNotFound(let key, let context):
            self = .field(Problem.path(context.codingPath + [key]), "This is missing.")
        case .valueNotFound(_, let context):
            self = .field(Problem.path(context.codingPath), "This must not be null.")
        case .typeMismatch(let type, let context):
            self = .field(Problem.path(context.codingPath), "This must be \(Problem.words(for: type)).")
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            self = .field(Problem.path(context.codingPath), "This value cannot be read.")
        default:
            self = Problem(.badRequest, "The body is not valid JSON in UTF-8.")
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.isEmpty ? "body" : keys.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }

    private static func words(for type: Any.Type) -> String {
        switch type {
        case is Bool.Type: "true or false"
        case is String.Type: "a text"
        case is any BinaryInteger.Type: "a whole number"
        case is any Sequence.Type where !(type is any ExpressibleByDictionaryLiteral.Type): "a list"
        default: "an object"
        }
    }
}
