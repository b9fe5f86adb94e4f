// The server's half of the opening handshake (RFC 6455 §4.2): checks a request's fields and makes
// the answer. Pure: the request is a method, a version and a way to ask for field values, because
// HTTP and WebSocket do not know each other. Does not look at `Origin`: that is the server's rule
// for all of its requests.

import MizuBytes

/// Calls the closure once for each value of the field `name` (small letters), in order: a field
/// that stands twice calls it twice. The bytes need only live through the call.
public typealias FieldValues = (
    _ name: StaticString, _ value: (UnsafeRawBufferPointer) -> Void
) -> Void

/// Why a request is not an acceptable handshake, with the answer to give.
public enum HandshakeRefusal: Error, Equatable, Sendable, CaseIterable {
    /// No `Upgrade: websocket`, no `Connection: upgrade`, or HTTP/1.0, in which a server must
    /// ignore `Upgrade` (RFC 9110 §7.8): an ordinary request for this place.
    case notAnUpgrade
    case badMethod
    /// `Connection: close` beside `Upgrade`: nothing would be left to speak on (RFC 9112 §9.6).
    case endsConnection
    /// Missing, doubled, or not the base64 of 16 bytes.
    case badKey
    /// Not 13; the answer names the version we speak (§4.4).
    case badVersion
    /// `Sec-WebSocket-Extensions` is malformed (§9.1).
    case badExtensions

    /// The status code of the answer.
    public var status: Int {
        switch self {
        case .notAnUpgrade, .badVersion: 426
        case .badMethod: 405
        case .endsConnection, .badKey, .badExtensions: 400
        }
    }

    /// Fields that the answer must carry (RFC 9110 §15.5.22, §15.5.6; RFC 6455 §4.4).
    public var fields: [(name: StaticString, value: StaticString)] {
        switch self {
        case .notAnUpgrade: [("Upgrade", "websocket"), ("Connection", "Upgrade")]
        case .badVersion:
            [
                ("Upgrade", "websocket"), ("Connection", "Upgrade"),
                ("Sec-WebSocket-Version", "13"),
            ]
        case .badMethod: [("Allow", "GET")]
        case .endsConnection, .badKey, .badExtensions: []
        }
    }

    /// A few words for people.
    public var message: StaticString {
        switch self {
        case .notAnUpgrade: "this place speaks WebSocket: upgrade the connection, over HTTP/1.1"
        case .badMethod: "a WebSocket handshake is a GET"
        case .endsConnection: "Connection: close ends the connection that it asks to upgrade"
        case .badKey: "Sec-WebSocket-Key is not the base64 of 16 bytes"
        case .badVersion: "only version 13 of WebSocket is spoken here"
        case .badExtensions: "Sec-WebSocket-Extensions is malformed"
        }
    }
}

/// An accepted handshake.
public struct Handshake: Equatable, Sendable {
    /// The 28 bytes of `Sec-WebSocket-Accept`.
    public let acceptValue: [UInt8]
    /// The first of the server's subprotocols that the client offered, if any.
    public let subprotocol: ByteSlice?
    public let extensions: AgreedExtensions
    private let deflate: DeflateAnswer?

    /// Checks a request (§4.2.1).
    /// - Parameters:
    ///   - method: as it stood in the request line.
    ///   - minorVersion: 1 for HTTP/1.1, 0 for HTTP/1.0.
    ///   - subprotocols: what the server speaks, the most wanted first; may be empty. A client
    ///     that offers only others is accepted without one, and may leave.
    ///   - deflate: what we agree to of permessage-deflate; nil: its offers are passed over, as
    ///     those of unknown extensions are.
    ///   - fields: looks up the request's fields; called a few times, kept by nobody.
    /// - Throws: the refusal, which says status and fields of the answer.
    public init(
        method: UnsafeRawBufferPointer, minorVersion: Int, subprotocols: [ByteSlice] = [],
        deflate: DeflatePolicy? = nil, fields: FieldValues
    ) throws(HandshakeRefusal) {
        // A request without the wish is answered 426 whatever else is odd about it.
        guard minorVersion >= 1, FieldList.contains("websocket", in: "upgrade", of: fields),
            FieldList.contains("upgrade", in: "connection", of: fields)
        else { throw .notAnUpgrade }
        guard ASCII.equal(method, "GET") else { throw .badMethod }
        guard !FieldList.contains("close", in: "connection", of: fields) else {
            throw .endsConnection
        }
        guard FieldList.only("sec-websocket-version", of: fields)?.elementsEqual("13".utf8) == true
        else { throw .badVersion }
        guard let key = FieldList.only("sec-websocket-key", of: fields),
            Self.isKey(key)
        else { throw .badKey }
        acceptValue = Self.acceptValue(forKey: key)
        subprotocol = subprotocols.first { candidate in
            FieldList.containsExactly(candidate, in: "sec-websocket-protocol", of: fields)
        }
        guard let offers = ExtensionList.read(fields) else { throw .badExtensions }
        let answer = deflate?.agree(on: offers)
        self.deflate = answer
        extensions = answer.map { .deflate($0.parameters) } ?? .none
    }

    /// Whether `key` is 16 bytes in base 64. The last digit's four unused bits may be anything: the
    /// example key of §4.1 has some of them set.
    private static func isKey(_ key: [UInt8]) -> Bool {
        guard key.count == 24, key[22...].elementsEqual("==".utf8) else { return false }
        // All digits but that one, and that one on its own.
        return Base64.decode(Array(key[..<21]) + "A==".utf8) != nil
            && Base64.decode([key[21]] + "AAA".utf8) != nil
    }

    /// `Sec-WebSocket-Accept` for a key as it stood in the request (§4.2.2, item 5).
    public static func acceptValue(forKey key: [UInt8]) -> [UInt8] {
        Base64.encode(SHA1.digest(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8))
    }

    /// Appends the fields of the 101 answer, each line ended; not the status line and not the
    /// empty line behind them (§4.2.2).
    public func appendFields(to buffer: inout ByteBuffer) {
        buffer.append("Upgrade: websocket\r\nConnection: Upgrade\r\n" as StaticString)
        buffer.append("Sec-WebSocket-Accept: " as StaticString)
        buffer.append(acceptValue)
        buffer.append("\r\n" as StaticString)
        if let subprotocol {
            buffer.append("Sec-WebSocket-Protocol: " as StaticString)
            buffer.append(subprotocol)
            buffer.append("\r\n" as StaticString)
        }
        deflate?.appendField(to: &buffer)
    }

    /// Appends the whole 101 answer; frames may follow at once.
    public func appendResponse(to buffer: inout ByteBuffer) {
        buffer.append("HTTP/1.1 101 Switching Protocols\r\n" as StaticString)
        appendFields(to: &buffer)
        buffer.append("\r\n" as StaticString)
    }
}
