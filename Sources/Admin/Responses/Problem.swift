internal import HTTPTypes
internal import Hummingbird

/// An error answer, `application/problem+json` (RFC 9457). Thrown by whoever finds it, rendered by `ErrorResponses`.
struct Problem: Error {
    let status: HTTPResponse.Status
    /// One or two sentences for the reader: what is wrong, and what to do.
    let detail: String
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

    var title: String { status.reasonPhrase }
}

extension Problem: Encodable {
    enum CodingKeys: String, CodingKey { case title, status, detail, checks }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(title, forKey: .title)
        try values.encode(status.code, forKey: .status)
        try values.encode(detail, forKey: .detail)
        try values.encodeIfPresent(checks, forKey: .checks)
    }

    func response() throws -> Response {
        var response = try Response(status: status, json: self, type: "application/problem+json")
        response.headers.append(contentsOf: headers)
        return response
    }
}
