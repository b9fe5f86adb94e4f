// Addresses as people and proxies write them, in bytes: `192.0.2.1`, `2001:db8::1`. As narrow as
// RFC 4291 §2.2 and RFC 5952 have them: no leading zeros (other parsers read those as octal), no
// zone, no brackets. An address that embeds an IPv4 one (`::ffff:192.0.2.1`) is the IPv4 one.

import MizuBytes

extension PeerAddress {
    /// The longest text of an address: IPv6 that ends in IPv4 form.
    public static let textBytesMax = 45

    /// Reads an address; nil where `text` is none.
    /// - Parameter port: taken over as it is; 0 where none is known.
    public init?(address text: UnsafeRawBufferPointer, port: UInt16 = 0) {
        guard !text.isEmpty, text.count <= PeerAddress.textBytesMax else { return nil }
        if text.contains(ASCIIByte.colon) {
            guard let (high, low) = PeerAddress.sixteenBytes(text) else { return nil }
            self.init(high: high, low: low, port: port)
        } else {
            guard let address = PeerAddress.fourBytes(text) else { return nil }
            self = .v4(address: address, port: port)
        }
    }

    /// Reads an address; nil where `text` is none.
    public init?(address text: some StringProtocol, port: UInt16 = 0) {
        let bytes = Array(text.utf8)
        guard let found = bytes.withUnsafeBytes({ PeerAddress(address: $0, port: port) }) else {
            return nil
        }
        self = found
    }

    /// An address in network order, IPv4 as `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2).
    public init(high: UInt64, low: UInt64, port: UInt16) {
        if high == 0, low >> 32 == 0xFFFF {
            self = .v4(address: UInt32(truncatingIfNeeded: low), port: port)
        } else {
            self = .v6(high: high, low: low, port: port)
        }
    }

    private static func fourBytes(_ text: UnsafeRawBufferPointer) -> UInt32? {
        var (address, value, digits, octets): (UInt32, UInt32, Int, Int) = (0, 0, 0, 1)
        for byte in text {
            if byte == UInt8(ascii: ".") {
                guard digits > 0, octets < 4 else { return nil }
                address = address << 8 | value
                (value, digits, octets) = (0, 0, octets + 1)
            } else {
                // A zero before another digit is octal to some.
                guard ASCII.isDigit(byte), digits < 3, digits == 0 || value > 0 else { return nil }
                value = value * 10 + UInt32(byte &- UInt8(ascii: "0"))
                digits += 1
                guard value <= 255 else { return nil }
            }
        }
        return octets == 4 && digits > 0 ? address << 8 | value : nil
    }

    private static func sixteenBytes(
        _ text: UnsafeRawBufferPointer
    ) -> (high: UInt64, low: UInt64)? {
        var groups: [UInt16] = []
        var gap: Int?
        var at = 0
        while at < text.count {
            if text[at] == ASCIIByte.colon {
                // "::" once, anywhere; a single colon only between two groups.
                guard at + 1 < text.count, text[at + 1] == ASCIIByte.colon, gap == nil else {
                    return nil
                }
                gap = groups.count
                at += 2
                continue
            }
            var end = at
            while end < text.count, text[end] != ASCIIByte.colon { end += 1 }
            let part = text.part(at..<end)
            if end == text.count, part.contains(UInt8(ascii: ".")) {
                guard let address = fourBytes(part) else { return nil }
                groups.append(UInt16(truncatingIfNeeded: address >> 16))
                groups.append(UInt16(truncatingIfNeeded: address))
            } else {
                guard let group = group(part) else { return nil }
                groups.append(group)
            }
            guard groups.count <= 8 else { return nil }
            at = end
            if at < text.count, at + 1 < text.count, text[at + 1] != ASCIIByte.colon {
                at += 1
            } else if at + 1 == text.count {
                return nil
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        let high = groups[..<4].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        let low = groups[4...].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        return (high, low)
    }

    /// One to four hexadecimal digits.
    private static func group(_ digits: UnsafeRawBufferPointer) -> UInt16? {
        guard (1...4).contains(digits.count) else { return nil }
        var value: UInt16 = 0
        for digit in digits {
            guard let number = Hex.value(of: digit) else { return nil }
            value = value << 4 | UInt16(number)
        }
        return value
    }
}
