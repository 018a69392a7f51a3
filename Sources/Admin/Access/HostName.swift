/// A host as it is written in a `Host` header or in the settings, in one form: lower case, no port, no brackets, no
/// dot at the end.
struct HostName: Hashable, Sendable {
    let text: String

    init(_ written: String) {
        var name = written.lowercased()[...]
        if name.first == "[", let end = name.firstIndex(of: "]") {
            name = name[name.index(after: name.startIndex)..<end]
        } else if name.count(where: { $0 == ":" }) == 1 {
            name = name.prefix { $0 != ":" }
        }
        if name.last == "." { name.removeLast() }
        text = String(name)
    }

    /// RFC 6761 §6.3 and RFC 1122 §3.2.1.3: these never leave the machine.
    var isLoopback: Bool { text == "localhost" || text == "::1" || isIPv4(startingWith: 127) }
    var isWildcard: Bool { text == "0.0.0.0" || text == "::" }
    /// As a URL wants it.
    var bracketed: String { text.contains(":") ? "[\(text)]" : text }

    private func isIPv4(startingWith first: UInt8) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { $0.allSatisfy(\.isWholeNumber) ? UInt8($0) : nil }
        return parts.count == 4 && numbers.count == 4 && numbers[0] == first
    }
}
