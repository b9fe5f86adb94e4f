// What a memory store holds: the committed rows of all scopes. Shared by the committer and by
// readers behind one lock; immutable values inside, so a reader's view is a copy of references.

import MizuBytes
import Synchronization

/// One scope's records and log.
struct MemoryScope: Sendable {
    /// Nil before the first change.
    var state: ScopeState?
    var cursor: Int { state?.head.cursor ?? 0 }
    var base: Int { state?.base ?? 0 }
    /// Each epoch with the first cursor written in it, ascending.
    var epochs: [(first: Int, epoch: Name)] = []
    /// Ascending, without a gap; the first begins at `base + 1`.
    var log: [LogEntry] = []
    var entities: [Name: MemoryEntity] = [:]

    /// The epoch of the change at `cursor`; nil below the base, above the head and for 0.
    func epoch(at cursor: Int) -> Name? {
        guard cursor > 0, cursor >= base, cursor <= self.cursor else { return nil }
        return epochs.last { $0.first <= cursor }?.epoch
    }

    /// The index of the first entry with a change above `cursor`.
    func logIndex(after cursor: Int) -> Int {
        log.partitioningIndex { $0.last > cursor }
    }
}

/// One entity's records, found by id and walked in the order of ids.
struct MemoryEntity: Sendable {
    private(set) var records: [Name: StoredRecord] = [:]
    private(set) var ids: [Name] = []

    subscript(id: Name) -> StoredRecord? { records[id] }

    mutating func set(_ id: Name, to record: StoredRecord?) {
        let isNew = records[id] == nil
        records[id] = record
        let index = ids.partitioningIndex { $0 >= id }
        switch (isNew, record) {
        case (true, .some): ids.insert(id, at: index)
        case (false, nil): ids.remove(at: index)
        default: break
        }
    }
}

/// Two names as one key: scope and mutation, or client and scope.
struct NamePair: Hashable, Sendable {
    let first: Name
    let second: Name
}

/// A user's clients in a scope; nobody's where the user is nil.
struct ClientGroup: Hashable, Sendable {
    let scope: Name
    let user: Name?
}

/// All rows, and the writes that change them.
struct MemoryRows: Sendable {
    private(set) var scopes: [Name: MemoryScope] = [:]
    private(set) var outcomes: [NamePair: StoredOutcome] = [:]
    /// By client, then by scope.
    private(set) var clients: [Name: [Name: ClientState]] = [:]
    private(set) var groups: [ClientGroup: Set<Name>] = [:]
    private(set) var totals: StoreTotals?
    private(set) var accounts: [Account: AccountState] = [:]
    private var reviews = ReviewQueue()

    enum Write: Sendable {
        case scopeState(Name, ScopeState)
        case epoch(Name, Name, first: Int)
        case entry(Name, LogEntry)
        case record(Name, RecordKey, StoredRecord?)
        case account(Account, AccountState)
        case totals(StoreTotals)
        case outcome(NamePair, StoredOutcome?)
        case client(Name, scope: Name, ClientState?)
        case trim(Name, base: Int)
    }

    mutating func apply(_ write: Write) {
        switch write {
        case .scopeState(let scope, let state):
            scopes[scope, default: MemoryScope()].state = state
        case .epoch(let scope, let epoch, let first):
            scopes[scope, default: MemoryScope()].epochs.append((first, epoch))
        case .entry(let scope, let entry):
            scopes[scope, default: MemoryScope()].log.append(entry)
        case .record(let scope, let key, let record):
            scopes[scope, default: MemoryScope()]
                .entities[key.entity, default: MemoryEntity()].set(key.id, to: record)
        case .account(let account, let state):
            accounts[account] = state
        case .totals(let totals):
            self.totals = totals
        case .outcome(let key, let outcome):
            outcomes[key] = outcome
            if let outcome { reviews.append(key, outcome.reviewMilliseconds) }
            reviews.skip { key, due in outcomes[key]?.reviewMilliseconds != due }
        case .client(let client, let scope, let state):
            setClient(client, in: scope, to: state)
        case .trim(let scope, let base):
            trim(scope, through: base)
        }
    }

    private mutating func setClient(_ client: Name, in scope: Name, to state: ClientState?) {
        if let known = clients[client]?[scope] {
            groups[ClientGroup(scope: scope, user: known.user)]?.remove(client)
        }
        clients[client, default: [:]][scope] = state
        if let state {
            groups[ClientGroup(scope: scope, user: state.user), default: []].insert(client)
        } else if clients[client]?.isEmpty == true {
            clients[client] = nil
        }
    }

    /// Outcomes whose review is due.
    func dueOutcomes(at now: Int64, countMax: Int) -> [(key: NamePair, outcome: StoredOutcome)] {
        reviews.due(at: now, countMax: countMax).compactMap { key, due in
            outcomes[key].flatMap { $0.reviewMilliseconds == due ? (key, $0) : nil }
        }
    }

    private mutating func trim(_ scope: Name, through base: Int) {
        scopes[scope]?.log.removeAll { $0.last <= base }
        // The epoch of the change at the border itself is still asked for.
        let covering = scopes[scope]?.epochs.lastIndex { $0.first <= base } ?? 0
        scopes[scope]?.epochs.removeFirst(covering)
    }
}

/// Reviews in the order in which they were set, which is that of their times as long as the clock
/// goes forward. Where it does not, a review comes late.
private struct ReviewQueue: Sendable {
    private var items: [(key: NamePair, due: Int64)] = []
    private var start = 0

    mutating func append(_ key: NamePair, _ due: Int64) { items.append((key, due)) }

    /// Drops items from the front as long as they are out of date.
    mutating func skip(while isStale: (NamePair, Int64) -> Bool) {
        while start < items.count, isStale(items[start].key, items[start].due) { start += 1 }
        if start > 1024, start > items.count / 2 {
            items.removeFirst(start)
            start = 0
        }
    }

    func due(at now: Int64, countMax: Int) -> ArraySlice<(key: NamePair, due: Int64)> {
        items[start...].prefix(countMax).prefix { $0.due <= now }
    }
}

/// The committed rows behind their lock. Outlives the store, so that what was committed can be
/// opened again, as a file can.
public final class MemoryShelf: Sendable {
    private let rows: Mutex<MemoryRows>
    /// Transactions that have written so far.
    private let version = Mutex<UInt64>(0)

    /// Nothing yet.
    public init() { rows = Mutex(MemoryRows()) }

    /// What `other` holds now, as a backup of it.
    public init(copying other: MemoryShelf) {
        let copy = other.rows.withLock { $0 }
        rows = Mutex(copy)
    }

    func read<R: Sendable>(_ body: (borrowing MemoryRows) -> R) -> R {
        rows.withLock { body($0) }
    }

    /// A scope as it is now. Costs a few retains: its containers are shared until it changes.
    func scope(_ name: Name) -> MemoryScope? {
        rows.withLock { $0.scopes[name] }
    }

    func apply(_ writes: [MemoryRows.Write]) {
        rows.withLock { rows in
            for write in writes { rows.apply(write) }
        }
    }

    /// Now, as `apply(_:ifStillAt:)` counts it.
    var currentVersion: UInt64 { version.withLock { $0 } }

    /// Applies what a transaction has written if nobody else has since it began.
    /// - Returns: false where somebody has; then nothing is applied.
    func apply(_ writes: [MemoryRows.Write], ifStillAt start: UInt64) -> Bool {
        version.withLock { version in
            guard version == start else { return false }
            if !writes.isEmpty {
                version += 1
                apply(writes)
            }
            return true
        }
    }
}
