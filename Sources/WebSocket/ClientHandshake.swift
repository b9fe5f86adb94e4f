// The client's half of the opening handshake (RFC 6455 §4.1): the fields to send and the check of
// the answer. For `mizu bench`, tests and the Swift client.

import MizuBytes

/// Why an answer does not open a WebSocket; the client must drop the connection (§4.1).
public enum HandshakeFailure: Error, Equatable, Sendable {
    /// Another status than 101.
    case status(Int)
    case missingUpgrade
    case badAccept
    /// A subprotocol that was not offered, or two of them.
    case badSubprotocol
    /// An extension that was not offered, or with parameters that the offer does not allow.
    case badExtension
}

/// A handshake that a client has begun.
public struct ClientHandshake: Sendable {
    /// The value of `Sec-WebSocket-Key`, 24 bytes.
    public let key: [UInt8]
    public let subprotocols: [ByteSlice]
    public let deflate: DeflateOffer?

    /// - Parameters:
    ///   - nonce: 16 unpredictable bytes, fresh for each connection.
    ///   - subprotocols: what to offer, the most wanted first; each a token.
    ///   - deflate: what to offer of permessage-deflate; nil: nothing.
    public init(
        nonce: [UInt8], subprotocols: [ByteSlice] = [], deflate: DeflateOffer? = nil
    ) {
        precondition(nonce.count == 16, "a WebSocket nonce has 16 bytes, not \(nonce.count)")
        key = Base64.encode(nonce)
        self.subprotocols = subprotocols
        self.deflate = deflate
    }

    /// Appends the fields that make a GET an upgrade, each line ended, without `Host` and without
    /// the empty line.
    public func appendFields(to buffer: inout ByteBuffer) {
        buffer.append("Upgrade: websocket\r\nConnection: Upgrade\r\n" as StaticString)
        buffer.append("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " as StaticString)
        buffer.append(key)
        buffer.append("\r\n" as StaticString)
        deflate?.appendField(to: &buffer)
        guard !subprotocols.isEmpty else { return }
        buffer.append("Sec-WebSocket-Protocol: " as StaticString)
        for (index, name) in subprotocols.enumerated() {
            if index > 0 { buffer.append(", " as StaticString) }
            buffer.append(name)
        }
        buffer.append("\r\n" as StaticString)
    }

    /// Checks the answer (§4.1, items 1 to 6).
    /// - Returns: the subprotocol that the server chose, nil for none, and what was agreed on.
    public func verify(
        status: Int, fields: FieldValues
    ) throws(HandshakeFailure) -> (subprotocol: ByteSlice?, extensions: AgreedExtensions) {
        guard status == 101 else { throw .status(status) }
        // A request may name several protocols, an answer has chosen one.
        guard let upgrade = FieldList.only("upgrade", of: fields),
            upgrade.withUnsafeBytes({ ASCII.equalIgnoringCase($0, "websocket") }),
            FieldList.contains("upgrade", in: "connection", of: fields)
        else { throw .missingUpgrade }
        let accept = FieldList.only("sec-websocket-accept", of: fields)
        guard accept == Handshake.acceptValue(forKey: key) else { throw .badAccept }
        let extensions = try agreed(fields)
        guard FieldList.count("sec-websocket-protocol", of: fields) > 0 else {
            return (nil, extensions)
        }
        guard let name = FieldList.only("sec-websocket-protocol", of: fields) else {
            throw .badSubprotocol
        }
        let chosen = ByteSlice(name)
        guard subprotocols.contains(chosen) else { throw .badSubprotocol }
        return (chosen, extensions)
    }

    private func agreed(_ fields: FieldValues) throws(HandshakeFailure) -> AgreedExtensions {
        guard let answer = ExtensionList.read(fields) else { throw .badExtension }
        guard let chosen = answer.first else { return .none }
        guard answer.count == 1, let parameters = deflate?.accept(chosen) else {
            throw .badExtension
        }
        return .deflate(parameters)
    }
}
