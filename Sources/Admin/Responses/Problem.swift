internal import HTTPTypes
internal import Hummingbird

/// An error answer, `application/problem+json` (RFC 9457). Thrown by whoever finds it, rendered by `ErrorResponses`.
struct Problem: Error {
    static let mediaType = "application/problem+json"

    /// What is wrong with one field of what was sent.
    struct FieldError: Encodable, Equatable {
        let field: String
        /// A sentence that can stand under the field.
        let message: String
    }

    let status: HTTPResponse.Status
    /// One or two sentences for the reader: what is wrong, and what to do.
    let detail: String
    /// With 422: every field that is wrong. With 409: the field that decides.
    var errors: [FieldError]?
    /// Readiness adds its parts here.
    var checks: [String: Readiness.Check]?
    var headers: HTTPFields = [:]

    init(_ status: HTTPResponse.Status, _ detail: String, checks: [String: Readiness.Check]? = nil) {
        self.status = status
        self.detail = detail
        self.checks = checks
    }

    /// The answer to a database that is away; clients may come again soon.
    init(_ unavailable: DatabaseUnavailable) {
        self.init(.serviceUnavailable, unavailable.reason)
        headers[.retryAfter] = "5"
    }

    /// 422: what was sent can be read, but these fields cannot be accepted.
    static func fields(_ errors: [FieldError]) -> Problem {
        var problem = Problem(.unprocessableContent, errors.map { "\($0.field): \($0.message)" }.joined(separator: " "))
        problem.errors = errors
        return problem
    }

    /// 422 with one field.
    static func field(_ field: String, _ message: String) -> Problem {
        .fields([FieldError(field: field, message: message)])
    }

    var title: String { status.reasonPhrase }
}

extension Problem: Encodable {
    enum CodingKeys: String, CodingKey { case title, status, detail, errors, checks }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(title, forKey: .title)
        try values.encode(status.code, forKey: .status)
        try values.encode(detail, forKey: .detail)
        try values.encodeIfPresent(errors, forKey: .errors)
        try values.encodeIfPresent(checks, forKey: .checks)
    }

    func response() throws -> Response {
        var response = try Response(status: status, json: self, type: Problem.mediaType)
        response.headers.append(contentsOf: headers)
        return response
    }
}
