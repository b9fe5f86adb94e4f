// Until when somebody's credentials hold. It is a moment of the wall clock, because that is what
// tokens and sessions name; a type of its own, so that seconds are not taken for milliseconds.
// Whoever keeps a connection open counts what is left on a clock that does not leap.

/// The end of what a token or a session is good for.
public struct Expiry: Hashable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public let unixMilliseconds: Int64

    public init(unixMilliseconds: Int64) { self.unixMilliseconds = unixMilliseconds }

    /// As a JSON Web Token has it in `exp` (RFC 7519 §4.1.4).
    public init(unixSeconds: Int64) {
        let (product, overflow) = unixSeconds.multipliedReportingOverflow(by: 1000)
        unixMilliseconds = overflow ? (unixSeconds < 0 ? .min : .max) : product
    }

    /// Milliseconds from `now` (since 1970) to it; 0 where it has passed.
    public func millisecondsLeft(at now: Int64) -> UInt64 {
        guard unixMilliseconds > now else { return 0 }
        let (left, overflow) = unixMilliseconds.subtractingReportingOverflow(now)
        return overflow ? .max : UInt64(left)
    }
}
