/// A path below `/outbox/`, taken apart so that no component can lead anywhere but down.
struct OutboxPath: Equatable, Sendable {
    /// As the file system wants them: any bytes but NUL and `/`, never empty, never beginning with a dot.
    let components: [[UInt8]]

    /// An import's folder, a name in it; nothing in the outbox lies deeper.
    private static let maximumDepth = 2

    /// Reads the path of a request, percent-encoded as it was sent; nil for whatever is not plainly a file's.
    init?(requestPath: String) {
        let prefix = "/outbox/".utf8
        guard requestPath.utf8.starts(with: prefix) else { return nil }
        let parts = requestPath.utf8.dropFirst(prefix.count)
            .split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count <= OutboxPath.maximumDepth else { return nil }
        var components: [[UInt8]] = []
        for part in parts {
            guard let name = decodePercent(part), OutboxPath.isFileName(name) else { return nil }
            components.append(name)
        }
        self.components = components
    }

    var fileName: [UInt8] { components[components.count - 1] }

    private static func isFileName(_ name: [UInt8]) -> Bool {
        guard let first = name.first, first != UInt8(ascii: "."), name.count <= 255 else { return false }
        return !name.contains(0) && !name.contains(UInt8(ascii: "/"))
    }
}

/// Undoes percent-encoding once (RFC 3986 §2.1); nil when a `%` is not followed by two hexadecimal digits.
func decodePercent(_ text: some Collection<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = text[...]
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal) else {
            return nil
        }
        bytes.append(high << 4 | low)
    }
    return bytes
}

private func hexadecimal(_ digit: UInt8) -> UInt8? {
    Character(Unicode.Scalar(digit)).hexDigitValue.map(UInt8.init)
}
