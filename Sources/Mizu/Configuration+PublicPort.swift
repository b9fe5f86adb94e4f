// The settings of a port that everybody reaches: how many may come, how often they may ask, which
// proxies are believed, and what a plain address does once there is an https one. Rows of the one
// table in Configuration.swift.

import MizuDoor
import MizuServer
import MizuTransport

/// What stands before the app.
public struct PublicPort: Sendable {
    /// Connections of the process; nil: what the limit of open files leaves.
    public var connectionsMax: Int?
    /// Connections and TLS handshakes of each address; its `exempt` holds for `requestRate` too.
    public var addresses = AddressLimits()
    /// Tokens of each address and each user, which requests, messages of sockets, bytes and
    /// mutations take; nil: any number.
    public var requestRate: TokenRate? = TokenRate(perSecond: 200, burst: 2_000)
    /// Whose X-Forwarded-For, -Proto and -Host and PROXY headers are believed.
    public var trustedProxies = AddressRanges()
    /// Trusted proxies begin each connection with a PROXY header.
    public var usesProxyProtocol = false
    /// Plain addresses send to the https one, where there is one.
    public var redirectsToHTTPS = true
    /// The port of https as it is seen from outside; nil: the listener's.
    public var httpsPort: UInt16?
    /// The value of `Strict-Transport-Security`; nil: not sent.
    public var transportSecurity: String?
    /// Where the files of ACME challenges are; nil: there are none.
    public var challengeFolder: String?

    public init() {}
}

extension Configuration {
    static let publicPortSettings: [Setting] = [
        Setting(
            name: "CONNECTIONS_MAX", fallback: "open files less 128",
            help: "Connections at a time; beyond it new ones get 503"
        ) { configuration, text in
            guard let count = Int(text), (1...10_000_000).contains(count) else {
                return "write a number from 1 to 10000000"
            }
            configuration.publicPort.connectionsMax = count
            return nil
        },
        Setting(
            name: "ADDRESS_CONNECTIONS", fallback: "1000",
            help: "Connections of one address (IPv6: of a /64; of a /48 eight times as many) at a "
                + "time; off: any number"
        ) { configuration, text in
            if text == "off" {
                configuration.publicPort.addresses.connectionsMax = nil
                return nil
            }
            guard let count = Int(text), (1...10_000_000).contains(count) else {
                return "write a number from 1 to 10000000, or off"
            }
            configuration.publicPort.addresses.connectionsMax = count
            return nil
        },
        Setting(
            name: "ADDRESS_HANDSHAKES", fallback: "50/s:200",
            help: "New TLS handshakes of one address, N/s or N/s:BURST; off: any number"
        ) { configuration, text in
            apply(text) { configuration.publicPort.addresses.handshakes = $0 }
        },
        Setting(
            name: "RATE_LIMIT", fallback: "200/s:2000",
            help: "Requests, socket messages, bytes and mutations, in tokens for each address and "
                + "each user, N/s or N/s:BURST; off: any number"
        ) { configuration, text in apply(text) { configuration.publicPort.requestRate = $0 } },
        Setting(
            name: "LIMIT_EXEMPT", fallback: "127.0.0.0/8,::1",
            help: "Addresses and networks without these limits, with commas, besides 127.0.0.0/8 "
                + "and ::1; none: not even those"
        ) { configuration, text in
            if text == "none" {
                configuration.publicPort.addresses.exempt = AddressRanges()
                return nil
            }
            guard let ranges = AddressRanges(text) else { return rangesHelp }
            configuration.publicPort.addresses.exempt = .loopback + ranges
            return nil
        },
        Setting(
            name: "TRUSTED_PROXIES", fallback: "none",
            help: "Addresses and networks, with commas, whose X-Forwarded-For, -Proto and -Host "
                + "and PROXY headers are believed"
        ) { configuration, text in
            if text == "none" {
                configuration.publicPort.trustedProxies = AddressRanges()
                return nil
            }
            guard let ranges = AddressRanges(text) else { return rangesHelp }
            configuration.publicPort.trustedProxies = ranges
            return nil
        },
        Setting(
            name: "PROXY_PROTOCOL", fallback: "off",
            help: "on: connections from TRUSTED_PROXIES begin with a PROXY header, version 1 or 2"
        ) { configuration, text in
            guard let flag = parseFlag(text) else { return "write on or off" }
            configuration.publicPort.usesProxyProtocol = flag
            return nil
        },
        Setting(
            name: "HTTPS_REDIRECT", fallback: "on",
            help: "off: plain addresses serve the app though there is an https one"
        ) { configuration, text in
            guard let flag = parseFlag(text) else { return "write on or off" }
            configuration.publicPort.redirectsToHTTPS = flag
            return nil
        },
        Setting(
            name: "HSTS", fallback: "off",
            help: "Strict-Transport-Security over TLS: SECONDS[; includeSubDomains[; preload]]"
        ) { configuration, text in
            guard text != "off" else {
                configuration.publicPort.transportSecurity = nil
                return nil
            }
            guard let policy = TransportSecurity(text) else {
                return "write seconds, as 31536000 or 31536000; includeSubDomains"
            }
            configuration.publicPort.transportSecurity = policy.field
            return nil
        },
        Setting(
            name: "ACME_DIR", fallback: "none",
            help: "Folder of the files below /.well-known/acme-challenge/ (certbot's webroot)"
        ) { configuration, text in
            configuration.publicPort.challengeFolder = text == "none" ? nil : text
            return nil
        },
    ]

    private static let rangesHelp = "write addresses or networks with commas, as 10.0.0.0/8,fd00::1"

    /// `off`, or a rate.
    private static func apply(_ text: String, _ set: (TokenRate?) -> Void) -> String? {
        if text == "off" {
            set(nil)
            return nil
        }
        guard let rate = TokenRate(text) else { return "write N/s, N/s:BURST or off" }
        set(rate)
        return nil
    }
}
