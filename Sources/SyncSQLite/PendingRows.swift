// The rows that are committed, or about to be, and not yet in SQLite. Two generations: a fold takes
// the frozen one to SQLite while commits go on into the fresh one. Whoever reads looks in fresh, in
// frozen, then in SQLite; values are absolute, so that is right at any moment of a fold.
//
//   apply ──► fresh ──freeze──► frozen ──(a fold commits)──► thaw: gone, SQLite has it
//               ▲ rollBack(to:): what was there before, from the list of the transaction's writes
//
// A transaction writes into the fresh generation at once and notes what it replaces; to commit is
// to forget the notes. Confined to the committer's thread.

import MizuBytes
import MizuSync

/// One scope's rows of a generation. Like all classes of this room that each mutation goes through,
/// it has no run-time checks of exclusive access: they would cost a fiftieth of a push. One thread
/// owns it, and nothing that changes a part of it calls back.
final class PendingScope {
    let name: Name
    @exclusivity(unchecked) fileprivate(set) var state: ScopeState?
    /// The log begins behind it.
    @exclusivity(unchecked) fileprivate(set) var base: Int?
    @exclusivity(unchecked) fileprivate(set) var epochs: [(first: Int, epoch: Name)] = []
    @exclusivity(unchecked) fileprivate(set) var entries: [LogEntry] = []
    @exclusivity(unchecked) fileprivate(set) var records = PendingTable<RecordKey, StoredRecord>()
    @exclusivity(unchecked) fileprivate(set) var outcomes = PendingTable<Name, StoredOutcome>()
    @exclusivity(unchecked) fileprivate(set) var clients = PendingTable<Name, ClientState>()
    /// Whether something of it is committed.
    fileprivate var isCommitted = false

    init(_ name: Name) { self.name = name }
}

/// What was committed between two folds. Confined to the committer's thread.
final class PendingGeneration {
    /// From 1.
    let number: UInt64
    @exclusivity(unchecked) fileprivate(set) var scopes: [Name: PendingScope] = [:]
    /// The scopes that have rows of a client here.
    @exclusivity(unchecked) fileprivate var scopesOfClient: [Name: Set<Name>] = [:]
    fileprivate(set) var accounts: [Account: AccountState] = [:]
    fileprivate(set) var totals: StoreTotals?
    /// No outcome here is looked at before.
    @exclusivity(unchecked) fileprivate(set) var reviewMin = Int64.max
    /// Bytes of the redo records.
    @exclusivity(unchecked) fileprivate(set) var byteCount = 0
    /// Rows of outcomes, clients and records.
    @exclusivity(unchecked) fileprivate(set) var rowCount = 0
    /// The newest commit in here, 0 where none is.
    fileprivate(set) var lastSequence: UInt64 = 0

    init(number: UInt64) { self.number = number }

    var isEmpty: Bool { lastSequence == 0 }
}

struct PendingRows: ~Copyable {
    private(set) var fresh = PendingGeneration(number: 1)
    private(set) var frozen: PendingGeneration?
    /// What the transaction has replaced, in order.
    private var undo: [Undo] = []
    /// Scopes that the transaction has written to, some of them twice.
    private var touched: [PendingScope] = []
    /// What was asked for last: a push is all of one scope.
    private var layers = Layers()

    /// What there is of a scope, the newest first.
    private struct Layers {
        /// Nil where nothing was asked for yet.
        var name: Name?
        var fresh: PendingScope?
        var frozen: PendingScope?
    }

    private enum Undo {
        case state(PendingScope, ScopeState?)
        case base(PendingScope, Int?)
        case epoch(PendingScope)
        case entry(PendingScope)
        case record(PendingScope, PendingTable<RecordKey, StoredRecord>.Step)
        case outcome(PendingScope, PendingTable<Name, StoredOutcome>.Step)
        case client(PendingScope, Name, PendingTable<Name, ClientState>.Step)
        case account(Account, AccountState?)
        case totals(StoreTotals?)
    }

    var isEmpty: Bool { frozen == nil && fresh.isEmpty }
    var byteCount: Int { fresh.byteCount + (frozen?.byteCount ?? 0) }
    var rowCount: Int { fresh.rowCount + (frozen?.rowCount ?? 0) }
    /// Whether the transaction has written anything.
    var isTouched: Bool { !undo.isEmpty }

    // MARK: Writing

    /// Writes a row; `rollBack(to:)` can take it back until `commit`.
    mutating func apply(_ change: RowChange) {
        switch change {
        case .scopeState(let state, let name):
            let scope = touch(name)
            undo.append(.state(scope, scope.state))
            scope.state = state
        case .epoch(let epoch, let first, let name):
            let scope = touch(name)
            undo.append(.epoch(scope))
            scope.epochs.append((first, epoch))
        case .entry(let entry, let name):
            let scope = touch(name)
            undo.append(.entry(scope))
            scope.entries.append(entry)
        case .trim(let base, let name):
            let scope = touch(name)
            undo.append(.base(scope, scope.base))
            scope.base = max(scope.base ?? 0, base)
        case .record(let record, let key, let name):
            let scope = touch(name)
            let step = scope.records.set(record, for: key, hash: key.hashValue)
            undo.append(.record(scope, step))
            fresh.rowCount += 1
        case .outcome(let outcome, let mutation, let name):
            let scope = touch(name)
            let step = scope.outcomes.set(outcome, for: mutation, hash: mutation.hashValue)
            undo.append(.outcome(scope, step))
            fresh.rowCount += 1
            if let outcome { fresh.reviewMin = min(fresh.reviewMin, outcome.reviewMilliseconds) }
        case .client(let state, let client, let name):
            let scope = touch(name)
            let step = scope.clients.set(state, for: client, hash: client.hashValue)
            undo.append(.client(scope, client, step))
            if step.isNew {
                fresh.rowCount += 1
                fresh.scopesOfClient[client, default: []].insert(name)
            }
        case .account(let state, let account):
            undo.append(.account(account, fresh.accounts.updateValue(state, forKey: account)))
        case .totals(let totals):
            undo.append(.totals(fresh.totals))
            fresh.totals = totals
        }
    }

    private mutating func touch(_ name: Name) -> PendingScope {
        let scope = madeScope(name)
        if touched.last !== scope { touched.append(scope) }
        return scope
    }

    private mutating func madeScope(_ name: Name) -> PendingScope {
        look(for: name)
        if let known = layers.fresh { return known }
        let made = PendingScope(name)
        fresh.scopes[name] = made
        layers.fresh = made
        return made
    }

    /// A place that `rollBack(to:)` takes.
    var mark: Int { undo.count }

    /// Takes back what was written behind the mark; 0: the whole transaction.
    mutating func rollBack(to mark: Int) {
        while undo.count > mark, let step = undo.popLast() { takeBack(step) }
        if mark == 0 { touched.removeAll(keepingCapacity: true) }
    }

    private func takeBack(_ step: Undo) {
        switch step {
        case .state(let scope, let state): scope.state = state
        case .base(let scope, let base): scope.base = base
        case .epoch(let scope): scope.epochs.removeLast()
        case .entry(let scope): scope.entries.removeLast()
        case .record(let scope, let step): scope.records.takeBack(step)
        case .outcome(let scope, let step): scope.outcomes.takeBack(step)
        case .client(let scope, let client, let step):
            scope.clients.takeBack(step)
            guard step.isNew else { return }
            fresh.scopesOfClient[client]?.remove(scope.name)
            if fresh.scopesOfClient[client]?.isEmpty == true {
                fresh.scopesOfClient[client] = nil
            }
        case .account(let account, let state): fresh.accounts[account] = state
        case .totals(let totals): fresh.totals = totals
        }
    }

    /// Keeps what the transaction has written.
    /// - Parameters:
    ///   - sequence: the commit's number in the journal.
    ///   - byteCount: of its redo record.
    /// - Returns: the scopes of which nothing was committed to the fresh generation before.
    mutating func commit(as sequence: UInt64, byteCount: Int) -> [Name] {
        fresh.lastSequence = sequence
        fresh.byteCount += byteCount
        undo.removeAll(keepingCapacity: undo.capacity <= 4_096)
        var scopes: [Name] = []
        for scope in touched where !scope.isCommitted {
            scope.isCommitted = true
            scopes.append(scope.name)
        }
        touched.removeAll(keepingCapacity: touched.capacity <= 4_096)
        return scopes
    }

    // MARK: Generations

    /// Gives what is committed to a fold. Between two transactions, where nothing is frozen.
    mutating func freeze() {
        assert(frozen == nil && undo.isEmpty, "one fold at a time, between transactions")
        frozen = fresh
        fresh = PendingGeneration(number: fresh.number + 1)
        layers = Layers()
    }

    /// The frozen generation is in SQLite.
    mutating func thaw() {
        frozen = nil
        layers = Layers()
    }

    /// Forgets everything: another state of the database has taken its place.
    mutating func removeAll() {
        undo = []
        touched = []
        layers = Layers()
        frozen = nil
        fresh = PendingGeneration(number: fresh.number + 1)
    }
}

// MARK: Reading

/// For each row: nil where SQLite is to be asked, an inner nil where the row is removed.
extension PendingRows {
    /// Puts into `layers` what there is of the scope. They are not handed out, because each copy
    /// would count its references, several times for each mutation.
    private mutating func look(for scope: Name) {
        guard layers.name != scope else { return }
        layers = Layers(name: scope, fresh: fresh.scopes[scope], frozen: frozen?.scopes[scope])
    }

    mutating func state(of scope: Name) -> ScopeState? {
        look(for: scope)
        return layers.fresh?.state ?? layers.frozen?.state
    }

    mutating func record(_ key: RecordKey, in scope: Name) -> StoredRecord?? {
        look(for: scope)
        guard layers.fresh != nil || layers.frozen != nil else { return nil }
        let hash = key.hashValue
        if let known = layers.fresh?.records.value(of: key, hash: hash) { return known }
        if let known = layers.frozen?.records.value(of: key, hash: hash) { return known }
        return nil
    }

    mutating func outcome(of mutation: Name, in scope: Name) -> StoredOutcome?? {
        look(for: scope)
        guard layers.fresh != nil || layers.frozen != nil else { return nil }
        let hash = mutation.hashValue
        if let known = layers.fresh?.outcomes.value(of: mutation, hash: hash) { return known }
        if let known = layers.frozen?.outcomes.value(of: mutation, hash: hash) { return known }
        return nil
    }

    mutating func client(_ client: Name, in scope: Name) -> ClientState?? {
        look(for: scope)
        guard layers.fresh != nil || layers.frozen != nil else { return nil }
        let hash = client.hashValue
        if let known = layers.fresh?.clients.value(of: client, hash: hash) { return known }
        if let known = layers.frozen?.clients.value(of: client, hash: hash) { return known }
        return nil
    }

    /// Scopes in which there is a row of the client.
    func scopes(of client: Name) -> Set<Name> {
        let new = fresh.scopesOfClient[client] ?? []
        guard let old = frozen?.scopesOfClient[client] else { return new }
        return new.union(old)
    }

    func account(_ account: Account) -> AccountState? {
        fresh.accounts[account] ?? frozen?.accounts[account]
    }

    var totals: StoreTotals? { fresh.totals ?? frozen?.totals }

    /// No pending outcome is looked at before.
    var reviewMin: Int64 { min(fresh.reviewMin, frozen?.reviewMin ?? .max) }

    /// The log's newest entry that the fresh generation has.
    mutating func latestEntry(of scope: Name) -> LogEntry? {
        look(for: scope)
        return layers.fresh?.entries.last
    }

    /// Records of a scope as they are now, nil for removed ones, in no order.
    mutating func records(of scope: Name) -> [PendingTable<RecordKey, StoredRecord>.Row] {
        look(for: scope)
        return Self.union(layers.fresh?.records, over: layers.frozen?.records)
    }

    /// Clients of a scope as they are now, nil for removed ones.
    mutating func clients(of scope: Name) -> [PendingTable<Name, ClientState>.Row] {
        look(for: scope)
        return Self.union(layers.fresh?.clients, over: layers.frozen?.clients)
    }

    private static func union<Key, Value>(
        _ new: PendingTable<Key, Value>?, over old: PendingTable<Key, Value>?
    ) -> [PendingTable<Key, Value>.Row] {
        guard let old, !old.isEmpty else { return new?.rows ?? [] }
        guard let new, !new.isEmpty else { return old.rows }
        return old.rows.filter { new.index(of: $0.key, hash: $0.hash) == nil } + new.rows
    }

    /// The log's entries behind `base`, in order, whether or not some of them are in SQLite.
    mutating func entries(of scope: Name) -> [LogEntry] {
        look(for: scope)
        return (layers.frozen?.entries ?? []) + (layers.fresh?.entries ?? [])
    }

    /// Where the log begins now; nil where SQLite knows.
    mutating func base(of scope: Name) -> Int? {
        look(for: scope)
        guard let new = layers.fresh?.base else { return layers.frozen?.base }
        return max(new, layers.frozen?.base ?? 0)
    }

    mutating func epochs(of scope: Name) -> [(first: Int, epoch: Name)] {
        look(for: scope)
        return (layers.frozen?.epochs ?? []) + (layers.fresh?.epochs ?? [])
    }

    /// Scopes behind `scope` that have a state here, in no order.
    func scopes(after scope: Name?) -> [Name] {
        [fresh.scopes, frozen?.scopes ?? [:]].flatMap { scopes in
            scopes.values.filter { known in
                known.state != nil && scope.map { $0 < known.name } ?? true
            }.map(\.name)
        }
    }

    /// Outcomes as they are now that are looked at by `time`, in no order.
    func outcomes(dueAt time: Int64) -> [(scope: Name, mutation: Name, outcome: StoredOutcome)] {
        guard reviewMin <= time else { return [] }
        var due: [(scope: Name, mutation: Name, outcome: StoredOutcome)] = []
        for (generation, newer) in [(fresh, nil), (frozen, fresh)] {
            for scope in (generation?.scopes ?? [:]).values {
                let over = newer?.scopes[scope.name]?.outcomes
                for row in scope.outcomes.rows {
                    guard let outcome = row.value, outcome.reviewMilliseconds <= time,
                        over?.index(of: row.key, hash: row.hash) == nil
                    else { continue }
                    due.append((scope.name, row.key, outcome))
                }
            }
        }
        return due
    }
}
