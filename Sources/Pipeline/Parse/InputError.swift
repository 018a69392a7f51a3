import Glibc

/// The file as a whole cannot be imported.
package struct InputError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The raw values are the codes of `progress.json`.
    package enum Code: String, Sendable {
        case empty
        case missingColumn = "missing_column"
        case duplicateColumn = "duplicate_column"
        case encoding
        case unterminatedQuote = "unterminated_quote"
        case compressed
        /// Reading failed: nothing is known about the file itself.
        case `internal`
    }

    package let code: Code
    /// For the person who made the file: what is wrong, where, and what to do.
    package let message: String
    /// The physical line, from 1, if the fault has a place.
    package let line: Int?
    /// What the system call reported, if one failed.
    package let errorNumber: CInt?

    package init(_ code: Code, line: Int? = nil, errorNumber: CInt? = nil, _ message: String) {
        self.code = code
        self.message = message
        self.line = line
        self.errorNumber = errorNumber
    }

    package var description: String { "\(code.rawValue): \(message)" }

    /// - Parameter number: `errno` as the failed call left it.
    static func reading(_ number: CInt) -> InputError {
        let reason = strerror(number).map { String(cString: $0) } ?? "error \(number)"
        return InputError(.internal, errorNumber: number, "The file could not be read: \(reason).")
    }
}
