// Where to listen, as a person writes it: `:8080`, `127.0.0.1:8080`, `[::1]:8080`, `localhost:0`.
// Numeric addresses only: a server that resolves names at start fails when its resolver does.

import MizuBytes

/// A numeric address and a port. An empty host is every address of the machine.
public struct ListenAddress: Equatable, Sendable, CustomStringConvertible {
    public let host: String
    public let port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Parses `[host]:port`; nil where the port is missing or not 0 to 65535, or an IPv6 address
    /// has no brackets. Whether the host is an address of this machine is seen at bind(2).
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard let number = ASCII.decimal(digits), let port = UInt16(exactly: number) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("[") && host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") || host.contains("[") {
            return nil
        }
        self.host = host == "localhost" ? "127.0.0.1" : host == "0.0.0.0" ? "0.0.0.0" : String(host)
        self.port = port
    }

    /// Only this machine can reach it (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3).
    public var isLoopback: Bool { host.hasPrefix("127.") || host == "::1" }

    /// Every address of the machine; without a host both of IPv6 and IPv4.
    public var isAny: Bool { host.isEmpty || host == "0.0.0.0" || host == "::" }

    /// Whether a client of one may come to the other: the same port, and hosts that are the same or
    /// one of which is every address. Port 0 is another one each time.
    package func meets(_ other: ListenAddress) -> Bool {
        guard port != 0, port == other.port else { return false }
        return host == other.host || covers(other) || other.covers(self)
    }

    private func covers(_ other: ListenAddress) -> Bool {
        host == "0.0.0.0" ? !other.host.contains(":") : isAny
    }

    /// `host:port` for a URL, with the address that is bound: `[::]` for every one.
    public func authority(port bound: UInt16) -> String {
        let shown = host.isEmpty ? "::" : host
        return shown.contains(":") ? "[\(shown)]:\(bound)" : "\(shown):\(bound)"
    }

    /// `host:port` that reaches it from this machine: nobody can open `0.0.0.0` or `[::]`.
    public func reachableAuthority(port bound: UInt16) -> String {
        guard isAny else { return authority(port: bound) }
        return host == "::" ? "[::1]:\(bound)" : "127.0.0.1:\(bound)"
    }

    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
