// Which names a server answers to. A page of any site can have its own name point at this server's
// address (DNS rebinding): its browser then takes the server for that site's own, and only `Host`
// tells. So a server that was told no names answers to what nobody else can own: addresses,
// `localhost`, the machine's name, and the names that its certificates prove.
// Pure; looks up nothing. A missing `Host` (HTTP/1.0) is no browser's.

import MizuBytes

/// The names that `Host` may have. Read-only once made; no allocation per request.
public struct HostPolicy: Sendable {
    private enum Reach {
        case exact
        /// One label more, as wildcards of certificates (RFC 6125 §6.4.3).
        case oneLabel
        /// Any number of labels more.
        case below
    }

    /// A name is bytes of `text`: an array of its own would be retained at each look.
    private struct Entry {
        let range: Range<Int>
        /// Nil: any port.
        let port: UInt16?
        let reach: Reach
    }

    private let admitsAny: Bool
    private let admitsAddresses: Bool
    private var text: [UInt8] = []
    private var entries: [Entry] = []

    private init(admitsAny: Bool, admitsAddresses: Bool) {
        self.admitsAny = admitsAny
        self.admitsAddresses = admitsAddresses
    }

    /// Whatever `Host` says.
    public static let any = HostPolicy(admitsAny: true, admitsAddresses: true)

    /// Exactly these: names and addresses, with a port for that port alone; `*.example.org` is
    /// every name below example.org.
    public init(named hosts: [String]) {
        self.init(admitsAny: false, admitsAddresses: false)
        for host in hosts { add(host, wildcard: .below) }
    }

    /// What nobody else can own: IP addresses, `localhost` and names below it (RFC 6761 §6.3), and
    /// the names of the `machine`.
    public init(machine: [String]) {
        self.init(admitsAny: false, admitsAddresses: true)
        for name in ["localhost", "*.localhost"] + machine { add(name, wildcard: .below) }
    }

    /// The names of certificates; `*` there stands for one label.
    public init(proven names: [String]) {
        self.init(admitsAny: false, admitsAddresses: false)
        for name in names { add(name, wildcard: .oneLabel) }
    }

    /// What is no host is left out: a certificate's common name may be any text.
    private mutating func add(_ host: String, wildcard: Reach) {
        let isWildcard = host.hasPrefix("*.")
        var host = Array((isWildcard ? host.dropFirst(2) : host[...]).utf8)
        let parts = host.withUnsafeBytes { HostSyntax($0).map { ($0.nameCount, $0.port) } }
        guard let (nameCount, port) = parts else { return }
        host.removeSubrange(nameCount...)
        if host.count > 1, host.last == UInt8(ascii: ".") { host.removeLast() }
        let start = text.count
        if isWildcard { text.append(UInt8(ascii: ".")) }
        text += host
        entries.append(
            Entry(
                range: start..<text.count, port: port, reach: isWildcard ? wildcard : .exact))
    }

    /// Whether `host` (`uri-host[:port]`, empty where there is none) is one of these.
    @inline(__always)
    public func admits(_ host: UnsafeRawBufferPointer) -> Bool { admitsAny || isNamed(host) }

    private func isNamed(_ host: UnsafeRawBufferPointer) -> Bool {
        guard !host.isEmpty else { return admitsAddresses }
        guard let syntax = HostSyntax(host) else { return false }
        var name = host.part(0..<syntax.nameCount)
        if admitsAddresses, HostPolicy.isAddress(name) { return true }
        // A name that is spelled to its root is the same name.
        if name.count > 1, name.last == UInt8(ascii: ".") { name = name.part(0..<name.count - 1) }
        return text.withUnsafeBytes { text in
            for index in entries.indices
            where HostPolicy.covers(entries[index], text, name, port: syntax.port) {
                return true
            }
            return false
        }
    }

    private static func covers(
        _ entry: Entry, _ text: UnsafeRawBufferPointer, _ name: UnsafeRawBufferPointer,
        port: UInt16?
    ) -> Bool {
        // Without a port it is the scheme's, and behind a proxy nobody knows which that was.
        if let wanted = entry.port, wanted != (port ?? (wanted == 443 ? 443 : 80)) { return false }
        let wanted = text.part(entry.range)
        guard entry.reach != .exact else { return name.equalsIgnoringCase(wanted) }
        let labels = name.count - wanted.count
        guard labels > 0, name.part(labels..<name.count).equalsIgnoringCase(wanted) else {
            return false
        }
        return entry.reach == .below || !name.part(0..<labels).contains(UInt8(ascii: "."))
    }

    /// As browsers write addresses (WHATWG URL §3.5): other forms of IPv4 never leave them.
    static func isAddress(_ name: UnsafeRawBufferPointer) -> Bool {
        guard let first = name.first else { return false }
        if first == UInt8(ascii: "[") {
            return PeerAddress(address: name.part(1..<name.count - 1)) != nil
        }
        return ASCII.isDigit(first) && PeerAddress(address: name) != nil
    }

    /// The address that `host` (`uri-host[:port]`) is; nil for a name.
    public static func address(_ host: String) -> PeerAddress? {
        Array(host.utf8).withUnsafeBytes { bytes in
            guard let syntax = HostSyntax(bytes) else { return nil }
            let name = bytes.part(0..<syntax.nameCount)
            guard isAddress(name) else { return nil }
            return name.first == UInt8(ascii: "[")
                ? PeerAddress(address: name.part(1..<name.count - 1)) : PeerAddress(address: name)
        }
    }

    /// Whether `name` can stand in `init(named:)`.
    public static func isHost(_ name: String) -> Bool {
        let bytes = Array((name.hasPrefix("*.") ? name.dropFirst(2) : name[...]).utf8)
        return bytes.withUnsafeBytes(isHost)
    }

    /// Whether `bytes` is a host with an optional port.
    public static func isHost(_ bytes: UnsafeRawBufferPointer) -> Bool {
        HostSyntax(bytes) != nil
    }
}
