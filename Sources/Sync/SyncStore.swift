// What a back end must do for Sync: keep rows in transactions, and read them. All meaning (order,
// idempotency, retention) is in `SyncEngine` and `SyncReader+Pull`, once for every back end.
// Shaped so that PostgreSQL fits: calls may block, state is read inside the transaction that
// changes it, and nothing assumes that this process is the only writer.

import MizuBytes

/// An accident of storage; never a peer's fault.
public struct StoreError: Error, Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// The whole transaction is lost: disk full, I/O error, locked. Later it may work.
        case unavailable
        /// This one statement failed for what was in it, and would again; the transaction lives,
        /// and rolling back to the savepoint undoes the mutation.
        case statement
        /// Nothing of the transaction is durable, for reasons of the moment: a deadlock, or a
        /// connection that broke before the commit was sent. Begun anew, it may well work.
        case conflict
    }
    /// What an operator would look at first.
    public enum Cause: Hashable, Sendable {
        /// The disk has no room.
        case noSpace
        /// Commits wait for the database, and no more of them can wait.
        case foldsLag
        /// The rows are of a version that this one may not go on with.
        case newerSchema
        /// Somebody holds a lock for longer than it is waited for.
        case locked
        case other
    }
    public let kind: Kind
    public let cause: Cause
    /// For the log, with the store's own words.
    public let message: String

    public init(_ kind: Kind, _ message: String, cause: Cause = .other) {
        self.kind = kind
        self.cause = cause
        self.message = message
    }
}

/// Whether a visitor wants the next row.
public enum Visit: Sendable { case next, stop }

/// Where records are read from: a store, a reader, or a client's local state under a replay.
public protocol RecordSource: AnyObject {
    /// The record with its version, nil if there is none.
    func storedRecord(_ key: RecordKey, in scope: Name) throws(StoreError) -> StoredRecord?

    /// Visits the records behind `key` (all, if nil) in the order of keys, without a limit.
    func visitRecords(
        in scope: Name, after key: RecordKey?, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError)

    /// Visits an entity's records in the order of ids.
    func visitRecords(
        of entity: Name, in scope: Name, _ visit: (Name, ByteSlice) -> Visit
    ) throws(StoreError)
}

extension RecordSource {
    /// The record's JSON, nil if there is none.
    public func record(_ key: RecordKey, in scope: Name) throws(StoreError) -> ByteSlice? {
        try storedRecord(key, in: scope)?.json
    }
}

/// A record where it lies in the store. The pointers are good for the length of a visit.
public struct RecordBytes {
    public let entity: UnsafeRawBufferPointer
    public let id: UnsafeRawBufferPointer
    public let json: UnsafeRawBufferPointer
    public let version: Int

    public init(
        entity: UnsafeRawBufferPointer, id: UnsafeRawBufferPointer,
        json: UnsafeRawBufferPointer, version: Int
    ) {
        self.entity = entity
        self.id = id
        self.json = json
        self.version = version
    }
}

/// Changes of neighbouring mutations where they lie in the store. The pointer is good for the
/// length of a visit, and `entry` is called in it or not at all.
public struct LogRow: ~Copyable {
    public let first: Int
    public let last: Int
    public let bytes: UnsafeRawBufferPointer
    /// The same with its ends and borders.
    public let entry: () throws(StoreError) -> LogEntry

    public init(
        first: Int, last: Int, bytes: UnsafeRawBufferPointer,
        entry: @escaping () throws(StoreError) -> LogEntry
    ) {
        self.first = first
        self.last = last
        self.bytes = bytes
        self.entry = entry
    }
}

/// Where logs are read from.
public protocol LogSource: RecordSource {
    /// The log's state; a scope that was never written to has the store's epoch and cursor 0.
    func scopeState(_ scope: Name) throws(StoreError) -> ScopeState

    /// The epoch in which the change at `cursor` was written, nil if that is not known: `cursor`
    /// is 0, below the base or above the head.
    func epoch(at cursor: Int, in scope: Name) throws(StoreError) -> Name?

    /// Visits, in order, the entries that have a change above `cursor`.
    func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError)
}

/// The writer's side. Confined to the committer's thread; every call may block.
///
/// `begin`, then any number of reads, writes and savepoints, then `commit` or `rollback`. Reads see
/// the transaction's own writes; readers see none before `commit` has returned.
public protocol SyncStore: LogSource {
    /// The epoch that changes are written in; durable before the first of them. New with each
    /// opening of a store that is not shared, and after a `begin` that found an older state put
    /// back: then nothing that was read before holds any more.
    var epoch: Name { get }
    /// Whether other processes write to it, too: then what this one remembers of a scope may be
    /// behind, and sums over all scopes are others' as well.
    var isShared: Bool { get }
    /// Random, and the same for as long as the store lives: for hashes that it keeps.
    var salt: UInt64 { get }
    /// Bytes left for it; nil where that is not known or means nothing.
    func diskSpace() -> DiskSpace?

    /// Writes something in a transaction of its own, to see whether that works.
    func proveWritable() throws(StoreError)

    /// A reader for another thread, with its own view of what is committed. Call it before the
    /// store moves to its thread, or on that thread.
    func makeReader() throws(StoreError) -> sending any SyncReader

    // Folding: what is durable and not yet where readers look.

    /// Whether anything waits to be folded, and how urgently.
    var foldNeed: FoldNeed { get }
    /// Brings what is durable to where readers look, as far as `extent` says. Outside of
    /// transactions. Nothing is lost where it throws: it is to be tried again.
    @discardableResult
    func fold(_ extent: FoldExtent) throws(StoreError) -> FoldProgress
    /// Says whom to call when a reader waits for `fold(.whole)`: any thread, and it must not wait.
    func onFoldDemand(_ wake: @escaping @Sendable () -> Void)

    func begin() throws(StoreError)
    /// Begins the transaction of a batch. The pushes are a hint: what they will ask for may be
    /// looked up, and locked, at once.
    /// - Throws: `.conflict` where it is to be begun again.
    func begin(for pushes: [PushRequest]) throws(StoreError)
    /// Begins a transaction that trims, if it is this process's turn.
    /// - Returns: false where another process trims now; then nothing has begun.
    func beginTrimming() throws(StoreError) -> Bool
    /// Marks the place that `rollbackToSavepoint` returns to; they are not nested.
    func savepoint() throws(StoreError)
    func releaseSavepoint() throws(StoreError)
    func rollbackToSavepoint() throws(StoreError)
    /// Returns once everything is durable. After an error call `rollback`: then nothing is, or, of
    /// a store behind a network that answered `.unavailable`, nobody knows whether all is.
    func commit() throws(StoreError)
    /// How long the disk took to make the last commit durable; 0 where no disk of ours did.
    var lastSyncNanoseconds: UInt64 { get }
    /// Leaves the transaction, whatever state it is in.
    func rollback()

    func setScopeState(_ state: ScopeState, of scope: Name) throws(StoreError)
    /// Says that changes from cursor `first` on are of `epoch`.
    func beginEpoch(_ epoch: Name, at first: Int, in scope: Name) throws(StoreError)
    func append(_ entry: LogEntry, to scope: Name) throws(StoreError)
    /// Stores a record, or removes it where `record` is nil.
    func setRecord(_ key: RecordKey, in scope: Name, to record: StoredRecord?) throws(StoreError)

    /// What the account's scopes come to; `.none` where it has made none.
    /// Nil in a store that was never written to.
    func totals() throws(StoreError) -> StoreTotals?
    func setTotals(_ totals: StoreTotals) throws(StoreError)

    func accountState(_ account: Account) throws(StoreError) -> AccountState
    func setAccountState(_ state: AccountState, of account: Account) throws(StoreError)

    func outcome(of mutation: Name, in scope: Name) throws(StoreError) -> StoredOutcome?
    func setOutcome(_ outcome: StoredOutcome, of mutation: Name, in scope: Name) throws(StoreError)

    func client(_ client: Name, in scope: Name) throws(StoreError) -> ClientState?
    /// The owner of a client that has pushed to any scope: `.some(nil)` if it is anonymous.
    func owner(of client: Name) throws(StoreError) -> Name??
    func setClient(
        _ state: ClientState, of client: Name, in scope: Name) throws(StoreError)
    /// Makes `user` the owner of the client in every scope.
    func claim(_ client: Name, for user: Name) throws(StoreError)
    /// How many clients of `user` (nil: of nobody) have pushed to the scope.
    func clientCount(of user: Name?, in scope: Name) throws(StoreError) -> Int
    /// The one of them that has been silent for longest.
    func longestSilentClient(
        of user: Name?, in scope: Name
    ) throws(StoreError) -> (client: Name, state: ClientState)?
    func removeClient(_ client: Name, in scope: Name) throws(StoreError)

    // Trimming.

    /// Scopes behind `scope` (from the first, if nil), in order.
    func scopes(after scope: Name?, countMax: Int) throws(StoreError) -> [Name]
    /// The oldest entries of the log, without their bytes. Entries of an open transaction may or
    /// may not be among them.
    func oldestEntries(of scope: Name, countMax: Int) throws(StoreError) -> [OldEntry]
    /// Removes the entries up to cursor `base`, and the epochs of none but these.
    func trimLog(of scope: Name, through base: Int) throws(StoreError)
    /// Outcomes whose review is due, the earliest first.
    func dueOutcomes(
        atMilliseconds now: Int64, countMax: Int
    ) throws(StoreError) -> [(scope: Name, mutation: Name, outcome: StoredOutcome)]
    func removeOutcome(of mutation: Name, in scope: Name) throws(StoreError)
}

extension SyncStore {
    // A store that is this process's alone, and where a look-up costs nothing.

    public var isShared: Bool { false }
    public func begin(for pushes: [PushRequest]) throws(StoreError) { try begin() }
    public func beginTrimming() throws(StoreError) -> Bool {
        try begin()
        return true
    }

    public func proveWritable() throws(StoreError) {
        try begin()
        try commit()
    }

    public var lastSyncNanoseconds: UInt64 { 0 }

    // A store whose readers see each commit at once.

    public var foldNeed: FoldNeed { .nothing }
    public func fold(_ extent: FoldExtent) throws(StoreError) -> FoldProgress { .made }
    public func onFoldDemand(_ wake: @escaping @Sendable () -> Void) {}
}

/// What a store has to fold.
public enum FoldNeed: Sendable {
    /// Readers see everything.
    case nothing
    /// Something waits, and may wait until nobody pushes.
    case whenIdle
    /// A fold is under way, or so much waits that one is due: a slice after each transaction.
    case now
}

/// How much of a fold to do.
public enum FoldExtent: Sendable {
    /// What takes some 2 ms.
    case slice
    /// All that is committed.
    case whole
}

/// What came of a fold.
public enum FoldProgress: Sendable {
    case made
    /// Another program has the files for a moment: to be tried again in a while.
    case postponed
}

/// A reader's side. Confined to one thread; every call may block.
public protocol SyncReader: LogSource {
    /// Begins a view in which everything is that was committed to `scope` before the call, and
    /// nothing later until `endReading`. May wait for a fold, for a bounded time.
    /// - Throws: `.unavailable` where the fold does not come.
    func beginReading(of scope: Name) throws(StoreError)
    /// Begins a view of what is folded: of a scope it may be a little old, never torn. Waits for
    /// nobody. For who can tell that the view has all that is asked for.
    func beginReading() throws(StoreError)
    func endReading()

    /// Begins a view of a copy of the store that may be behind, if there is one that has all of
    /// `scope` up to `position` and shows nothing that the store does not show. Outside of a view.
    /// - Returns: whether it has begun; otherwise read from the store.
    func beginReadingCopy(of scope: Name, reaching position: Position) -> Bool
    /// Ends a view of a copy.
    /// - Returns: whether all that was asked for was answered; otherwise what was made of it is
    ///   nothing, and is to be read from the store.
    func endReadingCopy() -> Bool

    /// The states of logs as they are committed, at the call or later, in the order of `scopes`.
    /// Outside of a view. A shared store answers all of them by one question: what a process shows
    /// from its memory, it asks this way first whether that is the newest.
    func scopeStates(of scopes: [Name]) throws(StoreError) -> [ScopeState]

    /// Visits, in order, the entries that have a change above `cursor`, without a copy of them.
    func visitLogRows(
        of scope: Name, after cursor: Int,
        _ visit: (borrowing LogRow) throws(StoreError) -> Visit
    ) throws(StoreError)
    /// Visits the records behind `key` (all, if nil) in the order of keys, without a limit and
    /// without a copy of them. The names are as they are stored, and not checked.
    func visitRecordBytes(
        in scope: Name, after key: RecordKey?, _ visit: (RecordBytes) -> Visit
    ) throws(StoreError)
}

extension SyncReader {
    // A store without copies.
    public func beginReadingCopy(of scope: Name, reaching position: Position) -> Bool { false }
    public func endReadingCopy() -> Bool { true }

    public func scopeStates(of scopes: [Name]) throws(StoreError) -> [ScopeState] {
        var states: [ScopeState] = []
        for scope in scopes {
            try beginReading(of: scope)
            defer { endReading() }
            states.append(try scopeState(scope))
        }
        return states
    }

    public func visitLogRows(
        of scope: Name, after cursor: Int,
        _ visit: (borrowing LogRow) throws(StoreError) -> Visit
    ) throws(StoreError) {
        var failure: StoreError?
        try visitLog(of: scope, after: cursor) { entry in
            do throws(StoreError) {
                return try entry.bytes.withUnsafeBytes { (bytes) throws(StoreError) in
                    try visit(
                        LogRow(first: entry.first, last: entry.last, bytes: bytes) { entry })
                }
            } catch {
                failure = error
                return .stop
            }
        }
        if let failure { throw failure }
    }

    public func visitRecordBytes(
        in scope: Name, after key: RecordKey?, _ visit: (RecordBytes) -> Visit
    ) throws(StoreError) {
        try visitRecords(in: scope, after: key) { key, record in
            key.entity.withUnsafeBytes { entity in
                key.id.withUnsafeBytes { id in
                    record.json.withUnsafeBytes { json in
                        visit(
                            RecordBytes(
                                entity: entity, id: id, json: json, version: record.version))
                    }
                }
            }
        }
    }
}
