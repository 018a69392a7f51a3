/// Why a record cannot be read. A problem costs its record, never the file.
package enum CSVProblem: Equatable, Sendable {
    /// Longer than the reader's limit (16 MiB), or with more fields than the parser keeps. There are no fields.
    case tooLarge
    /// A NUL byte somewhere in the record.
    case nulByte
    /// Bytes that the file's encoding does not define.
    case badEncoding
    /// Something other than a delimiter or a line end after a closing quote.
    case badQuoting
}
