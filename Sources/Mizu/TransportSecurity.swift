// `Strict-Transport-Security` (RFC 6797 §6.1) from an operator's words. Sent over TLS alone (§7.2),
// and only on request: whoever says it cannot go back to plain HTTP before it has expired.

import MizuBytes

/// A policy in wire form.
struct TransportSecurity: Equatable, Sendable {
    let field: String

    /// Parses `SECONDS[; includeSubDomains[; preload]]`; nil if it is something else. Zero is
    /// good: it takes an earlier policy back.
    init?(_ text: String) {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false).map {
            $0.filter { $0 != " " }.lowercased()
        }
        guard let seconds = ASCII.decimal(parts[0]), seconds <= 315_360_000 else { return nil }
        switch parts.dropFirst() {
        case []: field = "max-age=\(seconds)"
        case ["includesubdomains"]: field = "max-age=\(seconds); includeSubDomains"
        case ["includesubdomains", "preload"]:
            field = "max-age=\(seconds); includeSubDomains; preload"
        default: return nil
        }
    }
}
