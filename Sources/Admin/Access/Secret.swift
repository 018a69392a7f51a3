internal import Crypto

/// A password or token that can be compared, but neither printed nor read back.
struct Secret: Sendable {
    private let digest: SHA256.Digest

    init(_ text: String) { digest = SHA256.hash(data: Array(text.utf8)) }

    /// Takes the same time wherever the two differ, and whatever their lengths: digests of one size are compared, and
    /// swift-crypto compares those in constant time.
    func matches(_ given: [UInt8]) -> Bool { SHA256.hash(data: given) == digest }
}
