// The PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt): the line or block by
// which a proxy says whose connection it passes on, before the first byte of that connection.
// A function of bytes: it looks at the start of what came and says how much of it is the header.
// Whether the sender is to be believed is the caller's business.

import MizuBytes
import MizuHTTP

/// What the first bytes of a connection are.
package enum ProxyHeader: Equatable {
    case needMore
    /// A header of `count` bytes.
    case header(count: Int, origin: Origin)
    /// No header, or one that cannot be read.
    case malformed

    /// Whose connection it is.
    package enum Origin: Equatable {
        /// The proxy's own (a health check), or one that it knows nothing about.
        case own
        /// `isSecure`: the client came to the proxy by TLS (version 2 says so, §2.2.5).
        case client(PeerAddress, isSecure: Bool)
    }

    /// The longest line of version 1, its CR LF included (§2.1).
    static let lineBytesMax = 107
    /// Bytes of a version 2 header; with more, extensions included, it is refused.
    package static let blockBytesMax = 1_024

    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    /// - Parameter bytes: all that has come so far, from the connection's first byte on.
    package init(_ bytes: UnsafeRawBufferPointer) {
        if bytes.isEmpty {
            self = .needMore
        } else if bytes[0] == Self.signature[0] {
            self = Self.block(bytes)
        } else {
            self = Self.line(bytes)
        }
    }

    // MARK: Version 1

    /// `PROXY TCP4 source destination port port` CR LF.
    private static func line(_ bytes: UnsafeRawBufferPointer) -> ProxyHeader {
        let start = Array("PROXY ".utf8)
        guard bytes.prefix(start.count).elementsEqual(start.prefix(bytes.count)) else {
            return .malformed
        }
        guard let end = bytes.prefix(lineBytesMax).firstIndex(of: UInt8(ascii: "\n")) else {
            return bytes.count < lineBytesMax ? .needMore : .malformed
        }
        guard bytes[end - 1] == UInt8(ascii: "\r") else { return .malformed }
        let text = bytes.part(start.count..<end - 1)
        let parts = text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        // What follows UNKNOWN is to be passed over (§2.1).
        if parts[0].elementsEqual("UNKNOWN".utf8) { return .header(count: end + 1, origin: .own) }
        guard parts.count == 5, let sourcePort = port(parts[3]), port(parts[4]) != nil,
            let source = address(parts[1], of: parts[0], port: sourcePort),
            address(parts[2], of: parts[0], port: 0) != nil
        else { return .malformed }
        return .header(count: end + 1, origin: .client(source, isSecure: false))
    }

    private static func address(
        _ text: Slice<UnsafeRawBufferPointer>, of family: Slice<UnsafeRawBufferPointer>,
        port: UInt16
    ) -> PeerAddress? {
        let text = UnsafeRawBufferPointer(rebasing: text)
        let isV6 = text.contains(UInt8(ascii: ":"))
        guard family.elementsEqual((isV6 ? "TCP6" : "TCP4").utf8) else { return nil }
        return PeerAddress(address: text, port: port)
    }

    private static func port(_ digits: Slice<UnsafeRawBufferPointer>) -> UInt16? {
        guard (1...5).contains(digits.count), digits.count == 1 || digits.first != 0x30 else {
            return nil
        }
        return ASCII.decimal(UnsafeRawBufferPointer(rebasing: digits))
            .flatMap { UInt16(exactly: $0) }
    }

    // MARK: Version 2

    /// Signature, version and command, family, length, addresses, extensions (§2.2).
    private static func block(_ bytes: UnsafeRawBufferPointer) -> ProxyHeader {
        guard bytes.prefix(12).elementsEqual(signature.prefix(bytes.count)) else {
            return .malformed
        }
        guard bytes.count >= 16 else { return .needMore }
        let (command, family) = (bytes[12], bytes[13])
        let length = Int(bytes[14]) << 8 | Int(bytes[15])
        guard command >> 4 == 2, command & 15 <= 1, 16 + length <= blockBytesMax else {
            return .malformed
        }
        guard bytes.count >= 16 + length else { return .needMore }
        let count = 16 + length
        let rest = bytes.part(16..<count)
        // LOCAL, and families other than TCP over IPv4 and IPv6, tell of nobody.
        guard command & 15 == 1 else { return .header(count: count, origin: .own) }
        switch family {
        case 0x11:
            guard rest.count >= 12 else { return .malformed }
            let peer = PeerAddress.v4(
                address: UInt32(truncatingIfNeeded: number(rest, at: 0, bytes: 4)),
                port: UInt16(truncatingIfNeeded: number(rest, at: 8, bytes: 2)))
            return client(peer, count, extensions: rest, from: 12)
        case 0x21:
            guard rest.count >= 36 else { return .malformed }
            let peer = PeerAddress(
                high: number(rest, at: 0, bytes: 8), low: number(rest, at: 8, bytes: 8),
                port: UInt16(truncatingIfNeeded: number(rest, at: 32, bytes: 2)))
            return client(peer, count, extensions: rest, from: 36)
        default: return .header(count: count, origin: .own)
        }
    }

    /// Big-endian. The caller has seen that the bytes are there.
    private static func number(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, bytes count: Int
    ) -> UInt64 {
        bytes[offset..<offset + count].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Looks through the extensions for PP2_TYPE_SSL, whose first byte says whether the client
    /// spoke TLS (§2.2.5).
    private static func client(
        _ peer: PeerAddress, _ count: Int, extensions bytes: UnsafeRawBufferPointer, from: Int
    ) -> ProxyHeader {
        var (at, isSecure) = (from, false)
        while at < bytes.count {
            guard at + 3 <= bytes.count else { return .malformed }
            let length = Int(bytes[at + 1]) << 8 | Int(bytes[at + 2])
            guard at + 3 + length <= bytes.count else { return .malformed }
            if bytes[at] == 0x20, length >= 5 { isSecure = bytes[at + 3] & 1 == 1 }
            at += 3 + length
        }
        return .header(count: count, origin: .client(peer, isSecure: isSecure))
    }
}
