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

/// One scope's rows of a generation. An inner nil is a row that is removed.
final class PendingScope {
    let name: Name
    var state: ScopeState?
    /// The log begins behind it.
    var base: Int?
    var epochs: [(first: Int, epoch: Name)] = []
    var entries: [LogEntry] = []
    var records: [RecordKey: StoredRecord?] = [:]
    var outcomes: [Name: StoredOutcome?] = [:]
    var clients: [Name: ClientState?] = [:]

    init(_ name: Name) { self.name = name }
}

/// What was committed between two folds.
struct PendingGeneration {
    /// From 1.
    let number: UInt64
    private(set) var scopes: [Name: PendingScope] = [:]
    /// The scopes that have rows of a client here.
    fileprivate(set) var scopesOfClient: [Name: Set<Name>] = [:]
    fileprivate(set) var accounts: [Account: AccountState] = [:]
    fileprivate(set) var totals: StoreTotals?
    /// No outcome here is looked at before.
    fileprivate(set) var reviewMin = Int64.max
    /// Bytes of the redo records.
    var byteCount = 0
    /// Rows of outcomes, clients and records.
    fileprivate(set) var rowCount = 0
    /// The newest commit in here, 0 where none is.
    var lastSequence: UInt64 = 0
    /// The scope that was asked for last: a push is all of one scope.
    private var latest: PendingScope?

    init(number: UInt64) { self.number = number }

    var isEmpty: Bool { lastSequence == 0 }

    func scope(_ name: Name) -> PendingScope? {
        if let latest, latest.name == name { return latest }
        return scopes[name]
    }

    fileprivate mutating func madeScope(_ name: Name) -> PendingScope {
        if let latest, latest.name == name { return latest }
        if let known = scopes[name] {
            latest = known
            return known
        }
        let made = PendingScope(name)
        scopes[name] = made
        latest = made
        return made
    }
}

struct PendingRows {
    private(set) var fresh = PendingGeneration(number: 1)
    private(set) var frozen: PendingGeneration?
    /// What the transaction has replaced, in order.
    private var undo: [Undo] = []
    /// Scopes that the transaction has written to, some of them twice.
    private var touched: [Name] = []

    private enum Undo {
        case state(PendingScope, ScopeState?)
        case base(PendingScope, Int?)
        case epoch(PendingScope)
        case entry(PendingScope)
        case record(PendingScope, RecordKey, StoredRecord??)
        case outcome(PendingScope, Name, StoredOutcome??)
        case client(PendingScope, Name, ClientState??)
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
            let replaced = scope.records.updateValue(record, forKey: key)
            undo.append(.record(scope, key, replaced))
            fresh.rowCount += 1
        case .outcome(let outcome, let mutation, let name):
            let scope = touch(name)
            let replaced = scope.outcomes.updateValue(outcome, forKey: mutation)
            undo.append(.outcome(scope, mutation, replaced))
            fresh.rowCount += 1
            if let outcome { fresh.reviewMin = min(fresh.reviewMin, outcome.reviewMilliseconds) }
        case .client(let state, let client, let name):
            let scope = touch(name)
            let replaced = scope.clients.updateValue(state, forKey: client)
            undo.append(.client(scope, client, replaced))
            fresh.rowCount += 1
            if replaced == nil { fresh.scopesOfClient[client, default: []].insert(name) }
        case .account(let state, let account):
            undo.append(.account(account, fresh.accounts.updateValue(state, forKey: account)))
        case .totals(let totals):
            undo.append(.totals(fresh.totals))
            fresh.totals = totals
        }
    }

    private mutating func touch(_ name: Name) -> PendingScope {
        if touched.last != name { touched.append(name) }
        return fresh.madeScope(name)
    }

    /// A place that `rollBack(to:)` takes.
    var mark: Int { undo.count }

    /// Takes back what was written behind the mark; 0: the whole transaction.
    mutating func rollBack(to mark: Int) {
        while undo.count > mark, let step = undo.popLast() { takeBack(step) }
        if mark == 0 { touched.removeAll(keepingCapacity: true) }
    }

    private mutating func takeBack(_ step: Undo) {
        switch step {
        case .state(let scope, let state): scope.state = state
        case .base(let scope, let base): scope.base = base
        case .epoch(let scope): scope.epochs.removeLast()
        case .entry(let scope): scope.entries.removeLast()
        case .record(let scope, let key, let record): scope.records[key] = record
        case .outcome(let scope, let mutation, let outcome): scope.outcomes[mutation] = outcome
        case .client(let scope, let client, let state):
            scope.clients[client] = state
            if state == nil {
                fresh.scopesOfClient[client]?.remove(scope.name)
                if fresh.scopesOfClient[client]?.isEmpty == true {
                    fresh.scopesOfClient[client] = nil
                }
            }
        case .account(let account, let state): fresh.accounts[account] = state
        case .totals(let totals): fresh.totals = totals
        }
    }

    /// Keeps what the transaction has written.
    /// - Parameters:
    ///   - sequence: the commit's number in the journal.
    ///   - byteCount: of its redo record.
    /// - Returns: the scopes that it wrote to, some of them twice.
    mutating func commit(as sequence: UInt64, byteCount: Int) -> [Name] {
        fresh.lastSequence = sequence
        fresh.byteCount += byteCount
        undo.removeAll(keepingCapacity: undo.capacity <= 4_096)
        defer { touched.removeAll(keepingCapacity: touched.capacity <= 4_096) }
        return touched
    }

    // MARK: Generations

    /// Gives what is committed to a fold. Between two transactions, where nothing is frozen.
    mutating func freeze() {
        assert(frozen == nil && undo.isEmpty, "one fold at a time, between transactions")
        frozen = fresh
        fresh = PendingGeneration(number: fresh.number + 1)
    }

    /// The frozen generation is in SQLite.
    mutating func thaw() { frozen = nil }

    /// Forgets everything: another state of the database has taken its place.
    mutating func removeAll() {
        undo = []
        touched = []
        frozen = nil
        fresh = PendingGeneration(number: fresh.number + 1)
    }
}

// MARK: Reading

/// For each row: nil where SQLite is to be asked, an inner nil where the row is removed.
extension PendingRows {
    /// The layers that have something of a scope, the newest first.
    func layers(of scope: Name) -> (PendingScope?, PendingScope?) {
        (fresh.scope(scope), frozen?.scope(scope))
    }

    func state(of scope: Name) -> ScopeState? {
        let (new, old) = layers(of: scope)
        return new?.state ?? old?.state
    }

    func record(_ key: RecordKey, in scope: Name) -> StoredRecord?? {
        let (new, old) = layers(of: scope)
        if let known = new?.records[key] { return known }
        if let known = old?.records[key] { return known }
        return nil
    }

    func outcome(of mutation: Name, in scope: Name) -> StoredOutcome?? {
        let (new, old) = layers(of: scope)
        if let known = new?.outcomes[mutation] { return known }
        if let known = old?.outcomes[mutation] { return known }
        return nil
    }

    func client(_ client: Name, in scope: Name) -> ClientState?? {
        let (new, old) = layers(of: scope)
        if let known = new?.clients[client] { return known }
        if let known = old?.clients[client] { return known }
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

    /// Records of a scope as they are now, nil for removed ones, in no order.
    func records(of scope: Name) -> [RecordKey: StoredRecord?] {
        let (new, old) = layers(of: scope)
        guard let old, !old.records.isEmpty else { return new?.records ?? [:] }
        guard let new else { return old.records }
        return old.records.merging(new.records) { $1 }
    }

    /// Clients of a scope as they are now, nil for removed ones.
    func clients(of scope: Name) -> [Name: ClientState?] {
        let (new, old) = layers(of: scope)
        guard let old, !old.clients.isEmpty else { return new?.clients ?? [:] }
        guard let new else { return old.clients }
        return old.clients.merging(new.clients) { $1 }
    }

    /// The log's entries behind `base`, in order, whether or not some of them are in SQLite.
    func entries(of scope: Name) -> [LogEntry] {
        let (new, old) = layers(of: scope)
        return (old?.entries ?? []) + (new?.entries ?? [])
    }

    /// Where the log begins now; nil where SQLite knows.
    func base(of scope: Name) -> Int? {
        let (new, old) = layers(of: scope)
        guard let new = new?.base else { return old?.base }
        return max(new, old?.base ?? 0)
    }

    func epochs(of scope: Name) -> [(first: Int, epoch: Name)] {
        let (new, old) = layers(of: scope)
        return (old?.epochs ?? []) + (new?.epochs ?? [])
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
                let over = newer?.scope(scope.name)?.outcomes ?? [:]
                for case (let mutation, let outcome?) in scope.outcomes
                where outcome.reviewMilliseconds <= time && over[mutation] == nil {
                    due.append((scope.name, mutation, outcome))
                }
            }
        }
        return due
    }
}
