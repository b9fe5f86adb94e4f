// Which primary of a shared store answers, as nodes compare it: what a failover raises, so that an
// old primary that comes back is known from the one that has followed it. MongoDB's drivers keep
// the highest `electionId` for that, and Redis Sentinels tell each other of configuration epochs.

/// A primary's time in office.
package struct PrimaryTerm: Hashable, Sendable {
    /// The cluster's identifier, which its copies have as well.
    package let system: Int
    /// Each promotion has a higher one (PostgreSQL's timeline).
    package let timeline: Int

    package init(system: Int, timeline: Int) {
        self.system = system
        self.timeline = timeline
    }
}
