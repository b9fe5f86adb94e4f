// How permessage-deflate is agreed on: the server's answer to every offer, byte for byte, the
// client's check of every answer, and both against each other.

import MizuBytes
import Testing

@testable import MizuWebSocket

@Suite("RFC 7692 §5, §7.1: negotiating permessage-deflate")
struct NegotiationTests {
    private static let keepsWindow: DeflatePolicy = {
        var policy = DeflatePolicy()
        policy.clientContext = .takenOver
        return policy
    }()

    /// The answer to some fields' offers without its name and line end; nil where all are declined.
    private func answer(_ fields: [String], _ policy: DeflatePolicy = keepsWindow) throws -> String?
    {
        let handshake = try handshake(fields, policy)
        var buffer = ByteBuffer(capacity: 1)
        handshake.appendFields(to: &buffer)
        let lines = String(decoding: buffer.readable, as: UTF8.self).split(separator: "\r\n")
        let found = lines.filter { $0.hasPrefix("Sec-WebSocket-Extensions: permessage-deflate") }
        #expect(found.count == (handshake.extensions == .none ? 0 : 1))
        return found.first.map { String($0.dropFirst(44)) }
    }

    private func handshake(_ fields: [String], _ policy: DeflatePolicy?) throws -> Handshake {
        let all = HandshakeTests.good + fields.map { ("sec-websocket-extensions", $0) }
        return try Array("GET".utf8).withUnsafeBytes { method in
            try Handshake(
                method: method, minorVersion: 1, deflate: policy,
                fields: HandshakeTests.lookup(all))
        }
    }

    private static let serverFresh = "; server_no_context_takeover"
    private static let clientFresh = "; client_no_context_takeover"

    @Test("each offer is answered with what it asks for and no more, as bytes")
    func answers() throws {
        let table: [(String, String)] = [
            ("", ""),
            ("; server_no_context_takeover", Self.serverFresh),
            ("; client_no_context_takeover", Self.clientFresh),
            (
                "; client_no_context_takeover; server_no_context_takeover",
                Self.serverFresh + Self.clientFresh
            ),
            ("; client_max_window_bits", ""),
            ("; client_max_window_bits=15", ""),
            ("; client_max_window_bits=8", "; client_max_window_bits=8"),
            ("; client_max_window_bits=10", "; client_max_window_bits=10"),
            ("; server_max_window_bits=15", "; server_max_window_bits=15"),
            ("; server_max_window_bits=8", "; server_max_window_bits=8"),
            (
                "; server_max_window_bits=9; client_max_window_bits=11",
                "; server_max_window_bits=9; client_max_window_bits=11"
            ),
            ("; server_max_window_bits=\"10\"", "; server_max_window_bits=10"),
        ]
        for (offer, expected) in table {
            #expect(try answer(["permessage-deflate" + offer]) == expected, "\(offer)")
        }
    }

    @Test(
        "a policy without client windows says so unasked; a smaller window only who lets us choose")
    func policies() throws {
        let fresh = DeflatePolicy()
        #expect(try answer(["permessage-deflate"], fresh) == Self.clientFresh)
        #expect(
            try answer(["permessage-deflate; client_max_window_bits"], fresh) == Self.clientFresh)
        var small = Self.keepsWindow
        small.clientWindowBitsMax = 11
        #expect(try answer(["permessage-deflate"], small) == "")
        for (offer, bits) in [("", 11), ("=15", 11), ("=12", 11), ("=11", 11), ("=9", 9)] {
            #expect(
                try answer(["permessage-deflate; client_max_window_bits" + offer], small)
                    == "; client_max_window_bits=\(bits)")
        }
        // A client that does not keep its window may have any.
        #expect(
            try answer(
                ["permessage-deflate; client_no_context_takeover; client_max_window_bits"], small)
                == Self.clientFresh)
    }

    static let badParameters = [
        "server_max_window_bits", "server_max_window_bits=7", "server_max_window_bits=16",
        "server_max_window_bits=08", "server_max_window_bits=09", "server_max_window_bits=0",
        "server_max_window_bits=x", "server_max_window_bits=1x", "server_max_window_bits=x5",
        "server_max_window_bits=-9", "server_max_window_bits=+9", "server_max_window_bits=010",
        "server_max_window_bits=100", "server_max_window_bits=1.5", "server_max_window_bits=1:",
        "client_max_window_bits=7", "client_max_window_bits=16", "client_max_window_bits=08",
        "client_max_window_bits=x", "client_max_window_bits=99999999999999999999",
        "client_max_window_bits=1/", "server_no_context_takeover=1",
        "client_no_context_takeover=true", "unknown", "unknown=1",
        "Server_No_Context_Takeover", "server_no_context_takeovers",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits; client_max_window_bits",
        "client_max_window_bits=9; client_max_window_bits",
        "client_max_window_bits=9; client_max_window_bits=10",
    ]

    @Test("an offer with a wrong, unknown or double parameter is declined, and the next one taken")
    func declined() throws {
        for bad in Self.badParameters where !bad.contains(":") && !bad.contains("/") {
            let offer = "permessage-deflate; " + bad
            #expect(try answer([offer]) == nil, "\(offer)")
            #expect(
                try answer(["\(offer), permessage-deflate; server_no_context_takeover"])
                    == Self.serverFresh, "\(offer)")
            #expect(try answer([offer, "permessage-deflate"]) == "", "\(offer)")
            #expect(
                try answer(["\(offer);client_no_context_takeover, x, \(offer)"]) == nil, "\(offer)")
        }
    }

    @Test("the first offer that can be taken wins; other extensions are passed over")
    func choice() throws {
        #expect(
            try answer(["x;y=1, permessage-deflate; client_max_window_bits=9, permessage-deflate"])
                == "; client_max_window_bits=9")
        #expect(try answer(["x", "permessage-bzip2", "permessage-deflate, z"]) == "")
        #expect(try answer(["permessage-deflat, permessage-deflated, deflate"]) == nil)
        #expect(try answer([]) == nil)
        #expect(try answer([", ,"]) == nil)
        #expect(try handshake(["permessage-deflate"], nil).extensions == .none)
    }

    @Test("of 64 offers each is answered within its bounds, and the client reads the same from it")
    func bothEnds() throws {
        var policies = [DeflatePolicy(), Self.keepsWindow]
        for bits in [8, 11] {
            policies.append(Self.keepsWindow)
            policies[policies.count - 1].clientWindowBitsMax = bits
        }
        let nonce = [UInt8](repeating: 7, count: 16)
        let contexts: [DeflateParameters.Context] = [.takenOver, .fresh]
        let windows = [nil] + (8...15).map { Optional($0) }
        for policy in policies {
            for server in contexts {
                for client in contexts {
                    for serverWindow in windows {
                        for clientWindow in 8...15 {
                            var offer = DeflateOffer()
                            offer.server = server
                            offer.client = client
                            offer.serverWindowBits = serverWindow
                            offer.clientWindowBits = clientWindow
                            try meet(
                                ClientHandshake(nonce: nonce, deflate: offer), offer, policy)
                        }
                    }
                }
            }
        }
    }

    private func meet(
        _ client: ClientHandshake, _ offer: DeflateOffer, _ policy: DeflatePolicy
    ) throws {
        var buffer = ByteBuffer(capacity: 1)
        client.appendFields(to: &buffer)
        let request = fields(buffer.readable)
        let server = try Array("GET".utf8).withUnsafeBytes { method in
            try Handshake(
                method: method, minorVersion: 1, deflate: policy,
                fields: HandshakeTests.lookup(request))
        }
        buffer.removeAll()
        server.appendFields(to: &buffer)
        let agreed = try client.verify(
            status: 101, fields: HandshakeTests.lookup(fields(buffer.readable))
        ).extensions
        guard agreed == server.extensions, case .deflate(let parameters) = agreed else {
            Issue.record("\(offer): \(agreed), \(server.extensions)")
            return
        }
        let isInBounds =
            (offer.server == .takenOver || parameters.server == .fresh)
            && (offer.client == .takenOver || parameters.client == .fresh)
            && (policy.clientContext == .takenOver || parameters.client == .fresh)
            && parameters.serverWindowBits <= offer.serverWindowBits ?? 15
            && parameters.clientWindowBits <= offer.clientWindowBits
            && (parameters.client == .fresh
                || parameters.clientWindowBits <= policy.clientWindowBitsMax)
        if !isInBounds { Issue.record("\(offer) gave \(parameters)") }
    }

    private func fields(_ lines: UnsafeRawBufferPointer) -> HandshakeTests.Fields {
        String(decoding: lines, as: UTF8.self).split(separator: "\r\n").map { line in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            return (line[..<colon].lowercased(), String(line[colon...].dropFirst()))
        }
    }
}

@Suite("RFC 7692 §5.1, §7.1: the client's check of an answer")
struct DeflateAnswerTests {
    private func verify(
        _ answers: [String], _ offer: DeflateOffer? = DeflateOffer()
    ) -> Result<AgreedExtensions, HandshakeFailure> {
        let client = ClientHandshake(nonce: Array("the sample nonce".utf8), deflate: offer)
        let fields: HandshakeTests.Fields =
            [
                ("upgrade", "websocket"), ("connection", "Upgrade"),
                ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ] + answers.map { ("sec-websocket-extensions", $0) }
        return Result { () throws(HandshakeFailure) in
            try client.verify(status: 101, fields: HandshakeTests.lookup(fields)).extensions
        }
    }

    @Test("no answer is no extension; what is unasked but allowed is taken")
    func accepted() throws {
        #expect(try verify([]).get() == .none)
        #expect(try verify([], nil).get() == .none)
        #expect(try verify(["permessage-deflate"]).get() == .deflate(DeflateParameters()))
        var parameters = DeflateParameters()
        parameters.server = .fresh
        parameters.client = .fresh
        parameters.serverWindowBits = 10
        parameters.clientWindowBits = 8
        let all =
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
            + "; server_max_window_bits=10; client_max_window_bits=\"8\""
        #expect(try verify([all]).get() == .deflate(parameters))
        #expect(try verify(["", all]).get() == .deflate(parameters))
    }

    @Test("an answer that the offer does not allow fails the connection")
    func refused() {
        var fresh = DeflateOffer()
        fresh.server = .fresh
        var small = DeflateOffer()
        small.serverWindowBits = 10
        small.clientWindowBits = 9
        var largest = DeflateOffer()
        largest.serverWindowBits = 15
        let table: [(String, DeflateOffer?)] = [
            ("permessage-deflate", nil), ("x", nil), ("x", DeflateOffer()),
            ("permessage-deflate, permessage-deflate", DeflateOffer()),
            ("permessage-deflate, x", DeflateOffer()), ("x, permessage-deflate", DeflateOffer()),
            ("permessage-deflate;", DeflateOffer()), ("permessage deflate", DeflateOffer()),
            ("permessage-deflate; client_max_window_bits", DeflateOffer()),
            ("permessage-deflate; server_max_window_bits", DeflateOffer()),
            ("permessage-deflate", fresh),
            ("permessage-deflate; client_no_context_takeover", fresh),
            ("permessage-deflate", small),
            ("permessage-deflate; server_max_window_bits=11", small),
            ("permessage-deflate; server_max_window_bits=9; client_max_window_bits=10", small),
            ("permessage-deflate; server_max_window_bits=16", largest),
        ]
        for (answer, offer) in table {
            #expect(verify([answer], offer) == .failure(.badExtension), "\(answer)")
        }
        for bad in NegotiationTests.badParameters {
            #expect(
                verify(["permessage-deflate; " + bad]) == .failure(.badExtension), "\(bad)")
        }
        #expect(
            verify(["permessage-deflate", "permessage-deflate"]) == .failure(.badExtension))
        // In this answer an absent window is the one of 15 bits that was asked for.
        #expect(verify(["permessage-deflate"], largest) == .success(.deflate(DeflateParameters())))
    }
}
