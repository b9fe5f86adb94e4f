// Keeps everything in memory: for `memory:`, for tests, and as the plainest reading of what a store
// must do. Writes of a transaction wait in a list until the commit puts all of them on the shelf
// at once; an overlay of them answers the transaction's own reads. What is on the shelf lasts as
// long as the process.

import MizuBytes

/// A store on a `MemoryShelf`. Confined to the committer's thread.
public final class MemoryStore: SyncStore {
    public let epoch: Name
    public let isShared: Bool
    /// Where the shelf was when the transaction began.
    private var start: UInt64 = 0
    private let shelf: MemoryShelf
    private var writes: [MemoryRows.Write] = []
    private var overlay = MemoryOverlay()
    /// How many of `writes` were there when the savepoint was set.
    private var savedCount = 0

    /// Opens the shelf as its only writer.
    /// - Parameters:
    ///   - epoch: new for each opening; the same for all who share the shelf.
    ///   - isShared: not the only one. Transactions may then end in a conflict, as when others were
    ///     quicker. For tests of what has a database server elsewhere.
    public init(on shelf: MemoryShelf = MemoryShelf(), epoch: Name, isShared: Bool = false) {
        self.shelf = shelf
        self.epoch = epoch
        self.isShared = isShared
    }

    /// Nothing of it outlives the process.
    public var salt: UInt64 { 0 }
    public func diskSpace() -> DiskSpace? { nil }

    public func makeReader() throws(StoreError) -> sending any SyncReader {
        MemoryReader(shelf: shelf, epoch: epoch)
    }

    private func write(_ write: MemoryRows.Write) {
        writes.append(write)
        overlay.note(write)
    }
}

// MARK: Transactions

extension MemoryStore {
    public func begin() throws(StoreError) {
        rollback()
        if isShared { start = shelf.currentVersion }
    }

    public func savepoint() throws(StoreError) { savedCount = writes.count }
    public func releaseSavepoint() throws(StoreError) {}

    public func rollbackToSavepoint() throws(StoreError) {
        writes.removeLast(writes.count - savedCount)
        // Rare enough to gather the overlay anew.
        overlay = MemoryOverlay()
        for write in writes { overlay.note(write) }
    }

    public func commit() throws(StoreError) {
        if isShared {
            guard shelf.apply(writes, ifStillAt: start) else {
                throw StoreError(.conflict, "another process has written meanwhile")
            }
        } else {
            shelf.apply(writes)
        }
        rollback()
    }

    public func rollback() {
        writes.removeAll(keepingCapacity: true)
        overlay = MemoryOverlay()
        savedCount = 0
    }
}

// MARK: Reading

extension MemoryStore {
    public func scopeState(_ scope: Name) throws(StoreError) -> ScopeState {
        if let own = overlay.scopeStates[scope] { return own }
        return shelf.scope(scope).state(orBefore: epoch)
    }

    public func epoch(at cursor: Int, in scope: Name) throws(StoreError) -> Name? {
        shelf.scope(scope)?.epoch(at: cursor)
    }

    public func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        shelf.scope(scope)?.visitLog(after: cursor, visit)
    }

    public func storedRecord(
        _ key: RecordKey, in scope: Name
    ) throws(StoreError) -> StoredRecord? {
        if let own = overlay.records[scope]?[key] { return own }
        return shelf.read { $0.scopes[scope]?.entities[key.entity]?[key.id] }
    }

    public func visitRecords(
        in scope: Name, after key: RecordKey?, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        current(scope).visitRecords(after: key, visit)
    }

    public func visitRecords(
        of entity: Name, in scope: Name, _ visit: (Name, ByteSlice) -> Visit
    ) throws(StoreError) {
        current(scope).visitRecords(of: entity, visit)
    }

    /// The scope with the transaction's own records.
    private func current(_ scope: Name) -> MemoryScope {
        var current = shelf.scope(scope) ?? MemoryScope()
        for (key, record) in overlay.records[scope] ?? [:] {
            current.entities[key.entity, default: MemoryEntity()].set(key.id, to: record)
        }
        return current
    }

    public func outcome(of mutation: Name, in scope: Name) throws(StoreError) -> StoredOutcome? {
        let key = NamePair(first: scope, second: mutation)
        if let own = overlay.outcomes[key] { return own }
        return shelf.read { $0.outcomes[key] }
    }

    public func client(_ client: Name, in scope: Name) throws(StoreError) -> ClientState? {
        scopes(of: client)[scope]
    }

    public func owner(of client: Name) throws(StoreError) -> Name?? {
        scopes(of: client).first.map { $0.value.user }
    }

    public func clientCount(of user: Name?, in scope: Name) throws(StoreError) -> Int {
        clients(of: user, in: scope).count
    }

    public func longestSilentClient(
        of user: Name?, in scope: Name
    ) throws(StoreError) -> (client: Name, state: ClientState)? {
        clients(of: user, in: scope)
            .min { $0.state.lastPushMilliseconds < $1.state.lastPushMilliseconds }
    }

    /// The client's states by scope.
    private func scopes(of client: Name) -> [Name: ClientState] {
        var states = shelf.read { $0.clients[client] ?? [:] }
        for (scope, state) in overlay.clients[client] ?? [:] { states[scope] = state }
        return states
    }

    private func clients(of user: Name?, in scope: Name) -> [(client: Name, state: ClientState)] {
        let group = ClientGroup(scope: scope, user: user)
        let committed = shelf.read { rows in
            (rows.groups[group] ?? []).compactMap { name in
                rows.clients[name]?[scope].map { (client: name, state: $0) }
            }
        }
        let own = overlay.clients.compactMap {
            name, states -> (client: Name, state: ClientState)? in
            guard case .some(.some(let state)) = states[scope], state.user == user else {
                return nil
            }
            return (name, state)
        }
        return committed.filter { overlay.clients[$0.client]?[scope] == nil } + own
    }
}

// MARK: Writing

extension MemoryStore {
    public func setScopeState(_ state: ScopeState, of scope: Name) throws(StoreError) {
        write(.scopeState(scope, state))
    }

    public func beginEpoch(_ epoch: Name, at first: Int, in scope: Name) throws(StoreError) {
        write(.epoch(scope, epoch, first: first))
    }

    public func append(_ entry: LogEntry, to scope: Name) throws(StoreError) {
        write(.entry(scope, entry))
    }

    public func setRecord(
        _ key: RecordKey, in scope: Name, to record: StoredRecord?
    ) throws(StoreError) {
        write(.record(scope, key, record))
    }

    public func totals() throws(StoreError) -> StoreTotals? {
        overlay.totals ?? shelf.read { $0.totals }
    }

    public func setTotals(_ totals: StoreTotals) throws(StoreError) { write(.totals(totals)) }

    public func accountState(_ account: Account) throws(StoreError) -> AccountState {
        overlay.accounts[account] ?? shelf.read { $0.accounts[account] } ?? .none
    }

    public func setAccountState(
        _ state: AccountState, of account: Account
    ) throws(StoreError) {
        write(.account(account, state))
    }

    public func setOutcome(
        _ outcome: StoredOutcome, of mutation: Name, in scope: Name
    ) throws(StoreError) {
        write(.outcome(NamePair(first: scope, second: mutation), outcome))
    }

    public func removeOutcome(of mutation: Name, in scope: Name) throws(StoreError) {
        write(.outcome(NamePair(first: scope, second: mutation), nil))
    }

    public func setClient(
        _ state: ClientState, of client: Name, in scope: Name
    ) throws(StoreError) {
        write(.client(client, scope: scope, state))
    }

    public func removeClient(_ client: Name, in scope: Name) throws(StoreError) {
        write(.client(client, scope: scope, nil))
    }

    public func claim(_ client: Name, for user: Name) throws(StoreError) {
        for (scope, var state) in scopes(of: client) {
            state.user = user
            write(.client(client, scope: scope, state))
        }
    }
}

// MARK: Trimming

extension MemoryStore {
    public func scopes(after scope: Name?, countMax: Int) throws(StoreError) -> [Name] {
        let names = shelf.read { Array($0.scopes.keys) }
        return Array(
            names.filter { name in scope.map { $0 < name } ?? true }.sorted()
                .prefix(countMax))
    }

    public func oldestEntries(
        of scope: Name, countMax: Int
    ) throws(StoreError) -> [OldEntry] {
        (shelf.scope(scope)?.log ?? []).prefix(countMax).map {
            OldEntry(
                last: $0.last, timeMilliseconds: $0.timeMilliseconds, byteCount: $0.bytes.count)
        }
    }

    public func trimLog(of scope: Name, through base: Int) throws(StoreError) {
        write(.trim(scope, base: base))
    }

    public func dueOutcomes(
        atMilliseconds now: Int64, countMax: Int
    ) throws(StoreError) -> [(scope: Name, mutation: Name, outcome: StoredOutcome)] {
        shelf.read { $0.dueOutcomes(at: now, countMax: countMax) }
            .map { ($0.key.first, $0.key.second, $0.outcome) }
    }
}
