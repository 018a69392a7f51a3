/// One entry of `IMPORTER_WEBHOOK_ALLOW`: a host, an address, a network; perhaps with the one port that is meant.
package struct Allowance: Sendable, Equatable {
    private let host: String
    private let network: IPNetwork?
    private let port: Int?

    /// nil when the entry is none of these.
    package init?(_ text: String) {
        if let network = IPNetwork(text) {
            (host, self.network, port) = (text, network, nil)
            return
        }
        var name = Substring(text)
        var port: Int?
        if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
            guard let number = Int(text[text.index(after: colon)...]), (1...65535).contains(number) else { return nil }
            (name, port) = (text[..<colon], number)
        }
        if name.hasPrefix("["), name.hasSuffix("]") {
            name = name.dropFirst().dropLast()
            guard IPAddress(String(name)) != nil else { return nil }
        }
        let isName = name.utf8.allSatisfy { byte in
            let lower = byte | 0x20
            return (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(lower) || (0x30...0x39).contains(byte)
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
        }
        guard !name.isEmpty, isName || IPAddress(String(name)) != nil else { return nil }
        (host, network, self.port) = (name.lowercased(), IPNetwork(String(name)), port)
    }

    func allows(_ host: String, _ address: IPAddress, port: Int) -> Bool {
        guard self.port == nil || self.port == port else { return false }
        return self.host == host.lowercased() || network?.contains(address) == true
            || network?.contains(address.unmapped) == true
    }

    /// Our own listener is allowed only by name and port: whoever opens a network seldom means the server itself.
    func names(_ host: String, _ address: IPAddress, port: Int) -> Bool {
        self.port != nil && allows(host, address, port: port)
    }
}
