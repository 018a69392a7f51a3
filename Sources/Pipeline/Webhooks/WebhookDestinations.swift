internal import FoundationEssentials

/// Decides where a webhook may go: asked when one is saved, when it is tested, and each time something is sent.
///
/// What counts is the address that a name or number leads to, never how it is written; and the connection is then made
/// to the very address that was looked at (`WebhookClients`), so that a name that changes its mind gains nothing.
package struct WebhookDestinations: Sendable {
    private let allowed: [Allowance]
    private let own: OwnListener
    private let resolver: HostResolver

    /// - Parameters:
    ///   - allowed: `IMPORTER_WEBHOOK_ALLOW`: hosts and networks that may be reached although a rule refuses them.
    ///   - own: the admin server, which no webhook may reach.
    package init(allowed: [Allowance] = [], own: OwnListener = OwnListener()) {
        self.init(allowed: allowed, own: own, resolver: .system)
    }

    init(allowed: [Allowance], own: OwnListener = OwnListener(), resolver: HostResolver) {
        self.allowed = allowed
        self.own = own
        self.resolver = resolver
    }

    /// A place that was looked at.
    package struct Destination: Sendable {
        package let url: String
        /// As AsyncHTTPClient reads it from the URL, without brackets.
        let host: String
        let address: IPAddress
    }

    /// Why not. `message` is for the person who set the webhook up.
    package struct Refusal: Error, CustomStringConvertible {
        package enum Kind: Sendable { case url, address }
        package let kind: Kind
        package let message: String
        package var description: String { message }
    }

    /// - Throws: `Refusal`; `HostResolver.NotFound` when the name leads nowhere (which may change).
    package func check(_ url: String, until deadline: ContinuousClock.Instant) async throws -> Destination {
        let (host, port) = try WebhookDestinations.read(url)
        let addresses = try await resolver.resolve(host, deadline)
        guard let first = addresses.first else {
            throw HostResolver.NotFound(message: "The name \(host) has no address.")
        }
        // All of them: which one would be used is not for the name's owner to choose.
        for address in addresses { try check(address, host: host, port: port) }
        return Destination(url: url, host: host, address: first)
    }

    /// The same when a webhook is saved: a name that is not found now may be there when something is sent.
    package func checkForSaving(_ url: String) async throws(Refusal) {
        do {
            _ = try await check(url, until: .now + .seconds(3))
        } catch let refusal as Refusal {
            throw refusal
        } catch {}
    }

    // MARK: URL

    static let maximumLength = 2048

    /// - Returns: the host, as AsyncHTTPClient will read it, and the port.
    static func read(_ text: String) throws(Refusal) -> (host: String, port: Int) {
        func refuse(_ message: String) -> Refusal { Refusal(kind: .url, message: message) }
        guard text.utf8.count <= maximumLength else {
            throw refuse("This URL is longer than \(maximumLength) characters.")
        }
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") }) else {
            throw refuse(
                "A URL has no spaces, backslashes or special letters. Write them as %20 and the like, and a name with "
                    + "special letters in its xn-- form.")
        }
        let scheme = text.prefix { $0 != ":" }.lowercased()
        guard scheme == "http" || scheme == "https", text.dropFirst(scheme.count).hasPrefix("://") else {
            throw refuse("A webhook's URL begins with https:// or http://.")
        }
        let authority = text.dropFirst(scheme.count + 3).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.contains("@") else {
            throw refuse("A webhook's URL has no user name or password. Its signature says who sent a message.")
        }
        guard let url = URL(string: text), let host = url.host, url.user == nil, url.password == nil else {
            throw refuse("This is no URL that can be sent to. It looks like https://example.com/webhook.")
        }
        let plain = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        guard !plain.isEmpty, !plain.contains("%") else {
            throw refuse("This URL names no host. It looks like https://example.com/webhook.")
        }
        let port = url.port ?? (scheme == "https" ? 443 : 80)
        guard (1...65535).contains(port) else { throw refuse("A port is a number from 1 to 65535.") }
        return (plain, port)
    }

    // MARK: Address

    private func check(_ address: IPAddress, host: String, port: Int) throws(Refusal) {
        let place = host == address.description ? host : "\(host) leads to \(address), which"
        if own.answers(at: address, port) {
            guard !allowed.contains(where: { $0.names(host, address, port: port) }) else { return }
            throw Refusal(
                kind: .address,
                message: "\(place) port \(port) is this admin server itself, where webhooks may not go. "
                    + "To allow it all the same, set IMPORTER_WEBHOOK_ALLOW=\(bracketed(host)):\(port).")
        }
        guard let rule = AddressRule.refusing(address),
            !allowed.contains(where: { $0.allows(host, address, port: port) })
        else { return }
        throw Refusal(
            kind: .address,
            message: "\(place) is \(rule.reason). Webhooks may not go there unless that is allowed: "
                + "set IMPORTER_WEBHOOK_ALLOW=\(host) and start the program again.")
    }

    private func bracketed(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }
}
