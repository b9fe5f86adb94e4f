// Addresses in text: what is read, what is refused, and that reading undoes writing.

import MizuHTTP
import Testing

@Suite("RFC 4291 §2.2: addresses as text")
struct PeerAddressTests {
    static let good: [(String, String)] = [
        ("0.0.0.0", "0.0.0.0"), ("192.0.2.1", "192.0.2.1"), ("255.255.255.255", "255.255.255.255"),
        ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::1", "2001:db8::1"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:2:3::6:7:8", "1:2:3::6:7:8"),
        ("0001:0:0:0:0:0:0:0", "1::"), ("::ffff:192.0.2.1", "192.0.2.1"),
        ("0:0:0:0:0:ffff:c000:201", "192.0.2.1"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("fe80::1", "fe80::1"),
    ]

    @Test("addresses are read", arguments: good)
    func reads(text: String, host: String) {
        let address = PeerAddress(address: text, port: 7)
        #expect(address?.host == host)
        #expect(PeerAddress(address: host, port: 7) == address)
    }

    @Test(
        "what is none is refused",
        arguments: [
            "", " ", ".", ":", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.1.1.1",
            "01.2.3.4", "1.2.3.00", "1.2.3.4 ", "+1.2.3.4", "0x1.2.3.4", "1.2.3.1234", ":1", "1:",
            ":::", "::1::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
            "::1:2:3:4:5:6:7:8", "12345::", "g::", "::1%eth0", "[::1]", "1.2.3.4::",
            "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", ":1.2.3.4", "-1::",
            "1111:2222:3333:4444:5555:6666:123.123.123.1234",
        ])
    func refuses(text: String) {
        #expect(PeerAddress(address: text) == nil)
    }
}
