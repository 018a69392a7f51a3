internal import Crypto
internal import FoundationEssentials

/// The key that a webhook and its receiver share: `whsec_` and the base64 of its bytes (Standard Webhooks,
/// "Symmetric signature").
package struct WebhookSecret: Sendable, CustomStringConvertible {
    private static let prefix = "whsec_"

    /// As it is stored, and shown once.
    package let text: String
    private let key: SymmetricKey

    /// nil when the text is no such secret.
    package init?(_ text: String) {
        guard text.hasPrefix(WebhookSecret.prefix),
            let bytes = Data(base64Encoded: String(text.dropFirst(WebhookSecret.prefix.count))), !bytes.isEmpty
        else { return nil }
        self.text = text
        self.key = SymmetricKey(data: bytes)
    }

    /// 32 random bytes.
    package static func random() -> WebhookSecret {
        let bytes = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) }
        return WebhookSecret(prefix + bytes.base64EncodedString())!
    }

    /// Never the secret itself: it must not get into a log by accident.
    package var description: String { "\(WebhookSecret.prefix)…" }

    /// The value of `webhook-signature` for this key alone: `v1,` and the base64 of HMAC-SHA256 over
    /// `id.timestamp.body`.
    package func signature(id: String, timestamp: Int, body: [UInt8]) -> String {
        var hmac = HMAC<SHA256>(key: key)
        hmac.update(data: Data("\(id).\(timestamp).".utf8))
        hmac.update(data: body)
        return "v1," + Data(hmac.finalize()).base64EncodedString()
    }
}
