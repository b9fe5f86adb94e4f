// The writer's rows: what the engine writes, and what it looks up of outcomes and clients.

import MizuBytes
import MizuSync

extension SQLiteStore {
    public func setScopeState(_ state: ScopeState, of scope: Name) throws(StoreError) {
        try statements.setScope.bind(scope).bind(state.head.cursor).bind(state.base)
            .bind(state.recordCount).bind(Int(truncatingIfNeeded: state.checksum.bits))
            .bind(state.byteCount).bind(state.logByteCount).bind(state.owner?.bytes ?? []).run()
        outsiders.wrote(state.head, of: scope)
    }

    public func beginEpoch(_ epoch: Name, at first: Int, in scope: Name) throws(StoreError) {
        try statements.beginEpoch.bind(scope).bind(first).bind(epoch).run()
    }

    public func append(_ entry: LogEntry, to scope: Name) throws(StoreError) {
        try statements.append.bind(scope).bind(entry.last).bind(entry.first)
            .bind(Int(entry.timeMilliseconds)).bind(EntryEnds.write(entry.ends))
            .bind(entry.bytes).run()
    }

    public func setRecord(
        _ key: RecordKey, in scope: Name, to record: StoredRecord?
    ) throws(StoreError) {
        guard let record else {
            return try statements.removeRecord.bind(scope).bind(key.entity).bind(key.id).run()
        }
        try statements.setRecord.bind(scope).bind(key.entity).bind(key.id).bind(record.json)
            .bind(record.version).run()
    }

    public func totals() throws(StoreError) -> StoreTotals? {
        try statements.totals.first { (row) throws(StoreError) in
            StoreTotals(
                agingMilliseconds: Int64(row.int(TotalsColumn.aging)),
                outcomeCount: row.int(TotalsColumn.outcomes))
        }
    }

    public func setTotals(_ totals: StoreTotals) throws(StoreError) {
        try statements.setTotals.bind(Int(totals.agingMilliseconds)).bind(totals.outcomeCount)
            .run()
    }

    public func accountState(_ account: Account) throws(StoreError) -> AccountState {
        try statements.account.bind(account.bytes)
            .first { (row) throws(StoreError) in
                AccountState(
                    scopeCount: row.int(AccountColumn.scopes),
                    byteCount: row.int(AccountColumn.bytes))
            } ?? .none
    }

    public func setAccountState(
        _ state: AccountState, of account: Account
    ) throws(StoreError) {
        try statements.setAccount.bind(account.bytes).bind(state.scopeCount)
            .bind(state.byteCount).run()
    }
}

// MARK: Outcomes

extension SQLiteStore {
    public func outcome(of mutation: Name, in scope: Name) throws(StoreError) -> StoredOutcome? {
        try statements.outcome.bind(scope).bind(mutation)
            .first { (row) throws(StoreError) in try Self.outcome(row) }
    }

    public func setOutcome(
        _ outcome: StoredOutcome, of mutation: Name, in scope: Name
    ) throws(StoreError) {
        let statement = statements.setOutcome.bind(scope).bind(mutation)
            .bind(Int(truncatingIfNeeded: outcome.fingerprint.high))
            .bind(Int(truncatingIfNeeded: outcome.fingerprint.low))
            .bind(outcome.user).bind(outcome.client).bind(outcome.clientSequence)
            .bind(Int(outcome.reviewMilliseconds))
        switch outcome.verdict {
        case .applied(let position):
            statement.bind(position.cursor).bind(position.epoch)
                .bind(ByteSlice.empty).bind(ByteSlice.empty)
        case .refused(let rejection):
            statement.bind(0).bind(ByteSlice.empty)
                .bind(Array(rejection.code.utf8)).bind(Array(rejection.message.utf8))
        }
        try statement.run()
    }

    public func removeOutcome(of mutation: Name, in scope: Name) throws(StoreError) {
        try statements.removeOutcome.bind(scope).bind(mutation).run()
    }

    public func dueOutcomes(
        atMilliseconds now: Int64, countMax: Int
    ) throws(StoreError) -> [(scope: Name, mutation: Name, outcome: StoredOutcome)] {
        var due: [(scope: Name, mutation: Name, outcome: StoredOutcome)] = []
        try statements.dueOutcomes.bind(Int(now)).bind(countMax)
            .each { (row) throws(StoreError) in
                due.append(
                    (
                        try row.key(OutcomeColumn.scope), try row.key(OutcomeColumn.mutation),
                        try Self.outcome(row)
                    ))
                return .next
            }
        return due
    }

    private static func outcome(_ row: Statement) throws(StoreError) -> StoredOutcome {
        let verdict: StoredOutcome.Verdict
        if let epoch = row.name(OutcomeColumn.epoch) {
            verdict = .applied(Position(cursor: row.int(OutcomeColumn.cursor), epoch: epoch))
        } else {
            verdict = .refused(
                Rejection(
                    code: row.blob(OutcomeColumn.code).string,
                    message: row.blob(OutcomeColumn.error).string))
        }
        return StoredOutcome(
            verdict: verdict,
            fingerprint: Fingerprint(
                high: UInt64(truncatingIfNeeded: row.int(OutcomeColumn.high)),
                low: UInt64(truncatingIfNeeded: row.int(OutcomeColumn.low))),
            user: row.name(OutcomeColumn.user), client: row.name(OutcomeColumn.client),
            clientSequence: row.int(OutcomeColumn.sequence),
            reviewMilliseconds: Int64(row.int(OutcomeColumn.review)))
    }
}

// MARK: Clients

extension SQLiteStore {
    public func client(_ client: Name, in scope: Name) throws(StoreError) -> ClientState? {
        try statements.client.bind(client).bind(scope)
            .first { (row) throws(StoreError) in Self.client(row) }
    }

    public func owner(of client: Name) throws(StoreError) -> Name?? {
        try statements.owner.bind(client).first { (row) throws(StoreError) in row.name() }
    }

    public func setClient(
        _ state: ClientState, of client: Name, in scope: Name
    ) throws(StoreError) {
        try statements.setClient.bind(client).bind(scope).bind(state.user)
            .bind(Int(state.lastPushMilliseconds)).bind(state.outcomeCount).run()
    }

    public func claim(_ client: Name, for user: Name) throws(StoreError) {
        try statements.claim.bind(user).bind(client).run()
    }

    public func clientCount(of user: Name?, in scope: Name) throws(StoreError) -> Int {
        try statements.clientCount.bind(scope).bind(user)
            .first { (row) throws(StoreError) in row.int() } ?? 0
    }

    public func longestSilentClient(
        of user: Name?, in scope: Name
    ) throws(StoreError) -> (client: Name, state: ClientState)? {
        try statements.longestSilent.bind(scope).bind(user)
            .first { (row) throws(StoreError) in
                (client: try row.key(ClientColumn.client), state: Self.client(row))
            }
    }

    public func removeClient(_ client: Name, in scope: Name) throws(StoreError) {
        try statements.removeClient.bind(client).bind(scope).run()
    }

    private static func client(_ row: Statement) -> ClientState {
        ClientState(
            user: row.name(ClientColumn.user),
            lastPushMilliseconds: Int64(row.int(ClientColumn.pushed)),
            outcomeCount: row.int(ClientColumn.outcomes))
    }
}

// MARK: Trimming

extension SQLiteStore {
    public func scopes(after scope: Name?, countMax: Int) throws(StoreError) -> [Name] {
        var names: [Name] = []
        try statements.scopesAfter.bind(scope).bind(countMax).each { (row) throws(StoreError) in
            names.append(try row.key())
            return .next
        }
        return names
    }

    public func oldestEntries(
        of scope: Name, countMax: Int
    ) throws(StoreError) -> [OldEntry] {
        var oldest: [OldEntry] = []
        try statements.oldestEntries.bind(scope).bind(countMax)
            .each { (row) throws(StoreError) in
                oldest.append(
                    OldEntry(
                        last: row.int(OldEntryColumn.last),
                        timeMilliseconds: Int64(row.int(OldEntryColumn.time)),
                        byteCount: row.int(OldEntryColumn.bytes)))
                return .next
            }
        return oldest
    }

    public func trimLog(of scope: Name, through base: Int) throws(StoreError) {
        try statements.trimLog.bind(scope).bind(base).run()
        try statements.trimEpochs.bind(scope).bind(base).run()
    }
}
