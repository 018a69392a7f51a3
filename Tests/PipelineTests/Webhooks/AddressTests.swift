import Testing

@testable import Pipeline

@Suite struct AddressTests {
    @Test(arguments: [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255",
        "192.168.1.1", "100.64.0.1", "100.127.255.255", "169.254.169.254", "169.254.0.1", "168.63.129.16",
        "100.100.100.200", "192.0.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "198.18.0.1",
        "198.19.255.255", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1",
        "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "100::1", "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:db8::1", "3fff::1", "2002:7f00:1::",
        "2002:808:808::", "fc00::1", "fd00:ec2::254", "fd12:3456::1", "fe80::1", "febf::1", "fec0::1", "ff02::1",
        "5f00::1", "4000::1", "8000::1", "1::1",
    ])
    func isRefused(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(AddressRule.refusing(address) != nil)
    }

    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.0", "169.253.0.1", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.0.1", "192.169.0.1",
        "198.17.0.1", "198.20.0.1", "223.255.255.255", "::ffff:8.8.8.8", "2606:4700::1111", "2a00:1450::1",
        "2001:4860:4860::8888", "2003::1", "3ffe::1",
    ])
    func isOpenToAll(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(AddressRule.refusing(address)?.reason == nil)
    }

    @Test func saysWhichKindItIs() {
        #expect(AddressRule.refusing(IPAddress("169.254.169.254")!)?.reason.contains("metadata") == true)
        #expect(AddressRule.refusing(IPAddress("::ffff:10.0.0.1")!)?.reason == "a private address")
    }

    @Test func networksContainWhatBeginsAlike() {
        let network = IPNetwork("10.1.2.0/23")!
        #expect(network.contains(IPAddress("10.1.3.255")!) && !network.contains(IPAddress("10.1.4.0")!))
        #expect(IPNetwork("0.0.0.0/0")!.contains(IPAddress("8.8.8.8")!))
        #expect(!IPNetwork("0.0.0.0/0")!.contains(IPAddress("::1")!))
        for text in ["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "host", "10.0.0/8", "::/129"] {
            #expect(IPNetwork(text) == nil, "\(text)")
        }
    }
}
