internal import Hummingbird

extension Request {
    /// A value of the query as forms and `URLSearchParams` write it: a plus is a space, which the router's own reading
    /// of the query leaves as it is. The first of several; nil when there is none.
    func queryText(_ name: String) -> String? {
        for pair in (uri.query ?? "").utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, Request.decoded(parts[0]) == name else { continue }
            return Request.decoded(parts[1])
        }
        return nil
    }

    private static func decoded(_ text: some Collection<UInt8>) -> String {
        let spaced = text.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }
        return String(decoding: decodePercent(spaced) ?? spaced, as: UTF8.self)
    }
}
