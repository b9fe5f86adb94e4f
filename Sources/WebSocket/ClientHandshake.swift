// The client's half of the opening handshake (RFC 6455 §4.1): the fields to send and the check of
// the answer. For `mizu bench`, tests and the Swift client. Offers no extension.

import MizuBytes

/// Why an answer does not open a WebSocket; the client must drop the connection (§4.1).
public enum HandshakeFailure: Error, Equatable, Sendable {
    /// Another status than 101.
    case status(Int)
    case missingUpgrade
    case badAccept
    /// A subprotocol that was not offered, or two of them.
    case badSubprotocol
    /// An extension, although none was offered.
    case badExtension
}

/// A handshake that a client has begun.
public struct ClientHandshake: Sendable {
    /// The value of `Sec-WebSocket-Key`, 24 bytes.
    public let key: [UInt8]
    public let subprotocols: [ByteSlice]

    /// - Parameters:
    ///   - nonce: 16 unpredictable bytes, fresh for each connection.
    ///   - subprotocols: what to offer, the most wanted first; each a token.
    public init(nonce: [UInt8], subprotocols: [ByteSlice] = []) {
        precondition(nonce.count == 16, "a WebSocket nonce has 16 bytes, not \(nonce.count)")
        key = Base64.encode(nonce)
        self.subprotocols = subprotocols
    }

    /// Appends the fields that make a GET an upgrade, each line ended, without `Host` and without
    /// the empty line.
    public func appendFields(to buffer: inout ByteBuffer) {
        buffer.append("Upgrade: websocket\r\nConnection: Upgrade\r\n" as StaticString)
        buffer.append("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " as StaticString)
        buffer.append(key)
        buffer.append("\r\n" as StaticString)
        guard !subprotocols.isEmpty else { return }
        buffer.append("Sec-WebSocket-Protocol: " as StaticString)
        for (index, name) in subprotocols.enumerated() {
            if index > 0 { buffer.append(", " as StaticString) }
            buffer.append(name)
        }
        buffer.append("\r\n" as StaticString)
    }

    /// Checks the answer (§4.1, items 1 to 6).
    /// - Returns: the subprotocol that the server chose, nil for none.
    public func verify(
        status: Int, fields: FieldValues
    ) throws(HandshakeFailure) -> ByteSlice? {
        guard status == 101 else { throw .status(status) }
        guard FieldList.contains("websocket", in: "upgrade", of: fields),
            FieldList.contains("upgrade", in: "connection", of: fields)
        else { throw .missingUpgrade }
        let accept = FieldList.only("sec-websocket-accept", of: fields)
        guard accept == Handshake.acceptValue(forKey: key) else { throw .badAccept }
        guard FieldList.count("sec-websocket-extensions", of: fields) == 0 else {
            throw .badExtension
        }
        guard FieldList.count("sec-websocket-protocol", of: fields) > 0 else { return nil }
        guard let name = FieldList.only("sec-websocket-protocol", of: fields) else {
            throw .badSubprotocol
        }
        let chosen = ByteSlice(name)
        guard subprotocols.contains(chosen) else { throw .badSubprotocol }
        return chosen
    }
}
