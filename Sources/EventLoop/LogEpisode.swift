// One line of the log for one episode. What a crowd or a broken proxy causes ten thousand times a
// second is reported once, and again only after a minute without a line: a stranger must not be
// able to fill the disk with our own words. It counts nothing and knows no logger.

/// Times at which one kind of trouble was reported. A value of its owner.
package struct LogEpisode: Sendable {
    /// How long one line stands for all that follow.
    package static let milliseconds: UInt64 = 60_000

    package enum Occurrence: Sendable, Equatable {
        /// To be reported; this is noted as done.
        case isNews
        /// Reported less than a minute ago.
        case isKnown
    }

    private var lastReport: Instant?

    package init() {}

    /// Notes that the trouble is there at `now`.
    package mutating func occurs(at now: Instant) -> Occurrence {
        if let lastReport, now.milliseconds(since: lastReport) < Self.milliseconds {
            return .isKnown
        }
        lastReport = now
        return .isNews
    }
}
