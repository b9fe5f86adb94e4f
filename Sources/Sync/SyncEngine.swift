// Applies pushes to a store, once each, in one order (protocol.md, "POST /_sync/push"). All that
// waited together becomes one transaction with a savepoint for each mutation; an answer exists
// only once that transaction is durable. One engine for each database, confined to the committer's
// thread: it may block, and nobody else writes through this store.
// Knows no clock, thread or socket: the time is passed in. Keeps nothing between two batches that
// the store does not have, so a failed commit leaves nothing behind.

import MizuBytes

/// The one writer of a database.
public final class SyncEngine {
    let store: any SyncStore
    let mutator: any Mutator
    let limits: SyncLimits
    /// Milliseconds since 1970.
    let now: () -> Int64
    /// Where `trim` goes on; the scopes before it have had their turn.
    var trimScope: Name?
    /// The store's epoch when it was last asked for.
    private var knownEpoch: Name

    /// - Parameters:
    ///   - store: taken over; its readers live on their own threads.
    ///   - now: milliseconds since 1970 (UTC).
    public init(
        store: any SyncStore, mutator: any Mutator, limits: SyncLimits,
        now: @escaping () -> Int64
    ) {
        self.store = store
        knownEpoch = store.epoch
        self.mutator = mutator
        self.limits = limits
        self.now = now
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
}
