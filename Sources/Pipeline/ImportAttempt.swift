internal import Catalog
internal import FoundationEssentials
internal import Postgres
internal import Synchronization

/// The import row is locked by, or belongs to, another attempt: stop quietly.
struct NotOurs: Error {}

/// Somebody wrote to the source while it was imported: roll back, wait until it is quiet, read it again.
struct SourceChanged: Error {}

/// Why an import waits instead of failing, and whether waiting helps at all.
struct WaitReason {
    let isTransient: Bool
    let message: String
    private let needsQuiet: Bool

    init(_ error: any Error) {
        needsQuiet = error is SourceChanged
        switch error {
        case is SourceChanged:
            (isTransient, message) = (true, "The file is still being written. Waiting until it is quiet.")
        case let error as CommitUnknown:
            (isTransient, message) = (true, WaitReason.away(error.underlying))
        case let error as PostgresError:
            isTransient = error.isTransient
            message =
                error.remedy == .reconnect
                ? WaitReason.away(error) : "Waiting to try again: \(error.message)"
        case let error as SystemError:
            (isTransient, message) = (error.isTransient, "Waiting to try again: \(error)")
        default:
            (isTransient, message) = (false, "\(error)")
        }
    }

    func minimumSeconds(_ options: ImportPipeline.Options) -> Double { needsQuiet ? options.settleSeconds : 0 }

    private static func away(_ error: PostgresError) -> String { "Waiting for the database: \(error.message)" }
}

/// Growing delays between attempts: from a tenth of a second to ten seconds, each spread by a fifth.
struct Backoff: Sendable {
    private(set) var failures = 0

    mutating func next(atLeast minimum: Double) -> Double {
        defer { failures += 1 }
        let delay = min(10, 0.1 * Double(1 << min(failures, 10)))
        return max(minimum, delay) * Double.random(in: 0.8...1.2)
    }
}

/// A person's wish to cancel one import. It may come before, during or after the attempt it hits.
package final class ImportCancellation: Sendable {
    private let state = Mutex<(requested: Bool, cancel: (@Sendable () -> Void)?)>((false, nil))

    package init() {}

    package var isRequested: Bool { state.withLock { $0.requested } }

    package func request() {
        let cancel = state.withLock { state in
            state.requested = true
            return state.cancel
        }
        cancel?()
    }

    func watch<Output>(_ task: Task<Output, any Error>) {
        let requested = state.withLock { state in
            state.cancel = { task.cancel() }
            return state.requested
        }
        if requested { task.cancel() }
    }
}

extension InputError {
    /// As the import's failure; trouble of the machine goes on as such.
    func failure() throws -> ImportFailure {
        if let errorNumber { throw SystemError("reading the file", errorNumber) }
        guard let code = ImportFailure.Code(rawValue: code.rawValue) else { throw self }
        return ImportFailure(code, message, line: line)
    }
}
