// `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2.2), as narrow as names in use are:
// unreserved characters and percent-escapes, or an IPv6 address in brackets. `sub-delims`, user
// information and IPvFuture are refused: no name in use has them, and parsers differ about them.

import CScan
import MizuBytes

struct HostSyntax {
    /// Whether `bytes` is a host with an optional port: the same verdict, without the parts.
    @inline(__always)
    static func accepts(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return false }
        let first = base.assumingMemoryBound(to: UInt8.self)
        return cscan_is_plain_host(first, first + bytes.count) || HostSyntax(bytes) != nil
    }

    /// Bytes of the host, brackets included.
    let nameCount: Int
    /// Nil where there is no colon, or nothing behind it.
    let port: UInt16?

    /// Nil where `bytes` is not a host with an optional port; an empty host is none.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let first = bytes.first else { return nil }
        let end =
            first == UInt8(ascii: "[")
            ? HostSyntax.endOfAddress(bytes) : HostSyntax.endOfName(bytes)
        guard let end, end > 0 else { return nil }
        nameCount = end
        guard end < bytes.count else {
            port = nil
            return
        }
        guard bytes[end] == ASCIIByte.colon else { return nil }
        let digits = bytes.part(end + 1..<bytes.count)
        guard !digits.isEmpty else {
            port = nil
            return
        }
        guard let number = HostSyntax.port(digits) else { return nil }
        port = number
    }

    private static func endOfName(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var at = 0
        while at < bytes.count {
            // Plain characters first: a colon and an escape are none.
            if bytes[at].has(.hostName) {
                at += 1
                continue
            }
            if bytes[at] == ASCIIByte.colon { break }
            if bytes[at] == UInt8(ascii: "%") {
                guard at + 2 < bytes.count, Hex.value(of: bytes[at + 1]) != nil,
                    Hex.value(of: bytes[at + 2]) != nil
                else { return nil }
                at += 3
            } else {
                return nil
            }
        }
        return at
    }

    /// Brackets around hexadecimal digits, colons and dots with at least two colons. Whether the
    /// groups add up is the resolver's business: nobody connects by what `Host` says.
    private static func endOfAddress(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var (at, colons) = (1, 0)
        while at < bytes.count, bytes[at] != UInt8(ascii: "]") {
            let byte = bytes[at]
            guard Hex.value(of: byte) != nil || byte == ASCIIByte.colon || byte == UInt8(ascii: ".")
            else { return nil }
            if byte == ASCIIByte.colon { colons += 1 }
            at += 1
        }
        // The longest form is an IPv6 address that ends in an IPv4 one: 45 characters.
        guard at < bytes.count, colons >= 2, at <= 46 else { return nil }
        return at + 1
    }

    private static func port(_ digits: UnsafeRawBufferPointer) -> UInt16? {
        guard digits.count <= 5 else { return nil }
        return ASCII.decimal(digits).flatMap { UInt16(exactly: $0) }
    }
}
