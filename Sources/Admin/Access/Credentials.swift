internal import FoundationEssentials

/// What a request shows to be let in (RFC 7617, RFC 6750).
enum Credentials: Equatable {
    /// The password; any user name will do, and is not kept.
    case basic([UInt8])
    case bearer([UInt8])

    /// nil when the header is missing or cannot be read.
    init?(authorization: String?) {
        guard let authorization, let space = authorization.firstIndex(of: " ") else { return nil }
        let value = authorization[space...].drop { $0 == " " }
        switch authorization[..<space].lowercased() {
        case "basic":
            guard let pair = Data(base64Encoded: String(value)), let colon = pair.firstIndex(of: UInt8(ascii: ":"))
            else { return nil }
            self = .basic(Array(pair[pair.index(after: colon)...]))
        case "bearer":
            self = .bearer(Array(value.utf8))
        default:
            return nil
        }
    }
}
