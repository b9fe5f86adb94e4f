// The two ends of a move (StoreMove.swift), as it sees them, whatever the stores are: every row
// that a store keeps, in the words of MizuSync. The source is read in views while its servers go on
// writing, until it is held; the target is written by the engine's own `SyncStore`, so what comes
// out of a move is what a server would have written.

import MizuBytes
import MizuSync

/// What the rows of a scope come to: where this is the same, nothing has changed but outcomes.
package struct ScopeSummary: Hashable, Sendable {
    /// Nil where nothing was ever changed in the scope.
    package var state: ScopeState?
    package var clientCount = 0
    /// Sums over its clients, which only a push changes.
    package var clientPushes: Int64 = 0
    package var clientOutcomes = 0

    package init(state: ScopeState?) { self.state = state }

    package mutating func add(_ client: ClientState) {
        clientCount += 1
        clientPushes &+= client.lastPushMilliseconds
        clientOutcomes &+= client.outcomeCount
    }
}

/// Where rows come from. Confined to one thread; every call may block.
package protocol MoveSource: AnyObject {
    /// For people, and for the mark in the target; without a password.
    var name: String { get }
    /// Who has moved it already, if that was done.
    func movedTo() throws(ToolFailure) -> String?
    /// What the hashes are salted with that the store keeps.
    func salt() throws(StoreError) -> UInt64
    /// The secret that its servers have made for themselves; nil where they have not.
    func secret() throws(ToolFailure) -> String?

    /// Calls `body` with one view of the store: all that is read in it is of one moment. Not
    /// nested.
    func view<R>(_ body: () throws(ToolFailure) -> R) throws(ToolFailure) -> R

    // In a view, or each call in one of its own.

    /// Visits, in order, every scope that has a state or clients, outside of views; with its
    /// summary where that was read along with the name.
    func visitScopes(
        _ visit: (Name, ScopeSummary?) throws(ToolFailure) -> Visit
    ) throws(ToolFailure)
    func summary(of scope: Name) throws(StoreError) -> ScopeSummary
    /// Ascending.
    func epochs(of scope: Name) throws(StoreError) -> [(first: Int, epoch: Name)]
    func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError)
    func storedRecord(_ key: RecordKey, in scope: Name) throws(StoreError) -> StoredRecord?
    func visitRecords(
        in scope: Name, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError)
    func visitClients(
        of scope: Name, _ visit: (Name, ClientState) -> Visit
    ) throws(StoreError)
    func visitAccounts(_ visit: (Account, AccountState) -> Visit) throws(StoreError)
    func totals() throws(StoreError) -> StoreTotals?

    // Outside of views.

    /// Visits every outcome that was written since the last call began, and perhaps others.
    func visitNewOutcomes(
        _ visit: (_ scope: Name, _ mutation: Name, StoredOutcome) throws(ToolFailure) -> Void
    ) throws(ToolFailure)

    // The end.

    /// Keeps everybody else from writing from now on, where that is possible: what was acknowledged
    /// before is seen by the views that follow.
    /// - Returns: who has to be stopped first; nil where it is held.
    func hold() throws(ToolFailure) -> MoveObstacle?
    /// Says, durably, that all of it is at `target` now. It must be held.
    func markMoved(to target: String) throws(ToolFailure)
}

/// Who writes to a source that is to be held.
package struct MoveObstacle: Hashable, Sendable {
    /// Of a process of this machine; nil where there is none, or it is not known.
    package let pid: Int32?
    /// What to do about it.
    package let advice: String

    package init(pid: Int32?, advice: String) {
        self.pid = pid
        self.advice = advice
    }
}

/// Where rows go to. Confined to one thread; every call may block.
package protocol MoveTarget: AnyObject {
    /// For people, and for the mark in the source; without a password.
    var name: String { get }
    /// Why nothing can be moved there; nil where it can. Changes nothing.
    func obstacle() throws(ToolFailure) -> String?
    /// Makes it empty and marks it as one that no server may open. What a move has left that did
    /// not end is taken away.
    func prepare(salt: UInt64, from source: String) throws(ToolFailure)
    /// Takes the secret that servers of the source had, once it is prepared.
    /// - Returns: false where another one is there, which stays.
    func keep(secret: String) throws(ToolFailure) -> Bool
    /// What rows are written by, once it is prepared.
    var store: any SyncStore { get throws(ToolFailure) }
    /// Outcomes that are there. Between transactions.
    func countOutcomes() throws(StoreError) -> Int
    /// Takes the mark away, durably, and lets go of it.
    func finish() throws(ToolFailure)
}

/// Writes rows to a target, some thousand or a megabyte in each transaction. What it has written is
/// half of something until a move has ended: the target's mark says so.
struct MoveWriter {
    private static let rowsMax = 4_000
    private static let bytesMax = 1 << 20

    private let store: any SyncStore
    private var isOpen = false
    private var (rows, bytes) = (0, 0)

    init(_ store: any SyncStore) { self.store = store }

    /// Lets `body` write a row of some `byteCount` bytes.
    mutating func write(
        _ byteCount: Int = 64, _ body: (any SyncStore) throws(StoreError) -> Void
    ) throws(StoreError) {
        if !isOpen { try store.begin() }
        isOpen = true
        do throws(StoreError) {
            try body(store)
        } catch {
            abandon()
            throw error
        }
        rows += 1
        bytes += byteCount
        if rows >= Self.rowsMax || bytes >= Self.bytesMax { try finish() }
    }

    /// Makes durable what was written.
    mutating func finish() throws(StoreError) {
        guard isOpen else { return }
        do throws(StoreError) {
            try store.commit()
        } catch {
            abandon()
            throw error
        }
        (isOpen, rows, bytes) = (false, 0, 0)
    }

    private mutating func abandon() {
        store.rollback()
        (isOpen, rows, bytes) = (false, 0, 0)
    }
}
