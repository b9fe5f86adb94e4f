// Whether a request may have come from a page of another site (protocol.md, "Origin"), and
// whether it names a host that this server is. Pure functions of the head, made before a body is
// read; on HTTP, on forms and on WebSocket handshakes alike.

import MizuBytes

/// The names that a server answers to; empty lists stand for "whatever `Host` says".
public struct OriginPolicy: Sendable {
    /// Origins besides the server's own, as a browser writes them: `https://app.example`.
    public var origins: [String]
    /// Names that `Host` may have, without port for any port, else with it.
    public var hosts: [String]

    public init(origins: [String] = [], hosts: [String] = []) {
        self.origins = origins
        self.hosts = hosts
    }

    public enum Verdict: Sendable, Equatable {
        case allowed
        /// 403 `origin_denied`.
        case originDenied
        /// 421: this server is not who was asked (RFC 9110 §15.5.20).
        case hostDenied
    }

    /// Judges the request `head` that was parsed from `bytes`.
    /// - Parameter scheme: of the connection. Behind a proxy that ends TLS it is `http` while the
    ///   page is `https`, so `https` pages pass on both; an `http` page never on `https`.
    public func verdict(
        on head: RequestHead, in bytes: UnsafeRawBufferPointer, scheme: Scheme
    ) -> Verdict {
        let host = head.host.bytes(in: bytes)
        guard hosts.isEmpty || hosts.contains(where: { OriginPolicy.names($0, host) }) else {
            return .hostDenied
        }
        var verdict = Verdict.allowed
        var count = 0
        for field in head.fields where field.name.count == 6 {
            guard field.name.bytes(in: bytes).equalsIgnoringCase("origin") else { continue }
            count += 1
            let origin = field.value.bytes(in: bytes)
            let isOwn = OriginPolicy.isOwn(origin, host: host, scheme: scheme)
            if count > 1 || !(isOwn || isConfigured(origin)) { verdict = .originDenied }
        }
        return verdict
    }

    /// Judges a request.
    public func verdict(on request: borrowing Request) -> Verdict {
        verdict(on: request.head, in: request.headBytes, scheme: request.scheme)
    }

    private func isConfigured(_ origin: UnsafeRawBufferPointer) -> Bool {
        // "null" is what sandboxed frames and files say: it names nobody, listed or not.
        if origin.equalsIgnoringCase("null") { return false }
        return origins.contains { text in
            var text = text
            return text.withUTF8 { origin.equalsIgnoringCase(UnsafeRawBufferPointer($0)) }
        }
    }

    /// Whether `origin` is `scheme://host[:port]` with the host and port of `Host`.
    private static func isOwn(
        _ origin: UnsafeRawBufferPointer, host: UnsafeRawBufferPointer, scheme: Scheme
    ) -> Bool {
        let isSecure = origin.startsIgnoringCase("https://")
        guard isSecure || (scheme == .http && origin.startsIgnoringCase("http://")) else {
            return false
        }
        let authority = origin.part((isSecure ? 8 : 7)..<origin.count)
        guard let theirs = HostSyntax(authority), let ours = HostSyntax(host) else { return false }
        let defaultPort: UInt16 = isSecure ? 443 : 80
        return (theirs.port ?? defaultPort) == (ours.port ?? defaultPort)
            && authority.part(0..<theirs.nameCount)
                .equalsIgnoringCase(host.part(0..<ours.nameCount))
    }

    /// Whether `name` can stand in `hosts`: a host, with or without a port.
    public static func isHost(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { HostSyntax(UnsafeRawBufferPointer($0)) != nil }
    }

    /// Whether the configured `name`, with or without port, is `host`.
    private static func names(_ name: String, _ host: UnsafeRawBufferPointer) -> Bool {
        var name = name
        return name.withUTF8 { name in
            let name = UnsafeRawBufferPointer(name)
            if name.equalsIgnoringCase(host) { return true }
            guard let syntax = HostSyntax(host) else { return false }
            return name.equalsIgnoringCase(host.part(0..<syntax.nameCount))
        }
    }
}
