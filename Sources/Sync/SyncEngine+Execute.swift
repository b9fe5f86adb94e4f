// One mutation that was never seen before: run the mutator, then write records, changes and outcome
// inside the savepoint that the caller has set.

import MizuBytes

extension SyncEngine {
    /// Runs the mutation and writes its outcome. In-memory state changes only at the very end, so
    /// that an error on the way leaves it as it was.
    func execute(
        _ mutation: PushedMutation, of push: PushRequest, _ standing: Standing?,
        by client: inout ClientState?, in run: inout BatchRun
    ) throws(StoreError) -> MutationResult.Decision {
        let place = try run.place(of: push.scope, store)
        let before = run.turns[place].state
        var state = before
        if before.head.cursor == 0 { state.owner = maker(push) }
        var entry: LogEntry?
        var crossed: [CrossedScope] = []
        var rights: [UserRights] = []
        let decision: MutationResult.Decision
        let verdict: StoredOutcome.Verdict
        let isFirst = before.head.cursor == 0
        switch try effect(of: mutation, push, standing, isFirst: isFirst, in: run) {
        case .failure(let rejection):
            decision = .refused(rejection)
            verdict = .refused(rejection)
        case .success(var writes):
            let growth = Growth(of: writes.changes)
            if !writes.changes.isEmpty, !push.scope.isInternal,
                let refusal = try quotaRefusal(of: growth, in: state, run)
            {
                return .refused(refusal)
            }
            if !writes.others.isEmpty {
                crossed = try cross(writes.others, &run)
                if let refusal = try refusal(of: crossed, mutation.id, run) {
                    return .refused(refusal)
                }
            }
            rights = writes.rights
            entry = try append(
                &writes.changes, of: mutation.id, to: push.scope, state: &state, in: run)
            if !crossed.isEmpty { try write(&crossed, of: mutation, push, in: run) }
            decision = .applied(
                state.head,
                writes.changes.isEmpty
                    ? .none
                    : AppliedChanges(changes: writes.changes, bytes: entry?.bytes ?? .empty))
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
        let others = crossed.isEmpty ? [] : try bookings(of: crossed, behind: booked, run)
        client = counted
        run.newOutcomes += 1
        if let booked { run.accounts[booked.owner] = booked.state }
        run.turns[place].add(entry, state, isByReader: push.isByReader)
        if push.authority == .server { run.turns[place].knownRoles = KnownRoles() }
        if !crossed.isEmpty || !rights.isEmpty { take(crossed, others, rights, &run) }
        return decision
    }

    /// What the mutation would change, or why it is refused. Writes nothing.
    /// - Parameter isFirst: whether nothing was ever written to the scope.
    private func effect(
        of mutation: PushedMutation, _ push: PushRequest, _ standing: Standing?, isFirst: Bool,
        in run: BatchRun
    ) throws(StoreError) -> Result<MutationWrites, Rejection> {
        let name: Name
        let args: Arguments
        switch mutation.content {
        case .faulty(let rejection): return .failure(rejection)
        case .ready(let readyName, let readyArgs): (name, args) = (readyName, readyArgs)
        }
        var transaction = Transaction(
            over: store, scope: push.scope, limits: limits,
            changeOverhead: ChangeWriter.overhead(scope: push.scope, mutation: mutation.id),
            by: push.authority, roles: roles)
        transaction.timeMilliseconds = run.timeMilliseconds
        let creator = isFirst && standing?.right == .manage ? push.user : nil
        let applied = Mutation(
            name: name, args: args, id: mutation.id, user: push.user, scope: push.scope,
            role: standing?.role, timeMilliseconds: run.timeMilliseconds,
            editedMilliseconds: mutation.editedMilliseconds, timeText: run.time)
        var rejection: Rejection?
        do {
            if let creator, let roles {
                try transaction.setGrant(
                    GrantRecord(role: roles.creator), of: creator, in: push.scope)
            }
            if name.isReserved {
                try apply(applied, of: push, to: &transaction)
            } else {
                try mutator.apply(applied, to: &transaction)
            }
        } catch {
            // Not the mutation's fault: it is not decided, and keeps its place in the queue.
            if let accident = transaction.accident(behind: error) { throw accident }
            rejection = error
        }
        do {
            // Their records become slices of the log's text.
            let writes = try transaction.finishSharing()
            if let rejection { return .failure(rejection) }
            // Who has written nothing has made no scope.
            if creator != nil, writes.changes.count == 1 { return .success(.none) }
            return .success(writes)
        } catch {
            switch error {
            case .limit(let limit): return .failure(limit)
            case .accident(let accident): throw accident
            }
        }
    }

    /// One of the framework's own mutations.
    private func apply(
        _ mutation: Mutation, of push: PushRequest, to transaction: inout Transaction
    ) throws(Rejection) {
        guard let known = system.entry(mutation.name) else { throw .unknownMutation }
        guard known.fromWire || push.authority == .server else { throw .forbidden }
        transaction.isFramework = true
        try known.apply(mutation, &transaction)
    }

    /// Writes the changes to the records and the log, from the scope's next cursor on. Their
    /// records become slices of what was appended.
    /// - Returns: what was appended; nil where nothing changed, and for an internal scope.
    func append(
        _ changes: inout [RecordChange], of mutation: Name, to scope: Name,
        state: inout ScopeState, in run: BatchRun
    ) throws(StoreError) -> LogEntry? {
        guard !changes.isEmpty else { return nil }
        let first = state.head.cursor + 1
        let last = first + changes.count - 1
        var entry: LogEntry?
        if scope.isInternal {
            // No log: what is replaced or removed is gone. A copy of its own, because a slice of
            // the arguments would keep the whole request alive.
            for index in changes.indices { changes[index].json = changes[index].json?.compacted }
            state.base = last
        } else {
            if state.head.epoch != store.epoch || first == 1 {
                try store.beginEpoch(store.epoch, at: first, in: scope)
            }
            let (bytes, ends) = writer.write(&changes, of: mutation, from: first)
            let written = LogEntry(
                first: first, bytes: bytes, ends: ends, borders: [last],
                timesMilliseconds: run.agesMilliseconds)
            try store.append(written, to: scope)
            state.logByteCount += bytes.count
            entry = written
        }
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
