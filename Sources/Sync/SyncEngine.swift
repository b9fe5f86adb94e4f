// Applies pushes to a store, once each, in one order (protocol.md, "POST /_sync/push"). All that
// waited together becomes one transaction with a savepoint for each mutation; an answer exists
// only once that transaction is durable. One engine for each database, confined to the committer's
// thread: it may block, and nobody else writes through this store.
// Knows no clock, thread or socket: the time is passed in. Of what decides anything it keeps
// nothing between two batches that the store does not have, so a failed commit leaves nothing
// behind: roles that it remembers are those of a position (`RecentRoles`).

import MizuBytes

/// The one writer of a database.
public final class SyncEngine {
    let store: any SyncStore
    let mutator: any Mutator
    /// Nil where the app has none: then nobody's right is asked for here.
    let roles: Roles?
    /// The framework's own mutations.
    package let system: SystemMutations
    let limits: SyncLimits
    /// Milliseconds since 1970, for people.
    let now: () -> Int64
    /// Milliseconds since anything, by a clock that goes on evenly: for everybody's age.
    let steady: () -> Int64
    /// When the clock begins, and in which history of the store.
    private var started: AgingClock.Reading
    private var agingEpoch: Name
    /// Nil before the first batch.
    private var aging: AgingClock?
    /// How far the wall clock has leapt, where nobody has been told yet.
    private(set) var leap: Int64?
    /// As the store has it; nil before the first batch.
    var totals: StoreTotals?
    /// Outcomes were due when trimming last looked, and more than it could take.
    var areOutcomesBehind = false
    /// Where `trim` goes on; the scopes before it have had their turn.
    var trimScope: Name?
    /// Scopes whose logs have lost entries, where nobody has been told yet.
    var trimmedScopes: Set<Name> = []
    /// Roles that were read, where the scope has not moved since.
    var recentRoles = RecentRoles()
    /// Composes what stands in the log.
    @exclusivity(unchecked) var writer = ChangeWriter()
    /// The store's epoch when it was last asked for.
    private var knownEpoch: Name

    /// - Parameters:
    ///   - store: taken over; its readers live on their own threads.
    ///   - roles: of the app; with them an edit is applied only if its author has the right at
    ///     that place of the log.
    ///   - system: the framework's own mutations.
    ///   - now: milliseconds since 1970 (UTC).
    ///   - steady: milliseconds of a clock that nobody sets; nil: `now` is such a one.
    public init(
        store: any SyncStore, mutator: any Mutator, limits: SyncLimits, roles: Roles? = nil,
        system: SystemMutations = SystemMutations(), now: @escaping () -> Int64,
        steady: (() -> Int64)? = nil
    ) {
        self.store = store
        knownEpoch = store.epoch
        self.mutator = mutator
        self.roles = roles
        self.system = system
        self.limits = limits
        self.now = now
        self.steady = steady ?? now
        agingEpoch = store.epoch
        started = AgingClock.Reading(wall: now(), steady: self.steady())
    }

    /// The scopes whose logs have lost entries since the last call.
    public func takeTrimmedScopes() -> Set<Name> {
        guard !trimmedScopes.isEmpty else { return [] }
        defer { trimmedScopes = [] }
        return trimmedScopes
    }

    /// Whether an older state was put back since the last call: then nothing that was said of the
    /// logs before holds any more.
    public func takeRestore() -> Bool {
        guard store.epoch != knownEpoch else { return false }
        knownEpoch = store.epoch
        return true
    }

    /// Writes something, to see whether that works. Committer's thread.
    public func proveWritable() throws(StoreError) {
        do throws(StoreError) {
            try store.proveWritable()
        } catch {
            store.rollback()
            throw error
        }
    }

    /// The store's own time. Within a transaction, or before one.
    func age(wall: Int64) throws(StoreError) -> Int64 {
        let reading = AgingClock.Reading(wall: wall, steady: steady())
        if agingEpoch != store.epoch {
            // An older state was put back: its time and its sums are its own.
            agingEpoch = store.epoch
            started = reading
            aging = nil
        }
        var clock: AgingClock
        if let known = aging {
            clock = known
            if store.isShared, let kept = try store.totals() {
                // Others count, too, and have lived through what this process has not.
                totals = kept
                clock.catchUp(with: kept.agingMilliseconds)
            }
        } else {
            let kept = try store.totals()
            totals = kept ?? StoreTotals.none
            clock = AgingClock(kept: kept?.agingMilliseconds, started)
        }
        leap = clock.advance(to: reading) ?? leap
        aging = clock
        return clock.time
    }

    /// How far the wall clock has leapt since this was asked last, in milliseconds, if it has: for
    /// the log. Nothing grows older by it.
    public func takeLeap() -> Int64? { leap.take() }

    /// Bytes left on the store's disk; nil where that is not known.
    public func diskSpace() -> DiskSpace? { store.diskSpace() }
}
