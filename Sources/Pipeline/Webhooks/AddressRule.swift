/// Addresses that a webhook must not reach by itself, and why: those of this machine, of its networks, and those that
/// stand for others (IANA's special-purpose registries for IPv4 and IPv6; RFC 6890).
struct AddressRule: Sendable {
    let network: IPNetwork
    /// For a sentence: "leads to 10.0.0.7, which is …".
    let reason: String

    private init(_ network: String, _ reason: String) {
        self.network = IPNetwork(network)!
        self.reason = reason
    }

    /// The first rule that refuses the address; nil for one that anybody may send to.
    static func refusing(_ address: IPAddress) -> AddressRule? {
        let plain = address.unmapped
        return rules.first { $0.network.contains(plain) }
    }

    /// More special ones stand before those around them, so that the reason is the clearer one.
    private static let rules: [AddressRule] = [
        AddressRule("169.254.169.254/32", "the metadata service of a cloud"),
        AddressRule("168.63.129.16/32", "the metadata service of a cloud"),
        AddressRule("100.100.100.200/32", "the metadata service of a cloud"),
        AddressRule("192.0.0.192/32", "the metadata service of a cloud"),
        AddressRule("127.0.0.0/8", "a loopback address, this machine itself"),
        AddressRule("0.0.0.0/8", "an address of this machine itself"),
        AddressRule("10.0.0.0/8", "a private address"),
        AddressRule("172.16.0.0/12", "a private address"),
        AddressRule("192.168.0.0/16", "a private address"),
        AddressRule("100.64.0.0/10", "an address inside a provider's network (carrier-grade NAT)"),
        AddressRule("169.254.0.0/16", "a link-local address"),
        AddressRule("192.0.0.0/24", "a reserved address"),
        AddressRule("192.0.2.0/24", "an address for documentation"),
        AddressRule("198.51.100.0/24", "an address for documentation"),
        AddressRule("203.0.113.0/24", "an address for documentation"),
        AddressRule("192.88.99.0/24", "a relay of 6to4"),
        AddressRule("198.18.0.0/15", "an address for benchmarks"),
        AddressRule("224.0.0.0/4", "a multicast address"),
        AddressRule("240.0.0.0/4", "a reserved or broadcast address"),

        AddressRule("fd00:ec2::254/128", "the metadata service of a cloud"),
        AddressRule("fd20:ce::254/128", "the metadata service of a cloud"),
        AddressRule("::1/128", "a loopback address, this machine itself"),
        AddressRule("::/128", "an address of this machine itself"),
        AddressRule("64:ff9b::/96", "an IPv4 address behind NAT64"),
        AddressRule("64:ff9b:1::/48", "an IPv4 address behind NAT64"),
        AddressRule("2001::/32", "an IPv4 address behind Teredo"),
        AddressRule("2001:db8::/32", "an address for documentation"),
        AddressRule("3fff::/20", "an address for documentation"),
        AddressRule("2001::/23", "a reserved address"),
        AddressRule("2002::/16", "an IPv4 address behind 6to4"),
        AddressRule("fc00::/7", "a private address"),
        AddressRule("fe80::/10", "a link-local address"),
        AddressRule("fec0::/10", "a private address of the old kind"),
        AddressRule("ff00::/8", "a multicast address"),
        // Only 2000::/3 has been given out to anybody; IPv4-compatible and translated forms lie outside of it too.
        AddressRule("::/3", "a reserved address"),
        AddressRule("4000::/2", "a reserved address"),
        AddressRule("8000::/1", "a reserved address"),
    ]
}
