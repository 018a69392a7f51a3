internal import Postgres
internal import Synchronization

/// The database as a server may use it: a question is answered within a deadline, or not at all.
final class BoundedDatabase: Sendable {
    private enum Question { case asked, answered, givenUp }

    private let database: Database
    /// Questions that were given up on and still occupy a session.
    private let stuck = Mutex(0)

    /// With this many sessions hanging, another question would only join them.
    private static let maximumStuck = 2

    init(_ database: Database) { self.database = database }

    /// - Throws: `DatabaseUnavailable` when the deadline passes or the database refuses; what `body` throws otherwise.
    func run<Output: Sendable>(
        within limit: Duration, _ body: @escaping @Sendable (Connection) throws -> Output
    ) async throws -> Output {
        guard stuck.withLock({ $0 < BoundedDatabase.maximumStuck }) else { throw DatabaseUnavailable.silent }
        let question = Shared(Question.asked)
        do {
            let answer = try await Admin.within(limit) { [self] in
                defer { ended(question) }
                return try await database.withConnection(body)
            }
            if let answer { return answer }
        } catch let error as PostgresError {
            throw DatabaseUnavailable(error)
        }
        giveUp(question)
        try Task.checkCancellation()
        throw DatabaseUnavailable.silent
    }

    private func ended(_ question: Shared<Question>) {
        question.value.withLock {
            if $0 == .givenUp { stuck.withLock { $0 -= 1 } }
            $0 = .answered
        }
    }

    private func giveUp(_ question: Shared<Question>) {
        question.value.withLock {
            if $0 == .answered { return }
            stuck.withLock { $0 += 1 }
            $0 = .givenUp
        }
    }
}

/// A value that two tasks change in turn.
private final class Shared<Value: Sendable>: Sendable {
    let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
}

/// The database is away; `reason` says it in words for a person.
struct DatabaseUnavailable: Error {
    let reason: String

    static let silent = DatabaseUnavailable(reason: "The database does not answer.")

    private init(reason: String) { self.reason = reason }

    init(_ error: PostgresError) {
        switch error.sqlState {
        case "42P01": reason = "The database has no tables for imports yet. Run product-importer migrate."
        case "55P03": reason = "An import is writing this just now. Try again in a moment."
        case "57014": reason = "The database takes too long to answer."
        default:
            let opening = error.isTransient ? "The database cannot be reached" : "The database refuses"
            // libpq goes on to ask whether the server is running; that is what we are telling.
            let question = error.message.firstRange(of: " Is the server running")
            reason = "\(opening): \(error.message[..<(question?.lowerBound ?? error.message.endIndex)])."
        }
    }
}
