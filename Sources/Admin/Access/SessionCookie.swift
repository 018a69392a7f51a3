internal import Crypto
internal import FoundationEssentials
internal import HTTPTypes
internal import Hummingbird

/// The cookie of a browser that has signed in: when it ends, and a signature that only this server can make. A new
/// password makes all of them worthless.
struct SessionCookie: Sendable {
    static let name = "importer_session"
    static let lifetime = 7 * 86400

    private let key: SymmetricKey

    init(password: String) {
        let base = SymmetricKey(data: SHA256.hash(data: Data(password.utf8)))
        key = SymmetricKey(
            data: HMAC<SHA256>.authenticationCode(for: Data("product-importer session 1".utf8), using: base))
    }

    /// The `Set-Cookie` header of a new session.
    func header(_ client: AdminContext.Client, now: Date = Date()) -> String {
        let end = Int(now.timeIntervalSince1970) + SessionCookie.lifetime
        let value = "\(end).\(hexadecimal(HMAC<SHA256>.authenticationCode(for: Data("\(end)".utf8), using: key)))"
        return SessionCookie.header(value, maximumAge: SessionCookie.lifetime, client)
    }

    /// The one that ends a session.
    static func end(_ client: AdminContext.Client) -> String { header("", maximumAge: 0, client) }

    private static func header(_ value: String, maximumAge: Int, _ client: AdminContext.Client) -> String {
        let secure = client.scheme == "https" ? "; Secure" : ""
        return "\(name)=\(value); Path=\(client.prefix)/; Max-Age=\(maximumAge); HttpOnly; SameSite=Strict\(secure)"
    }

    /// Whether the request carries a session that has not ended.
    func isValid(in request: Request, now: Date = Date()) -> Bool {
        request.headers[values: .cookie].contains { header in
            header.split(separator: ";").contains { isValid($0.drop { $0 == " " }, now: now) }
        }
    }

    private func isValid(_ cookie: Substring, now: Date) -> Bool {
        let prefix = "\(SessionCookie.name)="
        guard cookie.hasPrefix(prefix) else { return false }
        let parts = cookie.dropFirst(prefix.count).split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let end = Int(parts[0]), Double(end) > now.timeIntervalSince1970,
            let code = bytes(parts[1])
        else { return false }
        // Compares in constant time.
        return HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: Data(parts[0].utf8), using: key)
    }
}

private func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { byte in
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
    }.joined()
}

private func bytes(_ text: Substring) -> [UInt8]? {
    guard text.utf8.count == 64 else { return nil }
    let digits = text.compactMap(\.hexDigitValue)
    guard digits.count == 64 else { return nil }
    return stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}
