// Forgetting (protocol.md, "Idempotent", and `cursor_too_old`): changes by age and by count, at
// borders of mutations; outcomes with age, except a client's last ones, which wait for it.
// In small steps, so that pushes never wait long: call it again while it says `.more`.

import MizuBytes

extension SyncEngine {
    /// Whether there is more to trim now.
    public enum TrimProgress: Sendable { case more, done }

    /// Takes one step of trimming, in a transaction of its own. Committer's thread; looks at
    /// `SyncLimits.trimRowsMax` rows at most.
    /// - Throws: where storage fails; nothing is trimmed then.
    public func trim() throws(StoreError) -> TrimProgress {
        let time = now()
        do throws(StoreError) {
            try store.begin()
            let outcomes = try trimOutcomes(at: time, rowsMax: limits.trimRowsMax / 2)
            let scopeBefore = trimScope
            let logs: TrimProgress
            do throws(StoreError) {
                logs = try trimLogs(at: time, rowsMax: limits.trimRowsMax / 2)
                try store.commit()
            } catch {
                trimScope = scopeBefore
                throw error
            }
            return outcomes == .done && logs == .done ? .done : .more
        } catch {
            store.rollback()
            throw error
        }
    }

    private func trimOutcomes(
        at time: Int64, rowsMax: Int
    ) throws(StoreError) -> TrimProgress {
        let due = try store.dueOutcomes(atMilliseconds: time, countMax: rowsMax)
        for (scope, mutation, outcome) in due {
            if let until = try keptUntil(outcome, in: scope, at: time) {
                let kept = Outcome(
                    verdict: outcome.verdict, fingerprint: outcome.fingerprint,
                    user: outcome.user, client: outcome.client,
                    clientSequence: outcome.clientSequence, reviewMilliseconds: until)
                try store.setOutcome(kept, of: mutation, in: scope)
            } else {
                try store.removeOutcome(of: mutation, in: scope)
            }
        }
        return due.count < rowsMax ? .done : .more
    }

    /// When to look at an outcome again that is older than the log: it is one of its client's last
    /// and the client may still ask. Nil if it can go.
    private func keptUntil(
        _ outcome: Outcome, in scope: Name, at time: Int64
    ) throws(StoreError) -> Int64? {
        guard let name = outcome.client, let client = try store.client(name, in: scope),
            outcome.clientSequence > client.outcomeCount - limits.clientOutcomesMin,
            !isPastRetention(client, at: time)
        else { return nil }
        return time + max(1, limits.logMillisecondsMax)
    }

    private func trimLogs(at time: Int64, rowsMax: Int) throws(StoreError) -> TrimProgress {
        var rowsLeft = rowsMax
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
                try forgetSilentClients(of: scope, at: time)
                // A scope with more to trim keeps its turn.
                guard seen.progress == .done else { return .more }
                trimScope = scope
                if rowsLeft <= 0 { return .more }
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
        let oldest = try store.oldestEntries(of: scope, countMax: rowsMax)
        // Whole mutations go, so that the log never begins inside one.
        let kept = oldest.firstIndex { entry in
            time - entry.timeMilliseconds <= limits.logMillisecondsMax
                && state.head.cursor - entry.last < limits.logChangesMax
        }
        let trimmed = oldest[..<(kept ?? oldest.count)]
        if let base = trimmed.last?.last {
            try store.trimLog(of: scope, through: base)
            state.base = base
            state.logByteCount -= trimmed.reduce(0) { $0 + $1.byteCount }
            try store.setScopeState(state, of: scope)
        }
        let progress = kept == nil && oldest.count == rowsMax ? TrimProgress.more : .done
        return (progress, trimmed.count)
    }
}
