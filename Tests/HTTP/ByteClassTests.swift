// The one table of byte classes (CScan) against the lists of the RFCs.

import CScan
import Testing

@Suite("Classes of bytes")
struct ByteClassTests {
    private func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    @Test("the bytes of a token are those that RFC 9110 §5.6.2 lists")
    func token() {
        let listed = Set("!#$%&'*+-.^_`|~".utf8)
        for byte in UInt8.min ... .max {
            let isToken = cscan_class_of(byte) & UInt8(CSCAN_TOKEN) != 0
            #expect(isToken == (isAlphanumeric(byte) || listed.contains(byte)), "\(byte)")
        }
    }

    @Test("the bytes of a plain host are the unreserved ones of RFC 3986 §2.3")
    func host() {
        let listed = Set("-._~".utf8)
        for byte in UInt8.min ... .max {
            let isHost = cscan_class_of(byte) & UInt8(CSCAN_HOST) != 0
            #expect(isHost == (isAlphanumeric(byte) || listed.contains(byte)), "\(byte)")
        }
    }

    @Test("the bytes of a field value are those of RFC 9110 §5.5")
    func value() {
        for byte in UInt8.min ... .max {
            let isValue = cscan_class_of(byte) & UInt8(CSCAN_VALUE) != 0
            #expect(isValue == (byte == 0x09 || byte >= 0x20 && byte != 0x7F), "\(byte)")
        }
    }
}
