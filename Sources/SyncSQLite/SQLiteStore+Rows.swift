// The store's rows: each call goes to `SQLiteRows`, in the transaction that the store has begun.

import MizuBytes
import MizuSync

extension SQLiteStore {
    public func setScopeState(_ state: ScopeState, of scope: Name) throws(StoreError) {
        try rows.setScopeState(state, of: scope)
        outsiders.wrote(state.head, of: scope)
    }

    public func beginEpoch(_ epoch: Name, at first: Int, in scope: Name) throws(StoreError) {
        try rows.beginEpoch(epoch, at: first, in: scope)
    }

    public func append(_ entry: LogEntry, to scope: Name) throws(StoreError) {
        try rows.append([entry], to: scope)
    }

    public func setRecord(
        _ key: RecordKey, in scope: Name, to record: StoredRecord?
    ) throws(StoreError) {
        try rows.setRecord(key, in: scope, to: record)
    }

    public func totals() throws(StoreError) -> StoreTotals? { try rows.totals() }

    public func setTotals(_ totals: StoreTotals) throws(StoreError) { try rows.setTotals(totals) }

    public func accountState(_ account: Account) throws(StoreError) -> AccountState {
        try rows.accountState(account)
    }

    public func setAccountState(
        _ state: AccountState, of account: Account
    ) throws(StoreError) {
        try rows.setAccountState(state, of: account)
    }
}

// MARK: Outcomes

extension SQLiteStore {
    public func outcome(of mutation: Name, in scope: Name) throws(StoreError) -> StoredOutcome? {
        try rows.outcome(of: mutation, in: scope)
    }

    public func setOutcome(
        _ outcome: StoredOutcome, of mutation: Name, in scope: Name
    ) throws(StoreError) {
        try rows.setOutcome(outcome, of: mutation, in: scope)
    }

    public func removeOutcome(of mutation: Name, in scope: Name) throws(StoreError) {
        try rows.removeOutcome(of: mutation, in: scope)
    }

    public func dueOutcomes(
        atMilliseconds now: Int64, countMax: Int
    ) throws(StoreError) -> [(scope: Name, mutation: Name, outcome: StoredOutcome)] {
        try rows.dueOutcomes(atMilliseconds: now, countMax: countMax)
    }
}

// MARK: Clients

extension SQLiteStore {
    public func client(_ client: Name, in scope: Name) throws(StoreError) -> ClientState? {
        try rows.client(client, in: scope)
    }

    public func owner(of client: Name) throws(StoreError) -> Name?? { try rows.owner(of: client) }

    public func setClient(
        _ state: ClientState, of client: Name, in scope: Name
    ) throws(StoreError) {
        try rows.setClient(state, of: client, in: scope)
    }

    public func claim(_ client: Name, for user: Name) throws(StoreError) {
        try rows.claim(client, for: user)
    }

    public func clientCount(of user: Name?, in scope: Name) throws(StoreError) -> Int {
        try rows.clientCount(of: user, in: scope)
    }

    public func longestSilentClient(
        of user: Name?, in scope: Name
    ) throws(StoreError) -> (client: Name, state: ClientState)? {
        try rows.longestSilentClient(of: user, in: scope)
    }

    public func removeClient(_ client: Name, in scope: Name) throws(StoreError) {
        try rows.removeClient(client, in: scope)
    }
}

// MARK: Trimming

extension SQLiteStore {
    public func scopes(after scope: Name?, countMax: Int) throws(StoreError) -> [Name] {
        try rows.scopes(after: scope, countMax: countMax)
    }

    public func oldestEntries(
        of scope: Name, countMax: Int
    ) throws(StoreError) -> [OldEntry] {
        try rows.oldestEntries(of: scope, countMax: countMax)
    }

    public func trimLog(of scope: Name, through base: Int) throws(StoreError) {
        try rows.trimLog(of: scope, through: base)
    }
}
