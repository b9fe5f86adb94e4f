// What a store's open transaction knows and has written: rows that were looked up under the locks
// that it holds, and writes, in order, with an overlay that answers the transaction's own reads.
// Nothing of it reaches the database before the commit, so a savepoint is a length of the list.

import MizuBytes
import MizuSync

/// Two names as one key: a scope, and what is named in it.
struct ScopedName: Hashable {
    let scope: Name
    let name: Name
}

struct ScopedKey: Hashable {
    let scope: Name
    let key: RecordKey
}

enum Write {
    case scopeState(Name, ScopeState)
    case epoch(Name, Name, first: Int)
    case entry(Name, LogEntry)
    case record(ScopedKey, StoredRecord?)
    case account(Account, AccountState)
    case totals(StoreTotals)
    case outcome(ScopedName, StoredOutcome?)
    case client(ScopedName, ClientState?)
    case claim(Name, user: Name)
    case trim(Name, base: Int)
}

/// The transaction's own rows. An inner nil is a removed one.
struct Overlay {
    private(set) var scopes: [Name: ScopeState] = [:]
    private(set) var records: [ScopedKey: StoredRecord?] = [:]
    private(set) var outcomes: [ScopedName: StoredOutcome?] = [:]
    private(set) var clients: [ScopedName: ClientState?] = [:]
    /// Clients that got an owner in every scope.
    private(set) var claims: [Name: Name] = [:]
    private(set) var accounts: [Account: AccountState] = [:]
    private(set) var totals: StoreTotals?
    private(set) var trims: [Name: Int] = [:]

    mutating func note(_ write: Write) {
        switch write {
        case .scopeState(let scope, let state): scopes[scope] = state
        case .record(let key, let record): records[key] = .some(record)
        case .account(let account, let state): accounts[account] = state
        case .totals(let totals): self.totals = totals
        case .outcome(let key, let outcome): outcomes[key] = .some(outcome)
        case .client(let key, let state): clients[key] = .some(state)
        case .claim(let client, let user): claims[client] = user
        case .trim(let scope, let base): trims[scope] = base
        case .epoch, .entry: break
        }
    }
}

struct OpenTransaction {
    /// Scopes whose rows are locked, as they were then; nil where nothing was ever written.
    var locked: [Name: ScopeState?] = [:]
    /// Looked up, under the lock of the scope; an inner nil: there is none.
    var outcomes: [ScopedName: StoredOutcome?] = [:]
    var clients: [ScopedName: ClientState?] = [:]
    var accounts: [Account: AccountState] = [:]
    var totals: StoreTotals?
    /// The batch, for guesses.
    var pushes: [PushRequest] = []
    /// Scopes that others write to are passed over, and never waited for.
    var isTrimming = false
    /// The scope about which something was taken for known (LoneMemory).
    var assumedScope: Name?
    /// What is still to be sent, before all else, to see whether it is so; nothing was sent yet.
    var assumed: [Query] = []

    private(set) var writes: [Write] = []
    private(set) var overlay = Overlay()
    private var savedCount = 0

    mutating func write(_ write: Write) {
        writes.append(write)
        overlay.note(write)
    }

    mutating func save() { savedCount = writes.count }

    mutating func rollBackToSave() {
        guard writes.count > savedCount else { return }
        writes.removeLast(writes.count - savedCount)
        // Rare enough to gather the overlay anew.
        overlay = Overlay()
        for write in writes { overlay.note(write) }
    }
}
