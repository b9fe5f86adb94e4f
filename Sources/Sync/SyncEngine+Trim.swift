// Forgetting (protocol.md, "Push", and `cursor_too_old`): changes by age, by count and by bytes, at
// borders of mutations; outcomes with age, except a client's last ones, which wait for it. Ages are
// of the store's own time (`AgingClock`).
// In small steps, so that pushes never wait long: call it again while it says `.behind`. A step is
// no match for pushes that never pause, so each commit takes away, of what it has just made too
// much, more rows than it has added.

import MizuBytes

extension SyncEngine {
    /// Whether there is more to trim now.
    public enum TrimProgress: Sendable {
        /// This step took all that it may, and there is more of it.
        case behind
        /// Scopes are left to look at; no hurry.
        case more
        case done
    }

    /// An idle store is told its time no more often than this.
    private static let idleKeepMilliseconds: Int64 = 3_600_000

    /// Takes one step of trimming, in a transaction of its own. Committer's thread; looks at
    /// `SyncLimits.trimRowsMax` rows at most.
    /// - Throws: where storage fails; nothing is trimmed then.
    public func trim() throws(StoreError) -> TrimProgress {
        let scopeBefore = trimScope
        let behindBefore = areOutcomesBehind
        do throws(StoreError) {
            guard try store.beginTrimming() else { return .done }
            let time = try age(wall: now())
            let outcomes = try trimOutcomes(at: time, rowsMax: limits.trimRowsMax / 2)
            areOutcomesBehind = outcomes.progress == .behind
            let logs = try trimLogs(at: time, rowsMax: limits.trimRowsMax / 2)
            let after = try keepTotals(at: time, outcomes.removed)
            try store.commit()
            totals = after ?? totals
            if outcomes.progress == .behind || logs == .behind { return .behind }
            return logs
        } catch {
            trimScope = scopeBefore
            areOutcomesBehind = behindBefore
            store.rollback()
            // It met others, and its turn comes again.
            if error.kind == .conflict { return .more }
            throw error
        }
    }

    /// - Returns: what was written; nil where that was not worth a write.
    private func keepTotals(
        at time: Int64, _ removedOutcomes: Int
    ) throws(StoreError) -> StoreTotals? {
        let known = totals ?? .none
        guard removedOutcomes > 0 || time - known.agingMilliseconds >= Self.idleKeepMilliseconds
        else { return nil }
        let after = StoreTotals(
            agingMilliseconds: time,
            outcomeCount: max(0, known.outcomeCount - removedOutcomes))
        try store.setTotals(after)
        return after
    }

    private func trimOutcomes(
        at time: Int64, rowsMax: Int
    ) throws(StoreError) -> (progress: TrimProgress, removed: Int) {
        let due = try store.dueOutcomes(atMilliseconds: time, countMax: rowsMax)
        var removed = 0
        for (scope, mutation, outcome) in due {
            if let until = try keptUntil(outcome, in: scope, at: time) {
                try keep(outcome, of: mutation, in: scope, until: until)
            } else {
                try remove(outcome, of: mutation, in: scope)
                removed += 1
            }
        }
        return (due.count < rowsMax ? .done : .behind, removed)
    }

    /// Where a scope was never written to, trimming does not come by: there a client goes with an
    /// outcome of its own, since it is known by nothing else.
    private func remove(
        _ outcome: StoredOutcome, of mutation: Name, in scope: Name
    ) throws(StoreError) {
        try store.removeOutcome(of: mutation, in: scope)
        guard let client = outcome.client, try store.scopeState(scope).head.cursor == 0 else {
            return
        }
        try store.removeClient(client, in: scope)
    }

    private func keep(
        _ outcome: StoredOutcome, of mutation: Name, in scope: Name, until: Int64
    ) throws(StoreError) {
        let kept = StoredOutcome(
            verdict: outcome.verdict, fingerprint: outcome.fingerprint, user: outcome.user,
            client: outcome.client, clientSequence: outcome.clientSequence,
            reviewMilliseconds: until)
        try store.setOutcome(kept, of: mutation, in: scope)
    }

    /// When to look at an outcome again that is older than the log: it is one of its client's last
    /// and the client may still ask. Nil if it can go.
    private func keptUntil(
        _ outcome: StoredOutcome, in scope: Name, at time: Int64
    ) throws(StoreError) -> Int64? {
        guard let name = outcome.client, let client = try store.client(name, in: scope),
            outcome.clientSequence > client.outcomeCount - limits.clientOutcomesMin,
            !isPastRetention(client, at: time)
        else { return nil }
        return time + max(1, limits.logMillisecondsMax)
    }

    private func trimLogs(at time: Int64, rowsMax: Int) throws(StoreError) -> TrimProgress {
        var rowsLeft = rowsMax
        var removed = 0
        while rowsLeft > 0 {
            let scopes = try store.scopes(after: trimScope, countMax: min(64, rowsLeft))
            guard !scopes.isEmpty else {
                trimScope = nil
                return .done
            }
            for scope in scopes {
                rowsLeft -= 1
                let seen = try trimLog(of: scope, at: time, rowsMax: max(1, rowsLeft))
                rowsLeft -= seen.rows
                removed += seen.rows
                try forgetSilentClients(of: scope, at: time)
                // A scope with more to trim keeps its turn.
                guard seen.progress == .done else { return .behind }
                trimScope = scope
                if rowsLeft <= 0 { return removed >= rowsMax / 2 ? .behind : .more }
            }
        }
        return .more
    }

    /// Clients of nobody that are past retention, some at a time.
    private func forgetSilentClients(of scope: Name, at time: Int64) throws(StoreError) {
        for _ in 0..<16 {
            guard let silent = try store.longestSilentClient(of: nil, in: scope),
                isPastRetention(silent.state, at: time)
            else { return }
            try store.removeClient(silent.client, in: scope)
        }
    }

    private func trimLog(
        of scope: Name, at time: Int64, rowsMax: Int
    ) throws(StoreError) -> (progress: TrimProgress, rows: Int) {
        var state = try store.scopeState(scope)
        let taken = try trimLog(of: scope, &state, olderThan: time, rowsMax: rowsMax)
        if taken.rows > 0 { try store.setScopeState(state, of: scope) }
        return taken
    }

    /// Takes away the oldest entries that are too many, too large together or, where a time is
    /// given, too old; `state` is the caller's to write.
    private func trimLog(
        of scope: Name, _ state: inout ScopeState, olderThan time: Int64?, rowsMax: Int
    ) throws(StoreError) -> (progress: TrimProgress, rows: Int) {
        let oldest = try store.oldestEntries(of: scope, countMax: rowsMax)
        let bytesMax = logBytesMax(state)
        // Whole mutations go, so that the log never begins inside one.
        var count = 0
        for entry in oldest {
            let isOld = time.map { $0 - entry.timeMilliseconds > limits.logMillisecondsMax }
            guard
                isOld == true || state.logByteCount > bytesMax
                    || state.head.cursor - entry.last >= limits.logChangesMax
            else { break }
            state.base = entry.last
            state.logByteCount -= entry.byteCount
            count += 1
        }
        if count > 0 {
            try store.trimLog(of: scope, through: state.base)
            trimmedScopes.insert(scope)
        }
        return (count == oldest.count && count == rowsMax ? .behind : .done, count)
    }

    /// Beyond four times a scope's records its log is worth less than a snapshot.
    private func logBytesMax(_ state: ScopeState) -> Int {
        max(limits.logBytesMin, 4 * state.byteCount)
    }
}

// MARK: In the transaction of a commit

extension SyncEngine {
    /// Rows that a commit may take away beyond twice what it adds.
    private static let excessRows = 64

    /// Where a log is an eighth longer than it may be, trimming lags behind: more entries go than
    /// the batch has added.
    func trimExcess(
        of scope: Name, _ state: inout ScopeState, behind added: Int, _ run: inout BatchRun
    ) throws(StoreError) {
        let changes = state.head.cursor - state.base
        let (bytes, bytesMax) = (state.logByteCount, logBytesMax(state))
        guard
            changes - limits.logChangesMax > limits.logChangesMax / 8
                || bytes - bytesMax > bytesMax / 8
        else { return }
        var trimmed = state
        let isDone = try alone(&run) { () throws(StoreError) in
            _ = try trimLog(
                of: scope, &trimmed, olderThan: nil, rowsMax: 2 * added + Self.excessRows)
        }
        if isDone { state = trimmed }
    }

    /// Where outcomes are due and were too many for trimming, or are too many at all, more go than
    /// the batch has added.
    /// - Returns: how many went.
    func trimExcessOutcomes(
        behind added: Int, _ run: inout BatchRun
    ) throws(StoreError) -> Int {
        let rowsMax = 2 * added + Self.excessRows
        let time = run.ageMilliseconds
        var removed = 0
        var isDone = false
        if areOutcomesBehind {
            isDone = try alone(&run) { () throws(StoreError) in
                removed = try trimOutcomes(at: time, rowsMax: rowsMax).removed
            }
        } else if (totals?.outcomeCount ?? 0) > limits.outcomesMax {
            isDone = try alone(&run) { () throws(StoreError) in
                removed = try dropOldestOutcomes(at: time, rowsMax: rowsMax)
            }
        }
        return isDone ? removed : 0
    }

    /// What is due next goes, although it is not due. In scopes that are there a user's client
    /// keeps its last ones; nobody's clients, and other scopes, are as many as anybody names.
    private func dropOldestOutcomes(at time: Int64, rowsMax: Int) throws(StoreError) -> Int {
        var removed = 0
        for (scope, mutation, outcome) in try store.dueOutcomes(
            atMilliseconds: .max, countMax: rowsMax)
        {
            if outcome.user != nil, let until = try keptUntil(outcome, in: scope, at: time),
                try store.scopeState(scope).head.cursor > 0
            {
                // Later than it was, so that it is not the next one again.
                let later = max(until, outcome.reviewMilliseconds) + 1
                try keep(outcome, of: mutation, in: scope, until: later)
            } else {
                try remove(outcome, of: mutation, in: scope)
                removed += 1
            }
        }
        return removed
    }

    /// Does what must not cost the batch anything: a statement that fails undoes it alone.
    private func alone(
        _ run: inout BatchRun, _ body: () throws(StoreError) -> Void
    ) throws(StoreError) -> Bool {
        try store.savepoint()
        do throws(StoreError) {
            try body()
        } catch {
            guard error.kind == .statement else { throw error }
            run.accident = error
            try store.rollbackToSavepoint()
            return false
        }
        try store.releaseSavepoint()
        return true
    }
}
