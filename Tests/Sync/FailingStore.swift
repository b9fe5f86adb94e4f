// A store that fails when it is told to, around one that does not.

import MizuBytes
import MizuSync

/// What shall fail next. Shared with the test; confined to its thread.
final class Faults {
    enum Place: Sendable { case nowhere, begin, append, setOutcome, commit, read }
    var place = Place.nowhere
    var kind = StoreError.Kind.unavailable
    /// Called at each place, before it.
    var onPlace: (Place) -> Void = { _ in }

    func check(_ place: Place) throws(StoreError) {
        onPlace(place)
        guard place == self.place else { return }
        throw StoreError(kind, "a fault at \(place)")
    }
}

final class FailingStore: SyncStore {
    private let inner: any SyncStore
    private let faults: Faults
    var epoch: Name { inner.epoch }
    var salt: UInt64 { inner.salt }
    func diskSpace() -> DiskSpace? { inner.diskSpace() }
    func totals() throws(StoreError) -> StoreTotals? { try inner.totals() }
    func setTotals(_ totals: StoreTotals) throws(StoreError) { try inner.setTotals(totals) }

    init(_ inner: any SyncStore, _ faults: Faults) {
        self.inner = inner
        self.faults = faults
    }

    var foldNeed: FoldNeed { inner.foldNeed }
    func fold(_ extent: FoldExtent) throws(StoreError) -> FoldProgress { try inner.fold(extent) }
    func onFoldDemand(_ wake: @escaping @Sendable () -> Void) { inner.onFoldDemand(wake) }

    func makeReader() throws(StoreError) -> sending any SyncReader { try inner.makeReader() }

    var isShared: Bool { inner.isShared }
    func begin() throws(StoreError) {
        try faults.check(.begin)
        try inner.begin()
    }
    func begin(for pushes: [PushRequest]) throws(StoreError) {
        try faults.check(.begin)
        try inner.begin(for: pushes)
    }
    func beginTrimming() throws(StoreError) -> Bool {
        try faults.check(.begin)
        return try inner.beginTrimming()
    }
    func savepoint() throws(StoreError) { try inner.savepoint() }
    func releaseSavepoint() throws(StoreError) { try inner.releaseSavepoint() }
    func rollbackToSavepoint() throws(StoreError) { try inner.rollbackToSavepoint() }
    func commit() throws(StoreError) {
        try faults.check(.commit)
        try inner.commit()
    }
    func rollback() { inner.rollback() }

    func scopeState(_ scope: Name) throws(StoreError) -> ScopeState { try inner.scopeState(scope) }
    func epoch(at cursor: Int, in scope: Name) throws(StoreError) -> Name? {
        try inner.epoch(at: cursor, in: scope)
    }
    func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        try inner.visitLog(of: scope, after: cursor, visit)
    }
    func storedRecord(_ key: RecordKey, in scope: Name) throws(StoreError) -> StoredRecord? {
        try faults.check(.read)
        return try inner.storedRecord(key, in: scope)
    }
    func visitRecords(
        in scope: Name, after key: RecordKey?, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        try inner.visitRecords(in: scope, after: key, visit)
    }
    func visitRecords(
        of entity: Name, in scope: Name, _ visit: (Name, ByteSlice) -> Visit
    ) throws(StoreError) {
        try inner.visitRecords(of: entity, in: scope, visit)
    }

    func setScopeState(_ state: ScopeState, of scope: Name) throws(StoreError) {
        try inner.setScopeState(state, of: scope)
    }
    func beginEpoch(_ epoch: Name, at first: Int, in scope: Name) throws(StoreError) {
        try inner.beginEpoch(epoch, at: first, in: scope)
    }
    func append(_ entry: LogEntry, to scope: Name) throws(StoreError) {
        try faults.check(.append)
        try inner.append(entry, to: scope)
    }
    func setRecord(_ key: RecordKey, in scope: Name, to record: StoredRecord?) throws(StoreError) {
        try inner.setRecord(key, in: scope, to: record)
    }
    func accountState(_ account: Account) throws(StoreError) -> AccountState {
        try inner.accountState(account)
    }
    func setAccountState(
        _ state: AccountState, of account: Account
    ) throws(StoreError) {
        try inner.setAccountState(state, of: account)
    }

    func outcome(of mutation: Name, in scope: Name) throws(StoreError) -> StoredOutcome? {
        try inner.outcome(of: mutation, in: scope)
    }
    func setOutcome(_ outcome: StoredOutcome, of mutation: Name, in scope: Name) throws(StoreError)
    {
        try faults.check(.setOutcome)
        try inner.setOutcome(outcome, of: mutation, in: scope)
    }

    func client(_ client: Name, in scope: Name) throws(StoreError) -> ClientState? {
        try inner.client(client, in: scope)
    }
    func owner(of client: Name) throws(StoreError) -> Name?? { try inner.owner(of: client) }
    func setClient(_ state: ClientState, of client: Name, in scope: Name) throws(StoreError) {
        try inner.setClient(state, of: client, in: scope)
    }
    func claim(_ client: Name, for user: Name) throws(StoreError) {
        try inner.claim(client, for: user)
    }
    func clientCount(of user: Name?, in scope: Name) throws(StoreError) -> Int {
        try inner.clientCount(of: user, in: scope)
    }
    func longestSilentClient(
        of user: Name?, in scope: Name
    ) throws(StoreError) -> (client: Name, state: ClientState)? {
        try inner.longestSilentClient(of: user, in: scope)
    }
    func removeClient(_ client: Name, in scope: Name) throws(StoreError) {
        try inner.removeClient(client, in: scope)
    }

    func scopes(after scope: Name?, countMax: Int) throws(StoreError) -> [Name] {
        try inner.scopes(after: scope, countMax: countMax)
    }
    func oldestEntries(
        of scope: Name, countMax: Int
    ) throws(StoreError) -> [OldEntry] {
        try inner.oldestEntries(of: scope, countMax: countMax)
    }
    func trimLog(of scope: Name, through base: Int) throws(StoreError) {
        try inner.trimLog(of: scope, through: base)
    }
    func dueOutcomes(
        atMilliseconds now: Int64, countMax: Int
    ) throws(StoreError) -> [(scope: Name, mutation: Name, outcome: StoredOutcome)] {
        try inner.dueOutcomes(atMilliseconds: now, countMax: countMax)
    }
    func removeOutcome(of mutation: Name, in scope: Name) throws(StoreError) {
        try inner.removeOutcome(of: mutation, in: scope)
    }
}
