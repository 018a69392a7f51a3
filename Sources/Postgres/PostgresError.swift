internal import CLibPQ

/// What went wrong between us and PostgreSQL.
///
/// `description` is safe to show to a person; the SQLSTATE and the server's detail are for the log.
package struct PostgresError: Error, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// What a caller can do about it.
    package enum Remedy: Sendable {
        /// The same transaction may succeed if it is run again on this connection.
        case retry
        /// The connection is gone or about to go: connect again, then retry.
        case reconnect
        /// Trying again changes nothing.
        case final
    }

    /// Five characters, PostgreSQL's Appendix A; `08006` when the connection broke without one.
    package let sqlState: String
    package let message: String
    package let detail: String?
    package let constraint: String?

    package init(sqlState: String, message: String, detail: String? = nil, constraint: String? = nil) {
        self.sqlState = sqlState
        self.message = message
        self.detail = detail
        self.constraint = constraint
    }

    package var remedy: Remedy {
        switch sqlState {
        case "40001", "40P01", "55P03": .retry
        case "57P01", "57P02", "57P03", "57P05", "25P03", "25P04": .reconnect
        // A wrong password, user or database is a matter for a person, who can mend it while we wait.
        case "28000", "28P01", "3D000": .reconnect
        default:
            switch sqlState.prefix(2) {
            case "08": .reconnect
            case "53": .retry  // out of disk, memory or connections
            case "58": .retry  // an I/O error of the server's machine
            default: .final
            }
        }
    }

    package var isTransient: Bool { remedy != .final }
    package var isUniqueViolation: Bool { sqlState == "23505" }
    package var isCancellation: Bool { sqlState == "57014" }
    /// What we asked for is not to be had, or not in time; something else may be.
    package var isRefusal: Bool { sqlState == "55P03" || remedy == .final && !isCancellation }

    package var description: String { message }
    package var debugDescription: String {
        "PostgresError(\(sqlState)): \(message)" + (detail.map { " (\($0))" } ?? "")
    }
}

extension PostgresError {
    /// Reads the error of a result, or of the connection when there is no result.
    init(result: OpaquePointer?, connection: OpaquePointer?) {
        func field(_ code: CInt) -> String? {
            guard let result, let text = PQresultErrorField(result, code) else { return nil }
            return String(cString: text)
        }
        let fallback = connection.flatMap { PQerrorMessage($0) }.map { String(cString: $0) } ?? "no connection"
        // An error without a state is libpq's own, and it may tell of a write that failed before it has read the end of
        // the stream: the connection then still looks well. The end is there already, or a moment away.
        let state =
            field(CLIBPQ_DIAG_SQLSTATE)
            ?? (connection.map { Connection.hasEnded($0, waiting: 1000) } ?? true ? "08006" : "XX000")
        self.init(
            sqlState: state,
            message: field(CLIBPQ_DIAG_MESSAGE) ?? PostgresError.oneLine(fallback),
            detail: field(CLIBPQ_DIAG_DETAIL),
            constraint: field(CLIBPQ_DIAG_CONSTRAINT))
    }

    /// libpq's own messages span several lines.
    static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == "\t" || $0 == " " } }.joined(separator: " ")
    }
}
