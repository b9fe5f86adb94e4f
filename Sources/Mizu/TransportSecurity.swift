// `Strict-Transport-Security` (RFC 6797 §6.1) from an operator's words. Sent over TLS alone (§7.2),
// and only on request: whoever says it cannot go back to plain HTTP before it has expired.

/// A policy in wire form.
struct TransportSecurity: Equatable, Sendable {
    let field: String

    /// Parses `SECONDS[; includeSubDomains[; preload]]`; nil where it is something else. Zero is
    /// good: it takes an earlier policy back.
    init?(_ text: String) {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false).map {
            $0.filter { $0 != " " }.lowercased()
        }
        guard let seconds = Int(parts[0]), (0...315_360_000).contains(seconds),
            parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        switch parts.dropFirst() {
        case []: field = "max-age=\(seconds)"
        case ["includesubdomains"]: field = "max-age=\(seconds); includeSubDomains"
        case ["includesubdomains", "preload"]:
            field = "max-age=\(seconds); includeSubDomains; preload"
        default: return nil
        }
    }
}
