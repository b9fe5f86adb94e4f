// The two ends of a move over shelves in memory, so that moves are tested without a file: a source
// that others write to meanwhile, and a target that says how often it was opened.

import MizuBytes
import MizuSync
import MizuSyncSQLite

@testable import MizuSync
@testable import MizuSyncTools

/// A shelf that rows are moved from.
final class MemoryMoveSource: MoveSource {
    let name = "memory:source"
    let shelf: MemoryShelf
    private var seen: MemoryShelf?
    private(set) var isHeld = false
    private(set) var mark: String?
    /// Called before each attempt to hold it; false: somebody still writes.
    var beforeHold: () -> Bool = { true }

    init(_ shelf: MemoryShelf) { self.shelf = shelf }

    private var rows: MemoryShelf { seen ?? shelf }

    func movedTo() throws(ToolFailure) -> String? { mark }
    func salt() throws(StoreError) -> UInt64 { 7 }
    func secret() throws(ToolFailure) -> String? { nil }

    func view<R>(_ body: () throws(ToolFailure) -> R) throws(ToolFailure) -> R {
        seen = MemoryShelf(copying: shelf)
        defer { seen = nil }
        return try body()
    }

    func visitScopes(
        _ visit: (Name, ScopeSummary?) throws(ToolFailure) -> Visit
    ) throws(ToolFailure) {
        let names = rows.read { rows in
            Set(rows.scopes.filter { $0.value.state != nil }.keys)
                .union(rows.clients.values.flatMap { $0.keys })
        }
        for name in names.sorted() {
            guard case .next = try visit(name, nil) else { return }
        }
    }

    func summary(of scope: Name) throws(StoreError) -> ScopeSummary {
        var summary = ScopeSummary(state: rows.scope(scope)?.state)
        try visitClients(of: scope) { _, state in
            summary.add(state)
            return .next
        }
        return summary
    }

    func epochs(of scope: Name) throws(StoreError) -> [(first: Int, epoch: Name)] {
        rows.scope(scope)?.epochs ?? []
    }

    func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        rows.scope(scope)?.visitLog(after: cursor, visit)
    }

    func storedRecord(_ key: RecordKey, in scope: Name) throws(StoreError) -> StoredRecord? {
        rows.scope(scope)?.entities[key.entity]?[key.id]
    }

    func visitRecords(
        in scope: Name, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        rows.scope(scope)?.visitRecords(after: nil, visit)
    }

    func visitClients(of scope: Name, _ visit: (Name, ClientState) -> Visit) throws(StoreError) {
        let found = rows.read { rows in
            rows.clients.compactMap { name, states in states[scope].map { (name, $0) } }
        }
        for (name, state) in found {
            guard case .next = visit(name, state) else { return }
        }
    }

    func visitAccounts(_ visit: (Account, AccountState) -> Visit) throws(StoreError) {
        for (account, state) in rows.read({ $0.accounts }) {
            guard case .next = visit(account, state) else { return }
        }
    }

    func totals() throws(StoreError) -> StoreTotals? { rows.read { $0.totals } }

    func visitNewOutcomes(
        _ visit: (Name, Name, StoredOutcome) throws(ToolFailure) -> Void
    ) throws(ToolFailure) {
        for (key, outcome) in rows.read({ $0.outcomes }) {
            try visit(key.first, key.second, outcome)
        }
    }

    func hold() throws(ToolFailure) -> MoveObstacle? {
        guard !isHeld else { return nil }
        guard beforeHold() else { return MoveObstacle(pid: nil, advice: "stop the server") }
        isHeld = true
        return nil
    }

    func markMoved(to target: String) throws(ToolFailure) { mark = target }
}

/// A shelf that rows are moved to.
final class MemoryMoveTarget: MoveTarget {
    let name = "memory:target"
    private(set) var shelf = MemoryShelf()
    private(set) var isMarked = false
    private(set) var salt: UInt64?
    private var opened: MemoryStore?

    func obstacle() throws(ToolFailure) -> String? { nil }
    func keep(secret: String) throws(ToolFailure) -> Bool { true }

    func prepare(salt: UInt64, from source: String) throws(ToolFailure) {
        shelf = MemoryShelf()
        self.salt = salt
        isMarked = true
        opened = MemoryStore(on: shelf, epoch: "arriving")
    }

    var store: any SyncStore {
        get throws(ToolFailure) {
            guard let opened else { throw ToolFailure("it is not prepared") }
            return opened
        }
    }

    func countOutcomes() throws(StoreError) -> Int { shelf.read { $0.outcomes.count } }

    func finish() throws(ToolFailure) {
        opened = nil
        isMarked = false
    }
}
