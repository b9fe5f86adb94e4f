// Where a request came from: sixteen bytes and a port, made into text only when asked.

/// An IP address and port of a peer, or a Unix socket's absence of one.
public enum PeerAddress: Sendable, Hashable {
    /// `address` holds the first octet in its highest byte.
    case v4(address: UInt32, port: UInt16)
    /// `high` and `low` hold the address in network order.
    case v6(high: UInt64, low: UInt64, port: UInt16)
    case local

    /// The address without port, IPv6 as RFC 5952 §4 says; "local" for a Unix socket.
    public var host: String {
        switch self {
        case .v4(let address, _): PeerAddress.dotted(address)
        case .v6(let high, let low, _): PeerAddress.colons(high, low)
        case .local: "local"
        }
    }

    /// `host:port`, IPv6 in brackets.
    public var text: String {
        switch self {
        case .v4(_, let port): host + ":" + String(port)
        case .v6(_, _, let port): "[" + host + "]:" + String(port)
        case .local: host
        }
    }

    private static func dotted(_ address: UInt32) -> String {
        [24, 16, 8, 0].map { String((address >> UInt32($0)) & 0xFF) }.joined(separator: ".")
    }

    private static func colons(_ high: UInt64, _ low: UInt64) -> String {
        // An IPv4 peer on a dual-stack socket (RFC 4291 §2.5.5.2) reads as what it is.
        if high == 0, low >> 32 == 0xFFFF { return dotted(UInt32(truncatingIfNeeded: low)) }
        let groups = (0..<8).map { index in
            UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> UInt64((3 - index % 4) * 16))
        }
        // The first longest run of at least two zero groups becomes "::".
        var (best, length, start) = (0, 1, 0)
        for index in 0...8 {
            if index < 8, groups[index] == 0 { continue }
            if index - start > length { (best, length) = (start, index - start) }
            start = index + 1
        }
        let parts = groups.map { String($0, radix: 16) }
        guard length > 1 else { return parts.joined(separator: ":") }
        return parts[..<best].joined(separator: ":") + "::"
            + parts[(best + length)...].joined(separator: ":")
    }
}
