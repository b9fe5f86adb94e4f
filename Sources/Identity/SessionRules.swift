// How long a session lasts, and when its record says so. A session ends when it has not been used
// for a while (idle) or has become old (absolute), whichever comes first. When it was used last is
// written only once in a while: a disk does not have to know each request. A value; any thread.

/// The limits of sessions, in milliseconds unless a name says otherwise.
public struct SessionRules: Sendable, Equatable {
    /// A session that is not used for so long ends. Default: 14 days.
    public var idleMilliseconds: Int64 = 14 * 86_400_000
    /// A session ends so long after the sign-in, however much it is used. Default: 90 days.
    public var absoluteMilliseconds: Int64 = 90 * 86_400_000
    /// How often "last seen" is written at most; the idle limit is exact to so much. Default: 5
    /// minutes.
    public var touchMilliseconds: Int64 = 5 * 60_000
    /// Sessions of one account; a sign-in beyond them ends the one that was seen longest ago.
    public var countMax = 50

    public init() {}

    /// The moment at which a session ends if nobody uses it again. Both limits are capped at ten
    /// years, and sums saturate: what a store says may be damaged.
    public func end(createdAt created: Int64, seenAt seen: Int64) -> Int64 {
        let longest: Int64 = 3_650 * 86_400_000
        return min(
            Self.sum(seen, min(max(0, idleMilliseconds), longest)),
            Self.sum(created, min(max(0, absoluteMilliseconds), longest)))
    }

    private static func sum(_ moment: Int64, _ time: Int64) -> Int64 {
        let (sum, overflow) = moment.addingReportingOverflow(time)
        return overflow ? .max : sum
    }

    /// Whether "last seen" is to be written at `now`.
    public func isTouchDue(seenAt seen: Int64, now: Int64) -> Bool {
        now > seen && now.subtractingReportingOverflow(seen).partialValue >= touchMilliseconds
    }
}
