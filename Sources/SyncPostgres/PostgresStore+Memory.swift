// How the store begins with what it remembers, for a push that is alone, and what it goes on from:
// the sums of the store as the check saw them. Part of PostgresStore, on its committer's thread.

import MizuSync

extension PostgresStore {
    /// Begins with what is remembered, and sends nothing.
    /// - Returns: whether that is enough.
    func assume(_ look: LoneLook, _ pushes: [PushRequest]) throws(StoreError) -> Bool {
        guard memories[look.scope] != nil else { return false }
        if transaction != nil { rollback() }
        // May find another database.
        try open()
        // A pool may lead elsewhere with each transaction, and is asked first.
        guard connection.opening.isEmpty, let memory = memories[look.scope] else { return false }
        var begun = OpenTransaction()
        guard let ahead = look.assume(memory, epoch: epoch, into: &begun, &cache) else {
            return false
        }
        begun.pushes = pushes
        begun.assumedScope = look.scope
        begun.assumed = ahead
        begun.totals = memories.totals
        transaction = begun
        return true
    }

    /// aging, outcomes; nil before the first push.
    static func totals(_ rows: Rows, _ column: Int) throws(StoreError) -> StoreTotals? {
        guard rows.count == 1, !rows.isNull(0, column) else { return nil }
        let aging = try rows.int(0, column)
        guard aging > 0 else { return nil }
        return StoreTotals(
            agingMilliseconds: Int64(aging), outcomeCount: max(0, try rows.int(0, column + 1)))
    }

    /// Takes in what the check of a committed transaction has seen, and what this has added.
    func learnTotals(_ rows: Rows, _ transaction: OpenTransaction) {
        guard let own = transaction.overlay.totals,
            let seen = try? Self.totals(rows, 1)
        else { return }
        let added = own.outcomeCount - (transaction.totals?.outcomeCount ?? 0)
        memories.totals = StoreTotals(
            agingMilliseconds: max(own.agingMilliseconds, seen.agingMilliseconds),
            outcomeCount: max(0, seen.outcomeCount + added))
    }
}
