// Which addresses an operator means: a list of single addresses and networks in prefix form
// (`10.0.0.0/8`, `2001:db8::/32`), as TRUSTED_PROXIES and LIMIT_EXEMPT have them (RFC 4632 §3.1,
// RFC 4291 §2.3). A value; looked through once for each connection, never for each request.

import MizuBytes
import MizuHTTP

/// A list of networks.
public struct AddressRanges: Sendable, Equatable {
    private var ranges: [Range] = []

    /// The bits of `high` and `low` that count, and what they must be.
    private struct Range: Sendable, Equatable {
        let high: UInt64
        let low: UInt64
        let prefix: Int
        let isV4: Bool
    }

    public init() {}

    /// 127.0.0.0/8 and ::1 (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3).
    public static let loopback = AddressRanges("127.0.0.0/8,::1") ?? AddressRanges()

    public var isEmpty: Bool { ranges.isEmpty }

    /// Parses addresses and networks with commas between them; nil where one of them is none, or
    /// has bits behind its prefix: that is more often a slip than meant.
    public init?(_ text: String) {
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let range = AddressRanges.range(part.trimmingSpaces) else { return nil }
            ranges.append(range)
        }
    }

    public static func + (left: AddressRanges, right: AddressRanges) -> AddressRanges {
        var sum = left
        sum.ranges += right.ranges
        return sum
    }

    /// Whether `peer` is in one of the networks. A Unix socket's peer is in none. O(networks).
    public func contains(_ peer: PeerAddress) -> Bool {
        guard !ranges.isEmpty else { return false }
        let (high, low, isV4): (UInt64, UInt64, Bool)
        switch peer {
        case .v4(let address, _): (high, low, isV4) = (UInt64(address) << 32, 0, true)
        case .v6(let upper, let lower, _): (high, low, isV4) = (upper, lower, false)
        case .local: return false
        }
        return ranges.contains { range in
            let mask = AddressRanges.mask(range.prefix)
            return range.isV4 == isV4 && high & mask.high == range.high
                && low & mask.low == range.low
        }
    }

    private static func range(_ text: Substring) -> Range? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let address = PeerAddress(address: parts[0]) else {
            return nil
        }
        let (high, low, bits): (UInt64, UInt64, Int)
        switch address {
        // An IPv4 address stands in the highest bits, so that one mask fits both kinds.
        case .v4(let address, _): (high, low, bits) = (UInt64(address) << 32, 0, 32)
        case .v6(let upper, let lower, _): (high, low, bits) = (upper, lower, 128)
        case .local: return nil
        }
        var prefix = bits
        if parts.count == 2 {
            guard let number = ASCII.decimal(parts[1]), number <= bits else { return nil }
            prefix = number
        }
        let mask = mask(prefix)
        guard high & ~mask.high == 0, low & ~mask.low == 0 else { return nil }
        return Range(high: high, low: low, prefix: prefix, isV4: bits == 32)
    }

    private static func mask(_ prefix: Int) -> (high: UInt64, low: UInt64) {
        // A shift by 64 or more is 0 in Swift.
        (
            prefix >= 64 ? .max : ~(UInt64.max >> UInt64(prefix)),
            prefix <= 64 ? 0 : ~(UInt64.max >> UInt64(prefix - 64))
        )
    }
}

extension Substring {
    /// Without spaces at both ends.
    fileprivate var trimmingSpaces: Substring {
        var rest = self
        while rest.first == " " { rest.removeFirst() }
        while rest.last == " " { rest.removeLast() }
        return rest
    }
}
