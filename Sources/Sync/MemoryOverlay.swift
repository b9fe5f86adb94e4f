// What a memory store's open transaction has written, arranged for its own reads; and the reader
// that other threads use, which sees none of it.

import MizuBytes

/// The transaction's own rows, laid over the committed ones. An inner nil is a removed row.
struct MemoryOverlay {
    private(set) var scopeStates: [Name: ScopeState] = [:]
    private(set) var records: [Name: [RecordKey: StoredRecord?]] = [:]
    private(set) var outcomes: [NamePair: StoredOutcome?] = [:]
    /// By client, then by scope.
    private(set) var clients: [Name: [Name: ClientState?]] = [:]
    private(set) var totals: StoreTotals?
    private(set) var accounts: [Account: AccountState] = [:]

    mutating func note(_ write: MemoryRows.Write) {
        switch write {
        case .scopeState(let scope, let state):
            scopeStates[scope] = state
        case .record(let scope, let key, let record):
            records[scope, default: [:]][key] = .some(record)
        case .account(let account, let state):
            accounts[account] = state
        case .totals(let totals):
            self.totals = totals
        case .outcome(let key, let outcome):
            outcomes[key] = .some(outcome)
        case .client(let client, let scope, let state):
            clients[client, default: [:]][scope] = .some(state)
        case .epoch, .entry, .trim:
            // Nothing that the engine does reads its own log before the commit.
            break
        }
    }
}

/// Reads a shelf from another thread.
final class MemoryReader: SyncReader {
    private let shelf: MemoryShelf
    private let epoch: Name
    /// The scopes that this reading has looked at, as they were when it first did. A reading asks
    /// for one scope, so one view per scope is one view.
    private var seen: [Name: MemoryScope] = [:]
    private var isReading = false

    init(shelf: MemoryShelf, epoch: Name) {
        self.shelf = shelf
        self.epoch = epoch
    }

    func beginReading(of scope: Name) throws(StoreError) { try beginReading() }

    func beginReading() throws(StoreError) {
        // As a database has it, so that what is tested here holds there.
        guard !isReading else { throw StoreError(.unavailable, "there is a view already") }
        isReading = true
        seen = [:]
    }

    func endReading() {
        isReading = false
        seen = [:]
    }

    private func scope(_ name: Name) -> MemoryScope? {
        if let known = seen[name] { return known }
        let scope = shelf.scope(name)
        seen[name] = scope ?? MemoryScope()
        return scope
    }

    func scopeState(_ scope: Name) throws(StoreError) -> ScopeState {
        self.scope(scope).state(orBefore: epoch)
    }

    func epoch(at cursor: Int, in scope: Name) throws(StoreError) -> Name? {
        self.scope(scope)?.epoch(at: cursor)
    }

    func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        self.scope(scope)?.visitLog(after: cursor, visit)
    }

    func storedRecord(_ key: RecordKey, in scope: Name) throws(StoreError) -> StoredRecord? {
        self.scope(scope)?.entities[key.entity]?[key.id]
    }

    func visitRecords(
        in scope: Name, after key: RecordKey?, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        self.scope(scope)?.visitRecords(after: key, visit)
    }

    func visitRecords(
        of entity: Name, in scope: Name, _ visit: (Name, ByteSlice) -> Visit
    ) throws(StoreError) {
        self.scope(scope)?.visitRecords(of: entity, visit)
    }
}

extension MemoryScope {
    func visitLog(after cursor: Int, _ visit: (LogEntry) -> Visit) {
        for entry in log[logIndex(after: cursor)...] {
            guard case .next = visit(entry) else { return }
        }
    }

    func visitRecords(after key: RecordKey?, _ visit: (RecordKey, StoredRecord) -> Visit) {
        for name in entities.keys.sorted() {
            guard let entity = entities[name] else { continue }
            if let key, name < key.entity { continue }
            let start = key.flatMap { key in
                key.entity == name ? entity.ids.partitioningIndex { $0 > key.id } : nil
            }
            for id in entity.ids[(start ?? 0)...] {
                guard let record = entity[id] else { continue }
                let key = RecordKey(entity: name, id: id)
                guard case .next = visit(key, record) else { return }
            }
        }
    }

    func visitRecords(of entity: Name, _ visit: (Name, ByteSlice) -> Visit) {
        guard let entity = entities[entity] else { return }
        for id in entity.ids {
            guard let record = entity[id] else { continue }
            guard case .next = visit(id, record.json) else { return }
        }
    }
}

extension MemoryScope? {
    /// The log's state; before the first change the store's own epoch stands at cursor 0.
    func state(orBefore epoch: Name) -> ScopeState {
        self?.state ?? ScopeState(unwrittenIn: epoch)
    }
}
