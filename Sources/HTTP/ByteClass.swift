// Which bytes may stand where in a message: one table, a bit for each class.
// The table itself is in CScan, whose scanners read it too.

import CScan

/// A class of bytes.
struct ByteClass {
    let bit: UInt8

    /// `tchar` (RFC 9110 §5.6.2).
    static let token = ByteClass(bit: 1)
    /// The path of a target: printable, without `" # < > \\`, which proxies read differently.
    static let path = ByteClass(bit: 2)
    /// The query of a target: browsers leave a backslash raw there.
    static let query = ByteClass(bit: 4)
    /// A field value: HTAB, visible ASCII, space and bytes from 0x80 on (RFC 9110 §5.5).
    static let value = ByteClass(bit: 8)
    /// A host name: `unreserved` (RFC 3986 §2.3).
    static let hostName = ByteClass(bit: 16)
    /// `cookie-octet` (RFC 6265 §4.1.1).
    static let cookie = ByteClass(bit: 32)
}

extension UInt8 {
    @inline(__always)
    func has(_ mark: ByteClass) -> Bool { cscan_class_of(self) & mark.bit != 0 }

    /// SP or HTAB: `OWS` (RFC 9110 §5.6.3).
    @inline(__always)
    var isBlank: Bool { self == ASCIIByte.space || self == ASCIIByte.tab }
}

/// Names for the bytes that give a message its shape.
enum ASCIIByte {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let colon: UInt8 = 0x3A
}
