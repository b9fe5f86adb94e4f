// The address of what is measured, as a person writes it: `http://127.0.0.1:8080/`,
// `wss://[::1]/ws?room=1`. Knows no user names and no fragments; percent-escapes go as they are.

import CLinux
import MizuBytes
import MizuEventLoop

/// An absolute URL of a server.
public struct BenchURL: Equatable, Sendable {
    public enum Scheme: String, Sendable {
        case http, https, ws, wss
    }

    public let scheme: Scheme
    /// Without the brackets of an IPv6 address.
    public let host: String
    public let port: UInt16
    /// Path and query, as they stand in the request line.
    public private(set) var target: String

    public var isSecure: Bool { scheme == .https || scheme == .wss }
    public var isWebSocket: Bool { scheme == .ws || scheme == .wss }

    /// The `Host` field (RFC 9110 §7.2): with the port if it is not the scheme's own.
    public var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// - Throws: what is wrong with the text.
    public init(_ text: String) throws(BenchFailure) {
        guard text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
            throw .usage("a URL has visible ASCII characters only; write others with %")
        }
        let pieces = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard pieces.count == 3, pieces[1].isEmpty, pieces[0].last == ":",
            let scheme = Scheme(rawValue: pieces[0].dropLast().lowercased())
        else {
            throw .usage("\(text) is not a URL with http://, https://, ws:// or wss://")
        }
        let authority = pieces[2].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let rest = pieces[2][authority.endIndex...].prefix { $0 != "#" }
        guard !authority.contains("@") else { throw .usage("the URL must not have a user name") }
        self.scheme = scheme
        (host, port) = try Self.parse(
            authority, fallback: scheme == .https || scheme == .wss ? 443 : 80)
        target = rest.hasPrefix("/") ? String(rest) : "/" + rest
    }

    private static func parse(
        _ authority: Substring, fallback: UInt16
    ) throws(BenchFailure) -> (String, UInt16) {
        var (host, digits) = (authority, Substring())
        if let colon = authority.lastIndex(of: ":"), authority.last != "]" {
            host = authority[..<colon]
            digits = authority[authority.index(after: colon)...]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw .usage("\(authority): write an IPv6 address in brackets")
        }
        guard !host.isEmpty else { throw .usage("\(authority): the host is missing") }
        guard !digits.isEmpty else { return (String(host), fallback) }
        guard let port = ASCII.decimal(digits).flatMap({ UInt16(exactly: $0) }), port > 0 else {
            throw .usage("\(authority): a port is a number from 1 to 65535")
        }
        return (String(host), port)
    }

    /// The same server, another place.
    public func at(target: String) -> BenchURL {
        var other = self
        other.target = target
        return other
    }

    /// The first numeric address of the host. Asks the resolver if it is a name, and waits;
    /// `localhost` is 127.0.0.1, as it is for who listens.
    public func address() throws(BenchFailure) -> String {
        if host == "localhost" { return "127.0.0.1" }
        var text = [CChar](repeating: 0, count: 64)
        guard cl_resolve(host, &text, text.count) >= 0 else {
            throw .cannot("\(host) has no address")
        }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// Why there is nothing to measure.
public enum BenchFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// An argument cannot be meant.
    case usage(String)
    /// The machine or the server does not let us.
    case cannot(String)

    public var description: String {
        switch self {
        case .usage(let text), .cannot(let text): text
        }
    }
}
