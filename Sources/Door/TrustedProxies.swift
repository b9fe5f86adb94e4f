// Whose request it is where a proxy stands in front: the nearest address of X-Forwarded-For that is
// no proxy of ours, the scheme of X-Forwarded-Proto, and who was asked by X-Forwarded-Host. Read
// only for connections that come from one of TRUSTED_PROXIES: whoever else sends these fields
// writes what it likes. `Forwarded` (RFC 7239) is not read: a proxy that sets the one passes the
// client's own other on.

import MizuBytes
import MizuHTTP

/// The proxies that are believed. Any thread.
package struct TrustedProxies: Sendable {
    private let ranges: AddressRanges

    /// Addresses of one request that are looked at, from the nearest on.
    private static let hopsMax = 32

    package init(_ ranges: AddressRanges = AddressRanges()) { self.ranges = ranges }

    package var isEmpty: Bool { ranges.isEmpty }
    package func contains(_ peer: PeerAddress) -> Bool { ranges.contains(peer) }

    /// The client of a request that came from the trusted `proxy`.
    /// - Returns: `proxy` itself where the field is missing or its last entry is no address. Where
    ///   an entry further away is none, the last proxy before it.
    package func client(
        _ head: RequestHead, in bytes: UnsafeRawBufferPointer, from proxy: PeerAddress
    ) -> PeerAddress {
        var client = proxy
        var hops = 0
        // Several lines are one list (RFC 9110 §5.3); the nearest proxy wrote at its end.
        for field in head.fields.reversed()
        where ASCII.equalIgnoringCase(field.name.bytes(in: bytes), "x-forwarded-for") {
            let value = field.value.bytes(in: bytes)
            var end = value.count
            while end >= 0 {
                var start = end
                while start > 0, value[start - 1] != UInt8(ascii: ",") { start -= 1 }
                hops += 1
                let entry = value.part(start..<end)
                guard hops <= Self.hopsMax, let address = Self.address(entry) else {
                    return client
                }
                client = address
                guard ranges.contains(address) else { return client }
                end = start - 1
            }
        }
        return client
    }

    /// The scheme that the nearest proxy was asked by; nil where it does not say.
    package func scheme(_ head: RequestHead, in bytes: UnsafeRawBufferPointer) -> Scheme? {
        for field in head.fields.reversed()
        where ASCII.equalIgnoringCase(field.name.bytes(in: bytes), "x-forwarded-proto") {
            let last = Self.last(field.value, in: bytes).bytes(in: bytes)
            // Some write the scheme of a handshake as its URL has it.
            if ASCII.equalIgnoringCase(last, "https") || ASCII.equalIgnoringCase(last, "wss") {
                return .https
            }
            let isPlain =
                ASCII.equalIgnoringCase(last, "http") || ASCII.equalIgnoringCase(last, "ws")
            return isPlain ? .http : nil
        }
        return nil
    }

    /// `host[:port]` that the nearest proxy was asked for; nil where it does not say, or says what
    /// is no host.
    package func host(_ head: RequestHead, in bytes: UnsafeRawBufferPointer) -> HeadRange? {
        for field in head.fields.reversed()
        where ASCII.equalIgnoringCase(field.name.bytes(in: bytes), "x-forwarded-host") {
            let last = Self.last(field.value, in: bytes)
            return HostPolicy.isHost(last.bytes(in: bytes)) ? last : nil
        }
        return nil
    }

    /// The last member of a list: the nearest proxy's, whatever the client wrote before it.
    private static func last(_ value: HeadRange, in bytes: UnsafeRawBufferPointer) -> HeadRange {
        let list = value.bytes(in: bytes)
        let start = list.lastIndex(of: UInt8(ascii: ",")).map { $0 + 1 } ?? 0
        let member = list.part(start...)
        let trimmed = ASCII.trimmingOWS(member)
        return HeadRange(
            offset: value.offset + UInt16(start + trimmed.lowerBound),
            count: UInt16(trimmed.count))
    }

    /// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`: proxies
    /// write all of these.
    private static func address(_ entry: UnsafeRawBufferPointer) -> PeerAddress? {
        var text = trimmed(entry)
        guard let first = text.first else { return nil }
        if first == UInt8(ascii: "[") {
            guard let end = text.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            text = text.part(1..<end)
        } else if text.filter({ $0 == UInt8(ascii: ":") }).count == 1,
            let colon = text.firstIndex(of: UInt8(ascii: ":"))
        {
            text = text.part(..<colon)
        }
        return PeerAddress(address: text)
    }

    private static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        bytes.part(ASCII.trimmingOWS(bytes))
    }
}
