internal import HTTPTypes
internal import Hummingbird

/// What a reverse proxy tells of the request that it passes on, in its `X-Forwarded-…` headers.
struct Forwarded {
    let host: String?
    let scheme: String?
    let address: String?
    let prefix: String?

    /// nil when the request does not come from a proxy that is trusted: anybody can write these headers.
    init?(_ request: Request, trusting proxies: [Network], peer: String?) {
        guard let peer, proxies.contains(where: { $0.contains(peer) }) else { return nil }
        func last(_ name: String) -> String? {
            request.headers[HTTPField.Name(name)!]?.split(separator: ",").last.map { String($0).trimmed }
        }
        host = last("X-Forwarded-Host")
        scheme = last("X-Forwarded-Proto").flatMap { ["http", "https"].contains($0) ? $0 : nil }
        prefix = last("X-Forwarded-Prefix").flatMap { $0.hasPrefix("/") ? String($0.trimmingEnd("/")) : nil }
        // Each proxy appends who asked it: the last that is no proxy of ours is the client.
        let chain = (request.headers[HTTPField.Name("X-Forwarded-For")!] ?? "").split(separator: ",")
            .map { String($0).trimmed }
        address = chain.last { address in !proxies.contains { $0.contains(address) } } ?? chain.first
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }

    fileprivate func trimmingEnd(_ character: Character) -> Substring {
        var text = self[...]
        while text.last == character { text.removeLast() }
        return text
    }
}
