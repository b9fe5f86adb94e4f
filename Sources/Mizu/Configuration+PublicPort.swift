// A port that everybody reaches: how many clients may come, how often they may ask, which proxies
// are believed, and what a plain address does once there is an https one. The values, and how those
// of them are written that only these settings have.

import MizuDoor
import MizuServer

/// The settings of a port that everybody reaches.
public struct PublicPort: Sendable {
    /// Limits of connections and TLS handshakes of each address; its `exempt` addresses are exempt
    /// from `requestRate`, too.
    public var addresses = AddressLimits()
    /// Tokens of each address and each user. Requests, messages of sockets, bytes and mutations
    /// take them. Nil: there is no rate.
    public var requestRate: TokenRate? = TokenRate(perSecond: 200, burst: 2_000)
    /// The proxies whose X-Forwarded-For, -Proto and -Host and PROXY headers are believed.
    public var trustedProxies = AddressRanges()
    /// Whether trusted proxies begin each connection with a PROXY header.
    public var usesProxyProtocol = false
    /// Whether plain addresses redirect to the https one, if there is one.
    public var redirectsToHTTPS = true
    /// The port of https as it is seen from outside; nil: the listener's.
    public var httpsPort: UInt16?
    /// The value of `Strict-Transport-Security`; nil: not sent.
    public var transportSecurity: String?
    /// The folder of the files of ACME challenges; nil: there are none.
    public var challengeFolder: String?

    public init() {}

    func apply(to server: inout ServerConfiguration) {
        server.addressLimits = addresses
        server.trustedProxies = TrustedProxies(trustedProxies)
        server.proxyProtocol = usesProxyProtocol ? .required : .off
        server.strictTransportSecurity = transportSecurity
    }
}

extension SettingSyntax where Value == TokenRate {
    static var rate: SettingSyntax {
        SettingSyntax(
            "N/s[:BURST]", expected: "N/s or N/s:BURST", write: { $0.description },
            parse: { TokenRate($0) })
    }
}

extension SettingSyntax where Value == AddressRanges {
    /// Addresses and networks, `none` for none.
    /// - Parameter always: what is added to every list.
    static func networks(and always: AddressRanges = AddressRanges()) -> SettingSyntax {
        let list = SettingSyntax<[AddressRanges]>.list(
            of: "addresses or networks, as 10.0.0.0/8,fd00::1", as: "NETWORK", write: { _ in "" },
            complaint: fault, parse: { AddressRanges($0) })
        let networks = SettingSyntax(
            list.placeholder, expected: list.expected,
            read: { (text) throws(SettingComplaint) in try list.read(text).reduce(always, +) },
            write: { _ in "" })
        return .either("none", as: AddressRanges(), or: networks)
    }

    private static func fault(_ text: String) -> String {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, AddressRanges(String(parts[0])) != nil else {
            return "is not an IP address or a network"
        }
        let isPrefix = UInt8(parts[1]).map { $0 <= (parts[0].contains(":") ? 128 : 32) } ?? false
        return isPrefix
            ? "is an address inside a network: the bits after the prefix must be 0"
            : "has a prefix that is no number of bits of such an address"
    }
}

extension SettingSyntax where Value == String {
    /// `Strict-Transport-Security`; the value is the field's.
    static var transportSecurity: SettingSyntax {
        SettingSyntax(
            "SECONDS[; includeSubDomains[; preload]]",
            expected: "seconds, as 31536000 or 31536000; includeSubDomains", write: { $0 },
            parse: { TransportSecurity($0)?.field })
    }
}

extension SettingSyntax where Value == UInt16 {
    static var port: SettingSyntax {
        SettingSyntax("PORT", expected: "a port from 1 to 65535", write: { "\($0)" }) { text in
            UInt16(text).flatMap { $0 > 0 ? $0 : nil }
        }
    }
}
