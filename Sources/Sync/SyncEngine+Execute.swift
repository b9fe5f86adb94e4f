// One mutation that was never seen before: run the mutator, then write records, changes and outcome
// inside the savepoint that the caller has set.

import MizuBytes

extension SyncEngine {
    /// Runs the mutation and writes its outcome. In-memory state changes only at the very end, so
    /// that an error on the way leaves it as it was.
    func execute(
        _ mutation: PushedMutation, of push: PushRequest, by client: inout ClientState?,
        in run: inout BatchRun
    ) throws(StoreError) -> MutationResult.Decision {
        let place = try run.place(of: push.scope, store)
        let before = run.turns[place].state
        var state = before
        if before.head.cursor == 0 { state.owner = maker(push) }
        var entry: LogEntry?
        let decision: MutationResult.Decision
        let verdict: StoredOutcome.Verdict
        switch try effect(of: mutation, push, in: run) {
        case .failure(let rejection):
            decision = .refused(rejection)
            verdict = .refused(rejection)
        case .success(var changes):
            let growth = Growth(of: changes)
            if !changes.isEmpty, let refusal = try quotaRefusal(of: growth, in: state, run) {
                return .refused(refusal)
            }
            entry = try append(
                &changes, of: mutation.id, to: push.scope, state: &state, in: run)
            let applied = entry.map { AppliedChanges(changes: changes, bytes: $0.bytes) }
            decision = .applied(state.head, applied ?? .none)
            verdict = .applied(state.head)
        }
        var counted = client
        counted?.outcomeCount += 1
        try store.setOutcome(
            StoredOutcome(
                verdict: verdict, fingerprint: mutation.fingerprint, user: push.user,
                client: push.client, clientSequence: counted?.outcomeCount ?? 0,
                reviewMilliseconds: run.ageMilliseconds + limits.logMillisecondsMax),
            of: mutation.id, in: push.scope)
        let booked = try booked(from: before, to: state, in: run)
        client = counted
        run.newOutcomes += 1
        if let booked { run.accounts[booked.owner] = booked.state }
        run.turns[place].add(entry, state, isByReader: push.isByReader)
        return decision
    }

    /// What the mutation would change, or why it is refused. Writes nothing.
    private func effect(
        of mutation: PushedMutation, _ push: PushRequest, in run: BatchRun
    ) throws(StoreError) -> Result<[RecordChange], Rejection> {
        let name: Name
        let args: Arguments
        switch mutation.content {
        case .faulty(let rejection): return .failure(rejection)
        case .ready(let readyName, let readyArgs): (name, args) = (readyName, readyArgs)
        }
        var transaction = Transaction(
            over: store, scope: push.scope, limits: limits,
            changeOverhead: ChangeWriter.overhead(scope: push.scope, mutation: mutation.id))
        var rejection: Rejection?
        do {
            try mutator.apply(
                Mutation(
                    name: name, args: args, id: mutation.id, user: push.user, scope: push.scope,
                    timeMilliseconds: run.timeMilliseconds, timeText: run.time),
                to: &transaction)
        } catch {
            // Not the mutation's fault: it is not decided, and keeps its place in the queue.
            if let accident = transaction.accident(behind: error) { throw accident }
            rejection = error
        }
        do {
            // Their records become slices of the log's text.
            let changes = try transaction.finishSharing()
            return if let rejection { .failure(rejection) } else { .success(changes) }
        } catch {
            switch error {
            case .limit(let limit): return .failure(limit)
            case .accident(let accident): throw accident
            }
        }
    }

    /// Writes the changes to the records and the log, from the scope's next cursor on. Their
    /// records become slices of what was appended.
    /// - Returns: what was appended; nil where nothing changed.
    private func append(
        _ changes: inout [RecordChange], of mutation: Name, to scope: Name,
        state: inout ScopeState, in run: BatchRun
    ) throws(StoreError) -> LogEntry? {
        guard !changes.isEmpty else { return nil }
        let first = state.head.cursor + 1
        if state.head.epoch != store.epoch || first == 1 {
            try store.beginEpoch(store.epoch, at: first, in: scope)
        }
        let (bytes, ends) = writer.write(&changes, of: mutation, from: first)
        let last = first + changes.count - 1
        let entry = LogEntry(
            first: first, last: last, timeMilliseconds: run.ageMilliseconds, bytes: bytes,
            ends: ends)
        try store.append(entry, to: scope)
        // Several writes to one record are each a change, but only the last is its state.
        if changes.count == 1 {
            try write(changes[0], version: last, in: scope, &state)
        } else {
            var latest: [RecordKey: Int] = [:]
            for (index, change) in changes.enumerated() { latest[change.key] = index }
            for index in latest.values {
                try write(changes[index], version: first + index, in: scope, &state)
            }
        }
        state.head = Position(cursor: last, epoch: store.epoch)
        state.logByteCount += entry.bytes.count
        return entry
    }

    /// Writes what a change leaves of its record, and counts it: in place of what the store had.
    private func write(
        _ change: RecordChange, version: Int, in scope: Name, _ state: inout ScopeState
    ) throws(StoreError) {
        let record = change.json.map { StoredRecord(json: $0, version: version) }
        // Made and removed by one mutation: the store never saw it.
        if record == nil, change.replaced == nil { return }
        try store.setRecord(change.key, in: scope, to: record)
        if let replaced = change.replaced {
            state.recordCount -= 1
            state.byteCount -= StoredRecord.size(change.key, replaced.json)
            state.checksum.remove(change.key, version: replaced.version)
        }
        if let record {
            state.recordCount += 1
            state.byteCount += StoredRecord.size(change.key, record.json)
            state.checksum.add(change.key, version: version)
        }
    }
}
