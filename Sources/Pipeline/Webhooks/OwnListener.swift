internal import Synchronization

/// Where this program's admin server listens. The kernel may choose the port, which then is known only later.
package final class OwnListener: Sendable {
    private let host: String
    private let port: Atomic<Int>

    /// - Parameter port: nil when there is no admin server; 0 until it is known.
    package init(host: String = "127.0.0.1", port: Int? = nil) {
        self.host = host
        self.port = Atomic(port ?? 0)
    }

    package func listens(on port: Int) { self.port.store(port, ordering: .releasing) }

    /// Whether the admin server answers there: it listens on one address, or on all of this machine.
    func answers(at address: IPAddress, _ port: Int) -> Bool {
        guard port == self.port.load(ordering: .acquiring) else { return false }
        let plain = address.unmapped
        // Who connects to "any" reaches this machine's loopback.
        if plain.isAny { return true }
        if let own = IPAddress(host)?.unmapped, !own.isAny { return plain == own }
        return plain.isLoopback || IPAddress.ofThisMachine().contains(plain)
    }
}

extension IPAddress {
    fileprivate var isAny: Bool { IPNetwork("0.0.0.0/8")!.contains(self) || IPNetwork("::")!.contains(self) }
    fileprivate var isLoopback: Bool { IPNetwork("127.0.0.0/8")!.contains(self) || IPNetwork("::1")!.contains(self) }
}
