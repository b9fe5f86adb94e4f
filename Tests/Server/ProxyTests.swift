// Behind a proxy: PROXY headers and X-Forwarded fields reach the request, and nobody who is not
// trusted is believed.

import Glibc
import MizuEventLoop
import MizuHTTP
import MizuTransport
import Testing

@testable import MizuDoor
@testable import MizuServer

extension ServerStorey {
    @Suite("Behind a proxy") struct ProxyTests {
        private static let client = PeerAddress.v4(address: 0xCB00_7109, port: 5555)
        private static let signature = Array("\r\n\r\n\u{0}\r\nQUIT\n".utf8)

        /// One of each kind; Tests/Door has them all.
        private static let headers: [([UInt8], ProxyHeader.Origin)] = [
            (
                Array("PROXY TCP4 203.0.113.9 127.0.0.1 5555 80\r\n".utf8),
                .client(client, isSecure: false)
            ),
            (Array("PROXY UNKNOWN\r\n".utf8), .own),
            (
                signature + [0x21, 0x11, 0, 20, 203, 0, 113, 9, 127, 0, 0, 1, 0x15, 0xB3, 0, 80]
                    + [0x20, 0, 5, 1, 0, 0, 0, 0],
                .client(client, isSecure: true)
            ),
            (signature + [0x20, 0x00, 0, 0], .own),
        ]
        private static let malformed: [[UInt8]] = [
            Array("GET / HTTP/1.1\r\n".utf8), Array("PROXY TCP4 ::1 ::1 1 1\r\n".utf8),
            [0x16, 3, 1], signature + [0x31, 0x11, 0, 0],
        ]

        private func server(
            trusted: String = "127.0.0.0/8,10.0.0.0/8",
            _ use: ServerConfiguration.ProxyProtocolUse = .off,
            _ change: (inout ServerLimits) -> Void = { _ in }
        ) throws -> TestServer {
            let ranges = try #require(AddressRanges(trusted))
            var limits = AddressLimits()
            limits.connectionsMax = 2
            limits.exempt = AddressRanges()
            return try TestServer(change) {
                $0.trustedProxies = TrustedProxies(ranges)
                $0.proxyProtocol = use
                $0.strictTransportSecurity = "max-age=60"
                $0.addressLimits = limits
            }
        }

        static let forwarded: [(String, String)] = [
            ("", "127.0.0.1 false"),
            ("X-Forwarded-For: 203.0.113.9\r\n", "203.0.113.9 false"),
            ("X-Forwarded-For: 1.1.1.1, 203.0.113.9\r\n", "203.0.113.9 false"),
            ("X-Forwarded-For: 203.0.113.9 ,10.1.1.1,\t10.2.2.2\r\n", "203.0.113.9 false"),
            (
                "X-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: [2001:db8::1]:80\r\n",
                "2001:db8::1 false"
            ),
            ("X-Forwarded-For: 203.0.113.9:4711\r\n", "203.0.113.9 false"),
            ("X-Forwarded-For: 203.0.113.9, 10.1.1.1, unknown\r\n", "127.0.0.1 false"),
            ("X-Forwarded-For: unknown, 10.1.1.1\r\n", "10.1.1.1 false"),
            ("X-Forwarded-For: 10.9.9.9\r\n", "10.9.9.9 false"),
            ("X-Forwarded-For: \r\n", "127.0.0.1 false"),
            ("X-Forwarded-Proto: https\r\n", "127.0.0.1 true"),
            ("X-Forwarded-Proto: http, HTTPS\r\n", "127.0.0.1 true"),
            ("X-Forwarded-Proto: https, http\r\n", "127.0.0.1 false"),
            ("X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", "127.0.0.1 false"),
            // Some write the scheme of a handshake as its URL has it.
            ("X-Forwarded-Proto: http, WSS\r\n", "127.0.0.1 true"),
            ("X-Forwarded-Proto: https, ws\r\n", "127.0.0.1 false"),
            ("X-Forwarded-Proto: ftp\r\n", "127.0.0.1 false"),
            ("Forwarded: for=203.0.113.9;proto=https\r\n", "127.0.0.1 false"),
        ]

        @Test("a trusted proxy says whose request it is and how it came", arguments: forwarded)
        func fields(fields: String, expected: String) throws {
            let server = try server()
            let answer = server.client().get("/who", fields: fields)
            #expect(answer.map { Self.withoutPort($0.text) } == expected)
            let isSecure = expected.hasSuffix("true")
            #expect(
                answer?.head.contains("Strict-Transport-Security: max-age=60\r\n") == isSecure)
        }

        @Test("others who send these fields are not believed")
        func strangers() throws {
            let server = try server(trusted: "10.0.0.0/8")
            for (fields, _) in Self.forwarded {
                let answer = server.client().get("/who", fields: fields)
                #expect(answer.map { Self.withoutPort($0.text) } == "127.0.0.1 false")
                #expect(answer?.head.contains("Strict-Transport") == false)
            }
            let server2 = try self.server(trusted: "10.0.0.0/8", .required)
            for (header, _) in Self.headers {
                let client = server2.client()
                client.send(header)
                client.send("GET /who HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(client.response()?.status == 400)
            }
            #expect(server2.client().get("/who")?.status == 200)
        }

        @Test("a PROXY header names the client, whole or byte by byte")
        func header() throws {
            let server = try server(.required)
            for (header, origin) in Self.headers {
                for cut in [header.count, 1] {
                    let client = server.client()
                    for start in stride(from: 0, to: header.count, by: cut) {
                        client.send(Array(header[start..<min(header.count, start + cut)]))
                    }
                    // Not a proxy itself: its own fields count for nothing.
                    let answer = client.get("/who", fields: "X-Forwarded-For: 1.1.1.1\r\n")
                    switch origin {
                    case .own: #expect(answer?.text == "1.1.1.1:0 false", "the proxy's own field")
                    case .client(let peer, let isSecure):
                        #expect(answer?.text == "\(peer.text) \(isSecure)")
                    }
                    #expect(client.get("/")?.status == 200, "and the connection goes on")
                }
            }
            #expect(try server.becomesEmpty())
        }

        @Test("a trusted proxy that sends none is refused, and one that says nothing is closed")
        func missing() throws {
            let server = try server(.required)
            for (index, bytes) in Self.malformed.enumerated() {
                let client = server.client()
                client.send(bytes)
                let answer = client.response()
                #expect(answer?.status == 400 && answer?.closes == true, "\(index)")
            }
            let hasty = try self.server(.required) { $0.headMilliseconds = 50 }
            for part in ["", "PROXY TC"] {
                let client = hasty.client()
                client.send(part)
                // Bytes that stay in the socket make a reset of the close.
                let (bytes, ending) = client.readToEnd()
                #expect(bytes.isEmpty && ending != .timedOut)
            }
            let half = server.client()
            half.send("PROXY TC")
            half.halfClose()
            let (bytes, ending) = half.readToEnd()
            #expect(bytes.isEmpty && ending != .timedOut)
            #expect(try server.becomesEmpty() && hasty.becomesEmpty())
        }

        @Test("limits of an address are the client's, not the proxy's")
        func counts() throws {
            let server = try server(.required)
            func come(_ address: String) -> (RawClient, Int?) {
                let client = server.client()
                client.send("PROXY TCP4 \(address) 127.0.0.1 1 80\r\n")
                return (client, client.get("/")?.status)
            }
            let first = (0..<2).map { _ in come("203.0.113.9") }
            #expect(first.map(\.1) == [200, 200])
            #expect(come("203.0.113.9").1 == 429)
            let others = (1..<6).map { come("203.0.113.1\($0)") }
            #expect(others.allSatisfy { $0.1 == 200 })
            first[0].0.close()
            #expect(eventually { come("203.0.113.9").1 == 200 })
        }

        private static func withoutPort(_ text: String) -> String {
            let parts = text.split(separator: " ")
            guard parts.count == 2, let colon = parts[0].lastIndex(of: ":") else { return text }
            let host = parts[0][..<colon].filter { $0 != "[" && $0 != "]" }
            return host + " " + parts[1]
        }
    }
}
