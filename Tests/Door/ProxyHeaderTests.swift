// PROXY headers in both versions, whole and cut everywhere, and bytes that are none.

import MizuHTTP
import MizuTestSupport
import Testing

@testable import MizuDoor

/// A version 2 header.
private func block(
    _ command: UInt8 = 0x21, _ family: UInt8 = 0x11, _ rest: [UInt8]
) -> [UInt8] {
    Array("\r\n\r\n\u{0}\r\nQUIT\n".utf8)
        + [command, family, UInt8(rest.count >> 8), UInt8(rest.count & 255)] + rest
}

private let fourAddresses: [UInt8] = [203, 0, 113, 9, 127, 0, 0, 1, 0x15, 0xB3, 0, 80]
private let secureExtension: [UInt8] = [0x20, 0, 5, 1, 0, 0, 0, 0]
private let client = PeerAddress.v4(address: 0xCB00_7109, port: 5555)

@Suite("The PROXY protocol")
struct ProxyHeaderTests {
    static let headers: [([UInt8], ProxyHeader.Origin)] = [
        (
            Array("PROXY TCP4 203.0.113.9 127.0.0.1 5555 80\r\n".utf8),
            .client(client, isSecure: false)
        ),
        (
            Array("PROXY TCP6 2001:db8::1 ::1 65535 0\r\n".utf8),
            .client(.v6(high: 0x2001_0DB8 << 32, low: 1, port: 65535), isSecure: false)
        ),
        (Array("PROXY UNKNOWN\r\n".utf8), .own),
        (Array("PROXY UNKNOWN ffff::1 what ever\r\n".utf8), .own),
        (block(0x21, 0x11, fourAddresses), .client(client, isSecure: false)),
        (
            block(0x21, 0x11, fourAddresses + [4, 0, 1, 9] + secureExtension),
            .client(client, isSecure: true)
        ),
        (
            block(0x21, 0x11, fourAddresses + [0x20, 0, 5, 0, 0, 0, 0, 0]),
            .client(client, isSecure: false)
        ),
        (
            block(0x21, 0x21, [0x20, 1, 0xD, 0xB8] + [UInt8](repeating: 0, count: 30) + [1, 2]),
            .client(.v6(high: 0x2001_0DB8 << 32, low: 0, port: 0), isSecure: false)
        ),
        (block(0x20, 0x00, []), .own), (block(0x20, 0x11, fourAddresses), .own),
        (block(0x21, 0x00, [1, 2, 3]), .own),
        (block(0x21, 0x31, [UInt8](repeating: 0, count: 216)), .own),
    ]

    @Test("a header is read however it is cut, and what follows is left", arguments: headers)
    func reads(bytes: [UInt8], origin: ProxyHeader.Origin) {
        for count in 0..<bytes.count {
            #expect(bytes[..<count].withUnsafeBytes { ProxyHeader($0) } == .needMore, "\(count)")
        }
        for rest in ["", "GET / HTTP/1.1\r\n", "\u{16}\u{3}\u{1}"] {
            let outcome = (bytes + Array(rest.utf8)).withUnsafeBytes { ProxyHeader($0) }
            #expect(outcome == .header(count: bytes.count, origin: origin))
        }
    }

    static let malformed: [[UInt8]] =
        [
            "GET / HTTP/1.1\r\n", "proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n", "PROXY\r\n", "PROXY \n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n", "PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n",
            "PROXY TCP4 ::1 ::1 1 1\r\n", "PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.400 1 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 01\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 x 1\r\n",
            "PROXY TCP4 " + String(repeating: "1", count: 100), "\r\n\r\nGET",
            "\u{16}\u{3}\u{1}",
        ].map { Array($0.utf8) } + [
            block(0x31, 0x11, fourAddresses), block(0x22, 0x11, fourAddresses),
            block(0x21, 0x11, Array(fourAddresses.dropLast())),
            block(0x21, 0x21, fourAddresses), block(0x21, 0x11, fourAddresses + [4]),
            block(0x21, 0x11, fourAddresses + [4, 0, 9, 1]),
            block(0x21, 0x11, fourAddresses + [UInt8](repeating: 0, count: 2000)),
        ]

    @Test("mutated headers are read in bounds, and a header never reaches behind what is there")
    func mutations() {
        var random = SeededGenerator(seed: 7)
        for round in 0..<20_000 {
            var bytes = Self.headers[round % Self.headers.count].0
            for _ in 0...random.next(below: 4) {
                bytes[random.next(below: bytes.count)] = UInt8(random.next(below: 256))
            }
            let cut = random.next(below: bytes.count + 1)
            let outcome = bytes[..<cut].withUnsafeBytes { ProxyHeader($0) }
            if case .header(let count, _) = outcome { #expect(count <= cut) }
        }
    }

    @Test("what is none is refused, and no byte more makes it one", arguments: malformed)
    func refuses(bytes: [UInt8]) {
        #expect(bytes.withUnsafeBytes { ProxyHeader($0) } == .malformed)
        #expect((bytes + [13, 10]).withUnsafeBytes { ProxyHeader($0) } == .malformed)
    }
}
