// Scopes, logs, records and sums as a transaction sees them: its own writes, what is known under
// its locks, and the database.

import MizuBytes
import MizuSync

extension PostgresStore {
    // MARK: Locks

    /// Locks a scope's row that the batch did not name: a mutation has crossed to it. Waits behind
    /// whoever has it; two that wait for each other are a deadlock, which the server ends for one.
    func lock(_ scope: Name) throws(StoreError) {
        guard transaction != nil, transaction?.locked[scope] == nil else { return }
        // A second time where an unused row was removed while we waited for it.
        for _ in 0..<2 {
            let rows = try run([
                Query(Prefetch.make).with([scope]), Query(Prefetch.lock).with([scope]),
            ])
            guard var current = transaction.take() else { return }
            defer { transaction = current }
            try Prefetch.takeScopes(rows[1], into: &current, &cache)
            if current.locked[scope] != nil { return }
        }
        throw StoreError(.conflict, "a scope's row went while it was waited for")
    }

    // MARK: Scopes and logs

    func scopeState(_ scope: Name) throws(StoreError) -> ScopeState {
        guard transaction != nil else {
            try open()
            let rows = try run([Query(Self.committedState).with(scope)])[0]
            let state = rows.count == 1 ? try rows.scopeState(0, from: 0) : nil
            return state ?? ScopeState(unwrittenIn: epoch)
        }
        if let own = transaction?.overlay.scopes[scope] { return own }
        try lock(scope)
        return (transaction?.locked[scope] ?? nil) ?? ScopeState(unwrittenIn: epoch)
    }

    private static let committedState = Statement(
        "m_state_w",
        """
        SELECT cursor, base, records, checksum, bytes, log_bytes, epoch, owner
        FROM mizu_scope WHERE name = $1
        """)

    func setScopeState(_ state: ScopeState, of scope: Name) throws(StoreError) {
        try lock(scope)
        transaction?.write(.scopeState(scope, state))
    }

    func epoch(at cursor: Int, in scope: Name) throws(StoreError) -> Name? {
        try committedEpoch(at: cursor, in: scope)
    }

    func beginEpoch(_ epoch: Name, at first: Int, in scope: Name) throws(StoreError) {
        try lock(scope)
        transaction?.write(.epoch(scope, epoch, first: first))
    }

    func append(_ entry: LogEntry, to scope: Name) throws(StoreError) {
        try lock(scope)
        transaction?.write(.entry(scope, entry))
    }

    func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        try eachMutation(of: scope, after: cursor) { (rows, row) throws(StoreError) in
            visit(try rows.entry(row))
        }
    }

    // MARK: Records

    func storedRecord(_ key: RecordKey, in scope: Name) throws(StoreError) -> StoredRecord? {
        guard transaction != nil else { return try committedRecord(key, in: scope) }
        if let own = transaction?.overlay.records[ScopedKey(scope: scope, key: key)] { return own }
        try lock(scope)
        if let known = cache.record(key, in: scope) { return known }
        let found = try committedRecord(key, in: scope)
        let head = (transaction?.locked[scope] ?? nil)?.head ?? .none
        cache.learn(key, in: scope, found, at: head)
        guesses.learn(key, from: transaction?.pushes ?? [], in: scope)
        return found
    }

    func setRecord(
        _ key: RecordKey, in scope: Name, to record: StoredRecord?
    ) throws(StoreError) {
        try lock(scope)
        transaction?.write(.record(ScopedKey(scope: scope, key: key), record))
    }

    func visitRecords(
        in scope: Name, after key: RecordKey?, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        try eachRecordNow(in: scope, after: key, of: nil, visit)
    }

    func visitRecords(
        of entity: Name, in scope: Name, _ visit: (Name, ByteSlice) -> Visit
    ) throws(StoreError) {
        try eachRecordNow(in: scope, after: nil, of: entity) { visit($0.id, $1.json) }
    }

    /// The database's records and the transaction's own, in the order of keys.
    private func eachRecordNow(
        in scope: Name, after key: RecordKey?, of entity: Name?,
        _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        var own: [(key: RecordKey, record: StoredRecord?)] = []
        for (place, record) in transaction?.overlay.records ?? [:] where place.scope == scope {
            if let entity, place.key.entity != entity { continue }
            if let key, place.key <= key { continue }
            own.append((place.key, record))
        }
        own.sort { $0.key < $1.key }
        var next = 0
        var isOver = false
        func visitOwn() {
            let row = own[next]
            next += 1
            if let record = row.record, case .stop = visit(row.key, record) { isOver = true }
        }
        try eachRecord(in: scope, after: key, of: entity) { (rows, row) throws(StoreError) in
            let found = RecordKey(entity: try rows.name(row, 2), id: try rows.name(row, 3))
            while !isOver, next < own.count, own[next].key < found { visitOwn() }
            if isOver { return .stop }
            if next < own.count, own[next].key == found {
                visitOwn()
                return isOver ? .stop : .next
            }
            let answer = visit(found, try rows.record(row, from: 0))
            if case .stop = answer { isOver = true }
            return answer
        }
        while !isOver, next < own.count { visitOwn() }
    }

    // MARK: Sums

    func totals() throws(StoreError) -> StoreTotals? {
        if let own = transaction?.overlay.totals { return own }
        if let transaction { return transaction.totals }
        try begin()
        defer { rollback() }
        return transaction?.totals
    }

    func setTotals(_ totals: StoreTotals) throws(StoreError) {
        transaction?.write(.totals(totals))
    }

    private static let account = Statement(
        "m_account", "SELECT scopes, bytes FROM mizu_account WHERE account = $1")

    func accountState(_ account: Account) throws(StoreError) -> AccountState {
        if let own = transaction?.overlay.accounts[account] { return own }
        if let known = transaction?.accounts[account] { return known }
        if transaction == nil { try open() }
        let rows = try run([Query(Self.account).with(account.bytes)])[0]
        let state =
            rows.count == 0
            ? AccountState.none
            : AccountState(scopeCount: try rows.int(0, 0), byteCount: try rows.int(0, 1))
        transaction?.accounts[account] = state
        return state
    }

    /// Written as a difference to what the transaction has seen: others add, too.
    func setAccountState(
        _ state: AccountState, of account: Account
    ) throws(StoreError) {
        _ = try accountState(account)
        transaction?.write(.account(account, state))
    }
}
