// One batch: one transaction, one answer for each push, and the feed of what it changed.

import MizuBytes

extension SyncEngine {
    /// Applies all pushes that wait, in order, as one durable transaction. Blocks until it is.
    ///
    /// On return either everything that an answer says is durable, or nothing of the batch is and
    /// every answer is `unavailable`. Append `feed` to the `LogTail` before any answer is sent.
    public func commit(_ batch: [PushRequest]) -> CommitResult {
        let time = now()
        var conflicts = 0
        while true {
            var run = BatchRun(timeMilliseconds: time, pushCount: batch.count)
            do throws(StoreError) {
                try attempt(batch, &run)
            } catch {
                store.rollback()
                if error.kind == .conflict, conflicts < Self.conflictsMax {
                    // Nothing of it was written, and nothing of it is remembered.
                    conflicts += 1
                    continue
                }
                let refusal = Refusal.unavailable("the store cannot take writes now")
                return CommitResult(
                    answers: batch.map { _ in .failure(refusal) }, feed: [], internalHeads: [],
                    accident: error, conflicts: conflicts)
            }
            totals = run.totals ?? totals
            if roles != nil { recentRoles.keep(run.turns) }
            let feed = run.turns.compactMap { $0.committed() }
            return CommitResult(
                answers: run.answers, feed: feed,
                internalHeads: run.turns.compactMap(\.internalHead), accident: run.accident,
                conflicts: conflicts)
        }
    }

    /// A batch that has met others this often is given up.
    private static let conflictsMax = 5

    /// The batch as one transaction.
    private func attempt(_ batch: [PushRequest], _ run: inout BatchRun) throws(StoreError) {
        writer.begin(time: run.time)
        try store.begin(for: batch)
        run.ageMilliseconds = try age(wall: run.timeMilliseconds)
        for push in batch {
            run.answers.append(try apply(push, &run))
        }
        try close(&run)
        try store.commit()
    }

    /// Writes what the batch has come to in all, and takes away of what is too much as many rows as
    /// the batch has added, and more.
    private func close(_ run: inout BatchRun) throws(StoreError) {
        for index in run.turns.indices where run.turns[index].isChanged {
            let turn = run.turns[index]
            var state = turn.state
            try trimExcess(of: turn.scope, &state, behind: turn.entryCount, &run)
            try store.setScopeState(state, of: turn.scope)
        }
        for (account, state) in run.accounts { try store.setAccountState(state, of: account) }
        guard run.newOutcomes > 0 else { return }
        let removed = try trimExcessOutcomes(behind: run.newOutcomes, &run)
        let known = totals?.outcomeCount ?? 0
        let after = StoreTotals(
            agingMilliseconds: run.ageMilliseconds,
            outcomeCount: max(0, known + run.newOutcomes - removed))
        try store.setTotals(after)
        run.totals = after
    }

    /// One push: admitted, then mutation by mutation, until one of them cannot be decided.
    private func apply(
        _ push: PushRequest, _ run: inout BatchRun
    ) throws(StoreError) -> PushAnswer {
        if let claimed = push.claimedUser, claimed != push.user { return .failure(.wrongUser) }
        if let refusal = try denial(of: push, &run) { return .failure(refusal) }
        var client: ClientState?
        switch try admit(push, at: run.ageMilliseconds) {
        case .refused(let refusal): return .failure(refusal)
        case .admitted(let state): client = state
        }
        writer.begin(scope: push.scope)
        guard !push.mutations.isEmpty else { return .success(PushResults([])) }
        var results: [MutationResult] = []
        results.reserveCapacity(push.mutations.count)
        for (index, mutation) in push.mutations.enumerated() {
            let decision = try decide(mutation, of: push, by: &client, in: &run)
            results.append(MutationResult(id: mutation.id, decision))
            switch decision {
            case .undecided, .untried: break
            default: continue
            }
            // "From here on nothing of this push was tried."
            for later in push.mutations[(index + 1)...] {
                results.append(MutationResult(id: later.id, .untried))
            }
            break
        }
        if let name = push.client, let client {
            try store.setClient(client, of: name, in: push.scope)
        }
        return .success(PushResults(results))
    }

    /// The stored outcome, or a new one. A statement that fails is this mutation's own misfortune:
    /// it is undone alone, so that it cannot stop the others.
    private func decide(
        _ mutation: PushedMutation, of push: PushRequest, by client: inout ClientState?,
        in run: inout BatchRun
    ) throws(StoreError) -> MutationResult.Decision {
        let clientBefore = client
        try store.savepoint()
        let decision: MutationResult.Decision
        do {
            let standing = try standing(of: push, &run)
            let known = try store.outcome(of: mutation.id, in: push.scope)
            if let standing, !isAdmitted(mutation, of: push, standing, known) {
                // One before it took the right away. The client is told what was decided, and asks
                // for the rest once more: that push is refused as a whole.
                decision = .untried
            } else if let known {
                decision = again(known, mutation, of: push)
            } else {
                decision = try execute(mutation, of: push, standing, by: &client, in: &run)
            }
        } catch {
            guard error.kind == .statement else { throw error }
            client = clientBefore
            run.accident = error
            try store.rollbackToSavepoint()
            return .undecided
        }
        try store.releaseSavepoint()
        return decision
    }

    /// What was decided before, for those who may be told.
    private func again(
        _ known: StoredOutcome, _ mutation: PushedMutation, of push: PushRequest
    ) -> MutationResult.Decision {
        guard mutation.has(known.fingerprint),
            known.user == nil || known.user == push.user
        else { return .refused(.idReused) }
        return switch known.verdict {
        case .applied(let position): .duplicate(position)
        case .refused(let rejection): .duplicateRefusal(rejection)
        }
    }
}

/// What one batch has come to so far. Thrown away whole when the commit fails.
struct BatchRun {
    let timeMilliseconds: Int64
    /// The same as in a change.
    let time: String
    /// The store's own time.
    var ageMilliseconds: Int64 = 0 {
        didSet { agesMilliseconds = [ageMilliseconds] }
    }
    /// The same as entries of the log want it; all of a batch share the one array.
    private(set) var agesMilliseconds: [Int64] = [0]
    /// Sums of accounts whose scopes have changed.
    var accounts: [Account: AccountState] = [:]
    var newOutcomes = 0
    /// What the batch leaves, once it is written.
    var totals: StoreTotals?
    var answers: [PushAnswer] = []
    /// Scopes in the order in which they were first written to.
    var turns: [ScopeTurn] = []
    /// Where in `turns` a scope is.
    private var places: [Name: Int] = [:]
    /// The last statement that failed, for the log.
    var accident: StoreError?

    init(timeMilliseconds: Int64, pushCount: Int) {
        self.timeMilliseconds = timeMilliseconds
        time = Mutation.time(timeMilliseconds)
        answers.reserveCapacity(pushCount)
    }

    /// Where in `turns` the scope is, with what the store says of it if it was not there yet.
    mutating func place(of scope: Name, _ store: any SyncStore) throws(StoreError) -> Int {
        // Pushes to one scope often follow one another.
        if let last = turns.last, last.scope == scope { return turns.count - 1 }
        if let known = places[scope] { return known }
        turns.append(ScopeTurn(scope, try store.scopeState(scope)))
        places[scope] = turns.count - 1
        return turns.count - 1
    }

    /// Takes in whose right in a scope has changed.
    mutating func note(_ change: UserRights) {
        guard let place = places[change.scope] else { return }
        turns[place].note(change)
    }
}

/// What a batch adds to one scope's log.
struct ScopeTurn {
    let scope: Name
    let base: Position
    private(set) var state: ScopeState
    private var entries: [LogEntry] = []
    /// Rights that were changed: what they were before the batch, and what they are now.
    private var rights: [Name: RightsChange] = [:]
    /// Grants of the scope as they are now, where they were asked for.
    var knownRoles = KnownRoles()
    /// Whether all who added to it may read the scope.
    private var isByReaders = true

    init(_ scope: Name, _ state: ScopeState) {
        self.scope = scope
        base = state.head
        self.state = state
    }

    var entryCount: Int { entries.count }
    var isChanged: Bool { state.head != base }

    /// Where an internal scope is now, which has no log; nil for others, and where nothing changed.
    var internalHead: InternalHead? {
        guard isChanged, scope.isInternal else { return nil }
        return InternalHead(
            scope: scope, head: ScopeHead(state.head, checksum: state.checksum))
    }

    /// Takes in what a mutation did to somebody's rights.
    mutating func note(_ change: UserRights) {
        knownRoles = KnownRoles()
        let before = rights[change.user].map(\.before) ?? change.before
        rights[change.user] = RightsChange(user: change.user, before: before, after: change.after)
    }

    /// Takes in what a mutation did.
    mutating func add(_ entry: LogEntry?, _ state: ScopeState, isByReader: Bool) {
        self.state = state
        guard let entry else { return }
        entries.append(entry)
        if !isByReader { isByReaders = false }
    }

    /// All entries as one run of bytes; nil where nothing changed.
    func committed() -> CommittedChanges? {
        guard let first = entries.first else { return nil }
        let changed = Array(rights.values)
        guard entries.count > 1 else {
            return CommittedChanges(
                scope: scope, base: base, head: state.head, bytes: first.bytes, ends: first.ends,
                borders: [first.last], checksum: state.checksum, isByReaders: isByReaders,
                changedRights: changed)
        }
        var buffer = ByteBuffer(capacity: entries.reduce(-1) { $0 + $1.bytes.count + 1 })
        var ends: [Int] = []
        ends.reserveCapacity(state.head.cursor - base.cursor)
        for entry in entries {
            if buffer.count > 0 { buffer.append(UInt8(ascii: ",")) }
            let start = buffer.count
            buffer.append(entry.bytes)
            for end in entry.ends { ends.append(start + end) }
        }
        return CommittedChanges(
            scope: scope, base: base, head: state.head, bytes: buffer.finish(),
            ends: ends, borders: entries.map(\.last), checksum: state.checksum,
            isByReaders: isByReaders, changedRights: changed)
    }
}
