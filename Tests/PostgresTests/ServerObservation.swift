import Postgres
import Synchronization
import Testing
import TestSupport

extension TestDatabase {
    /// The database's name and socket, from the keywords that lead to it.
    var keywords: [Substring: String] {
        Dictionary(
            uniqueKeysWithValues: conninfo.split(separator: " ").map { pair in
                let parts = pair.split(separator: "=", maxSplits: 1)
                return (parts[0], parts[1].filter { $0 != "'" })
            })
    }

    /// Server processes of this database besides the one that answers.
    func otherBackends() async throws -> Int {
        try await value(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
            """)
    }

    /// Waits until another session runs a statement that holds these words.
    func waitUntilRunning(_ words: String) async throws {
        try await eventually {
            try await value(
                """
                SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
                    AND pid <> pg_backend_pid() AND query LIKE '%' || \(words) || '%')
                """)
        }
    }

    /// Nothing but our own session is left: no process, no lock, no open transaction.
    func expectNothingLeft(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await eventually(sourceLocation: sourceLocation) { try await otherBackends() == 0 }
        let locks: Int = try await value(
            """
            SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid()
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """)
        #expect(locks == 0, sourceLocation: sourceLocation)
    }
}

extension Session {
    /// Runs a statement that gives one value.
    func value<Value: PostgresDecodable & Sendable>(_ sql: SQL) async throws -> Value {
        try await run { try $0.query(sql)[0][0] }
    }
}

/// A value that several tasks and threads change in turn.
final class Shared<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) { mutex = Mutex(value) }

    var value: Value { mutex.withLock { $0 } }

    @discardableResult
    func change<Output: Sendable>(_ body: (inout sending Value) throws -> Output) rethrows -> Output {
        try mutex.withLock { try body(&$0) }
    }
}

/// Asks until the answer is yes, for up to five seconds: the server tells nobody when a process of it has ended.
func eventually(
    sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
    for _ in 0..<500 {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("it did not happen within five seconds", sourceLocation: sourceLocation)
}

// A note to the next maintainer: Swift 6.3 mixes up the closures of `#expect(throws:) { … }` and of its neighbours when
// both stand inside one closure, and calls the wrong one. Hence these functions.

/// The error of this kind that `body` ends with.
@discardableResult
func caught<Failure: Error, Output>(
    _ type: Failure.Type, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Output
) throws -> Failure {
    do {
        _ = try body()
    } catch let error as Failure {
        return error
    }
    return try #require(nil, "no error was thrown", sourceLocation: sourceLocation)
}

/// The error of this kind that `body` ends with, sooner or later.
@discardableResult
func thrown<Failure: Error, Output>(
    _ type: Failure.Type, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Output
) async throws -> Failure {
    do {
        _ = try await body()
    } catch let error as Failure {
        return error
    }
    return try #require(nil, "no error was thrown", sourceLocation: sourceLocation)
}

/// The PostgreSQL error that `body` ends with, sooner or later.
func postgresError(
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async throws -> PostgresError {
    try await thrown(PostgresError.self, sourceLocation: sourceLocation, body)
}
