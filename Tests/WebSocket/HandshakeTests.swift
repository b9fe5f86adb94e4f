// The opening handshake of both roles against tables of fields.

import MizuBytes
import MizuWebSocket
import Testing

@Suite("RFC 6455 §4: opening handshake")
struct HandshakeTests {
    typealias Fields = [(name: String, value: String)]

    static let good: Fields = [
        ("host", "server.example.com"), ("upgrade", "websocket"), ("connection", "Upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), ("sec-websocket-version", "13"),
    ]

    /// `good` with the values of one field exchanged: none, one or several.
    static func good(but name: String, _ values: String...) -> Fields {
        good.filter { $0.name != name } + values.map { (name, $0) }
    }

    static func lookup(_ fields: Fields) -> FieldValues {
        { name, value in
            for field in fields where field.name == "\(name)" {
                Array(field.value.utf8).withUnsafeBytes(value)
            }
        }
    }

    private func check(
        _ fields: Fields, method: String = "GET", minorVersion: Int = 1,
        subprotocols: [ByteSlice] = []
    ) -> Result<Handshake, HandshakeRefusal> {
        Array(method.utf8).withUnsafeBytes { raw in
            Result { () throws(HandshakeRefusal) in
                try Handshake(
                    method: raw, minorVersion: minorVersion, subprotocols: subprotocols,
                    fields: Self.lookup(fields))
            }
        }
    }

    private func refusal(
        _ fields: Fields, method: String = "GET", minorVersion: Int = 1
    ) -> HandshakeRefusal? {
        if case .failure(let refusal) = check(fields, method: method, minorVersion: minorVersion) {
            refusal
        } else {
            nil
        }
    }

    @Test("the example of §1.3 is accepted with its accept value")
    func example() throws {
        let handshake = try check(Self.good).get()
        #expect(handshake.acceptValue == Array("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".utf8))
        #expect(handshake.subprotocol == nil)
        var buffer = ByteBuffer(capacity: 1)
        handshake.appendResponse(to: &buffer)
        #expect(
            String(decoding: buffer.readable, as: UTF8.self) == """
                HTTP/1.1 101 Switching Protocols\r
                Upgrade: websocket\r
                Connection: Upgrade\r
                Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r
                \r

                """)
    }

    @Test("lists, letter case and white space are read as HTTP means them")
    func leniency() {
        let accepted: [Fields] = [
            Self.good(but: "connection", "keep-alive, Upgrade"),
            Self.good(but: "connection", "keep-alive", "UPGRADE"),
            Self.good(but: "connection", " ,, upgrade\t,"),
            Self.good(but: "upgrade", "WebSocket"),
            Self.good(but: "upgrade", "h2c, websocket"),
            Self.good(but: "sec-websocket-version", " 13 "),
            Self.good + [("sec-websocket-extensions", "permessage-deflate; x=\"y\", z")],
            Self.good + [("origin", "null")],
            // As §4.1 writes it: the last digit has bits that belong to no byte.
            Self.good(but: "sec-websocket-key", "AQIDBAUGBwgJCgsMDQ4PEC=="),
        ]
        for fields in accepted { #expect(refusal(fields) == nil, "\(fields)") }
    }

    @Test("what is missing or wrong is refused by name")
    func refusals() {
        let refused: [(Fields, HandshakeRefusal)] = [
            ([], .notAnUpgrade),
            (Self.good(but: "upgrade"), .notAnUpgrade),
            (Self.good(but: "upgrade", "h2c"), .notAnUpgrade),
            (Self.good(but: "upgrade", "websocket2"), .notAnUpgrade),
            (Self.good(but: "connection"), .notAnUpgrade),
            (Self.good(but: "connection", "close"), .notAnUpgrade),
            (Self.good(but: "connection", "not upgrade"), .notAnUpgrade),
            (Self.good(but: "sec-websocket-version"), .badVersion),
            (Self.good(but: "sec-websocket-version", "8"), .badVersion),
            (Self.good(but: "sec-websocket-version", "013"), .badVersion),
            (Self.good(but: "sec-websocket-version", "13", "13"), .badVersion),
            (Self.good(but: "sec-websocket-key"), .badKey),
            (Self.good(but: "sec-websocket-key", ""), .badKey),
            (Self.good(but: "sec-websocket-key", "AAAA"), .badKey),
            (Self.good(but: "sec-websocket-key", "dGhlIHNhbXBsZSBub25jZ==="), .badKey),
            (Self.good(but: "sec-websocket-key", "dGhlIHNhbXBsZSBub25jZ!=="), .badKey),
            (Self.good(but: "sec-websocket-key", "!GhlIHNhbXBsZSBub25jZQ=="), .badKey),
            (Self.good(but: "sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==", ""), .badKey),
            (Self.good(but: "sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ="), .badKey),
            (Self.good(but: "sec-websocket-key", "dGhlIHNhbXBsZSBub25jZSE="), .badKey),
            (
                Self.good + [("sec-websocket-extensions", "permessage-deflate; x=\"")],
                .badExtensions
            ),
            (
                Self.good(
                    but: "sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==",
                    "dGhlIHNhbXBsZSBub25jZQ=="), .badKey
            ),
        ]
        for (fields, expected) in refused { #expect(refusal(fields) == expected, "\(fields)") }
        #expect(refusal(Self.good, method: "POST") == .badMethod)
        #expect(refusal(Self.good, method: "get") == .badMethod)
        #expect(refusal(Self.good, minorVersion: 0) == .notAnUpgrade)
        for options in ["close, Upgrade", "Upgrade, Close", "upgrade,keep-alive , close"] {
            #expect(refusal(Self.good(but: "connection", options)) == .endsConnection, "\(options)")
        }
    }

    @Test("each refusal has its status and the fields that HTTP demands with it")
    func answers() {
        func has(_ refusal: HandshakeRefusal, _ name: String, _ value: String) -> Bool {
            refusal.fields.contains { "\($0.name)" == name && "\($0.value)" == value }
        }
        #expect(HandshakeRefusal.notAnUpgrade.status == 426)
        #expect(has(.notAnUpgrade, "Upgrade", "websocket"))
        #expect(HandshakeRefusal.badVersion.status == 426)
        #expect(has(.badVersion, "Sec-WebSocket-Version", "13"))
        #expect(has(.badVersion, "Upgrade", "websocket"))
        #expect(HandshakeRefusal.badMethod.status == 405)
        #expect(has(.badMethod, "Allow", "GET"))
        #expect(HandshakeRefusal.badKey.status == 400)
        #expect(HandshakeRefusal.endsConnection.status == 400)
        for refusal in HandshakeRefusal.allCases { #expect(refusal.message.utf8CodeUnitCount > 0) }
    }

    @Test("the first subprotocol of the server that the client offers is chosen")
    func subprotocols() throws {
        let fields =
            Self.good + [("sec-websocket-protocol", "c, b"), ("sec-websocket-protocol", "a")]
        #expect(try check(fields, subprotocols: ["a", "b"]).get().subprotocol == "a")
        #expect(try check(fields, subprotocols: ["x", "b"]).get().subprotocol == "b")
        #expect(try check(fields, subprotocols: ["B", "x"]).get().subprotocol == nil)
        #expect(try check(fields).get().subprotocol == nil)
        var buffer = ByteBuffer(capacity: 1)
        try check(fields, subprotocols: ["b"]).get().appendFields(to: &buffer)
        let text = String(decoding: buffer.readable, as: UTF8.self)
        #expect(text.hasSuffix("Sec-WebSocket-Protocol: b\r\n"))
    }
}

@Suite("RFC 6455 §4.1: the client's handshake")
struct ClientHandshakeTests {
    private let client = ClientHandshake(
        nonce: Array("the sample nonce".utf8), subprotocols: ["a", "b"])

    private func verify(
        _ fields: HandshakeTests.Fields, status: Int = 101
    ) -> Result<ByteSlice?, HandshakeFailure> {
        Result { () throws(HandshakeFailure) in
            try client.verify(status: status, fields: HandshakeTests.lookup(fields)).subprotocol
        }
    }

    private let good: HandshakeTests.Fields = [
        ("upgrade", "WebSocket"), ("connection", "upgrade"),
        ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ]

    @Test("the request has the fields of §1.3, and a server accepts them")
    func request() throws {
        #expect(client.key == Array("dGhlIHNhbXBsZSBub25jZQ==".utf8))
        var buffer = ByteBuffer(capacity: 1)
        client.appendFields(to: &buffer)
        let lines = String(decoding: buffer.readable, as: UTF8.self).split(separator: "\r\n")
        let fields = lines.map { line in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            return (line[..<colon].lowercased(), String(line[colon...].dropFirst()))
        }
        let handshake = try Array("GET".utf8).withUnsafeBytes { raw in
            try Handshake(
                method: raw, minorVersion: 1, subprotocols: ["b"],
                fields: HandshakeTests.lookup(fields))
        }
        #expect(handshake.subprotocol == "b")
        #expect(handshake.acceptValue == Array("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".utf8))
    }

    @Test("a good answer opens, with the subprotocol that was chosen")
    func accepted() throws {
        #expect(try verify(good).get() == nil)
        #expect(try verify(good + [("sec-websocket-protocol", "b")]).get() == "b")
    }

    @Test("any other answer fails by name")
    func failures() {
        func failure(
            _ fields: HandshakeTests.Fields, status: Int = 101
        ) -> HandshakeFailure? {
            if case .failure(let failure) = verify(fields, status: status) { failure } else { nil }
        }
        #expect(failure(good, status: 200) == .status(200))
        #expect(failure(Array(good.dropFirst())) == .missingUpgrade)
        #expect(failure([good[0], good[2]]) == .missingUpgrade)
        for other in ["websocket, h2c", "h2c", "websocket/13", ""] {
            #expect(failure([("upgrade", other), good[1], good[2]]) == .missingUpgrade)
        }
        #expect(failure(good + [good[0]]) == .missingUpgrade)
        #expect(failure(good + [good[2]]) == .badAccept)
        #expect(failure([good[0], good[1]]) == .badAccept)
        #expect(failure([good[0], good[1], ("sec-websocket-accept", "no")]) == .badAccept)
        #expect(failure(good + [("sec-websocket-protocol", "c")]) == .badSubprotocol)
        let two = [("sec-websocket-protocol", "a"), ("sec-websocket-protocol", "b")]
        #expect(failure(good + two) == .badSubprotocol)
        #expect(failure(good + [("sec-websocket-extensions", "x")]) == .badExtension)
    }
}
