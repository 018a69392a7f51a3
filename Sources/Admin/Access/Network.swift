internal import Glibc

/// An IP network such as `10.0.0.0/8`, or a single address. An IPv4 address counts as its IPv4-mapped IPv6 address.
struct Network: Equatable, Sendable {
    private let bytes: [UInt8]
    private let bits: Int

    /// nil for anything but a literal address with an optional prefix length.
    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let bytes = Network.address(parts[0]) else { return nil }
        let isIPv4 = !parts[0].contains(":")
        guard parts.count == 2 else {
            (self.bytes, bits) = (bytes, 128)
            return
        }
        guard let length = Int(parts[1]), (0...(isIPv4 ? 32 : 128)).contains(length) else { return nil }
        (self.bytes, bits) = (bytes, isIPv4 ? 96 + length : length)
    }

    func contains(_ address: String) -> Bool {
        guard let other = Network.address(address) else { return false }
        let (whole, rest) = bits.quotientAndRemainder(dividingBy: 8)
        guard bytes.prefix(whole) == other.prefix(whole) else { return false }
        return rest == 0 || (bytes[whole] ^ other[whole]) >> (8 - rest) == 0
    }

    /// The sixteen bytes of a literal address.
    private static func address(_ text: String) -> [UInt8]? {
        // A link-local address carries the name of its interface behind a %.
        let plain = String(text.prefix { $0 != "%" })
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, plain, &bytes) == 1 {
            return [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF] + bytes.prefix(4)
        }
        return inet_pton(AF_INET6, plain, &bytes) == 1 ? bytes : nil
    }
}
