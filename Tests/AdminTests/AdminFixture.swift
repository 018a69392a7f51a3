import Catalog
import FoundationEssentials
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import Pipeline
import Postgres
import Testing

@testable import Admin

/// An inbox and an outbox of their own, and the admin server on them without a socket.
struct AdminFixture: Sendable {
    /// Nothing listens on port 1, so a connect is refused at once.
    static let closedPort = "host=127.0.0.1 port=1 dbname=none connect_timeout=1"

    let root: String
    var outboxPath: String { "\(root)/outbox" }
    var outbox: Outbox { Outbox(path: outboxPath) }
    var inbox: String { "\(root)/inbox" }

    /// Lends a fixture and removes it afterwards.
    static func with<Output>(_ body: (AdminFixture) async throws -> Output) async throws -> Output {
        let root = "\(FileManager.default.temporaryDirectory.path)/admin-\(UUID().uuidString)"
        let fixture = AdminFixture(root: root)
        try makeFolder(fixture.inbox)
        try fixture.outbox.prepare()
        defer { try? FileManager.default.removeItem(atPath: root) }
        return try await body(fixture)
    }

    func options(_ conninfo: String = closedPort) -> AdminOptions {
        AdminOptions(inboxPath: inbox, outboxPath: outboxPath, database: Database(conninfo))
    }

    /// Sends requests to the router of these options.
    func serve<Output: Sendable>(
        _ options: AdminOptions? = nil, _ body: @Sendable (any TestClientProtocol) async throws -> Output
    ) async throws -> Output {
        let application = try AdminApplication.build(options ?? self.options(), logger: Logger(label: "test"))
        return try await application.test(.router, body)
    }

    func write(_ text: String, to path: String) throws {
        let full = "\(outboxPath)/\(path)"
        if let slash = full.lastIndex(of: "/") { try makeFolder(String(full[..<slash])) }
        try Data(text.utf8).write(to: URL(filePath: full))
    }

    /// Writes progress into the outbox as the pipeline does.
    @discardableResult
    func progress(
        _ name: String, id: ImportID? = ImportID.mint(), state: ImportProgress.State, message: String = "…",
        _ change: (inout ImportProgress) -> Void = { _ in }
    ) throws -> ImportProgress {
        let file = FileName(name)
        var progress = ImportProgress(
            id: id, file: file, dryRun: false, state: state, message: message, receivedAt: Date())
        if state.isEnd { progress.percent = 100 }
        change(&progress)
        try ProgressFile(outbox, file: file, id: id, dryRun: false).write(progress)
        return progress
    }
}

extension TestClientProtocol {
    /// A request whose answer is looked at as a value.
    func send(
        _ uri: String, _ method: HTTPRequest.Method = .get, _ headers: [(String, String)] = []
    ) async throws -> TestResponse {
        var fields = HTTPFields()
        for (name, value) in headers { fields.append(HTTPField(name: HTTPField.Name(name)!, value: value)) }
        return try await execute(uri: uri, method: method, headers: fields)
    }
}

extension TestClientProtocol {
    /// A request with a body, JSON unless said otherwise.
    func json(
        _ uri: String, _ method: HTTPRequest.Method, _ body: String, _ type: String = "application/json"
    ) async throws -> TestResponse {
        try await execute(
            uri: uri, method: method, headers: [.contentType: type], body: ByteBuffer(string: body))
    }
}

extension TestResponse {
    var data: Data { Data(body.readableBytesView) }
    var text: String { String(decoding: body.readableBytesView, as: UTF8.self) }
}

/// What the tests read of JSON answers; everything may be missing.
struct Answer: Decodable {
    struct Check: Decodable {
        var status: String
        var reason: String?
    }

    var title: String?
    var status: Either?
    var detail: String?
    var checks: [String: Check]?
    var items: [ImportProgressView]?
    var page: Int?
    var pages: Int?
    var perPage: Int?
    var total: Int?
    var degraded: Bool?
    var reason: String?

    init(_ response: TestResponse) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(Answer.self, from: response.data)
    }
}

struct ImportProgressView: Decodable {
    var id: String?
    var file: String
    var state: String
    var percent: Int
}

/// `status` is a number in problems and a word in health answers.
enum Either: Decodable, Equatable {
    case number(Int)
    case word(String)

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let number = try? value.decode(Int.self) {
            self = .number(number)
        } else {
            self = .word(try value.decode(String.self))
        }
    }
}

/// The shortest of three times that `body` takes: what a busy machine adds is not what is asked about.
func shortestTime(_ body: () async throws -> Void) async throws -> Duration {
    var times: [Duration] = []
    for _ in 0..<3 { times.append(try await ContinuousClock().measure(body)) }
    return times.min()!
}

/// Every answer must carry these, whatever it says.
func expectSafeHeaders(_ response: TestResponse, sourceLocation: SourceLocation = #_sourceLocation) {
    let policy = response.headers[.contentSecurityPolicy] ?? ""
    #expect(policy.contains("default-src") && !policy.contains("script-src"), sourceLocation: sourceLocation)
    #expect(policy.contains("frame-ancestors 'none'"), sourceLocation: sourceLocation)
    #expect(response.headers[.xContentTypeOptions] == "nosniff", sourceLocation: sourceLocation)
    #expect(response.headers[.referrerPolicy] == "same-origin", sourceLocation: sourceLocation)
}

func expectProblem(
    _ response: TestResponse, _ status: HTTPResponse.Status, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    #expect(response.status == status, sourceLocation: sourceLocation)
    #expect(response.headers[.contentType] == "application/problem+json", sourceLocation: sourceLocation)
    let answer = try Answer(response)
    #expect(answer.status == .number(status.code), sourceLocation: sourceLocation)
    #expect(answer.title?.isEmpty == false && answer.detail?.isEmpty == false, sourceLocation: sourceLocation)
    expectSafeHeaders(response, sourceLocation: sourceLocation)
}
