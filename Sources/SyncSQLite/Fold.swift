// One generation of pending rows on its way into SQLite, row by row, so that it can pause whenever
// its time is over. Begins no transaction and ends none. Where a row fails, the whole fold is made
// again from its beginning: rows are absolute, and the transaction takes the half of it back.

import MizuEventLoop
import MizuSync

struct Fold {
    /// Rows between two looks at the clock.
    private static let rowsBetweenLooks = 16

    enum Progress { case paused, finished }

    private let generation: PendingGeneration
    private let scopes: [PendingScope]
    private var nextScope = 0
    private var scope: PendingScope?
    // What is left of `scope`, in the order of keys: neighbours are in one page.
    private var records: ArraySlice<(key: RecordKey, value: StoredRecord?)> = []
    private var outcomes: ArraySlice<(key: Name, value: StoredOutcome?)> = []
    private var clients: ArraySlice<(key: Name, value: ClientState?)> = []

    init(_ generation: PendingGeneration) {
        self.generation = generation
        scopes = Array(generation.scopes.values)
    }

    /// Writes rows until `deadline`; nil: all of them.
    mutating func advance(
        _ rows: SQLiteRows, until deadline: Instant?
    ) throws(StoreError) -> Progress {
        var count = 0
        while try step(rows) {
            count += 1
            if count % Self.rowsBetweenLooks == 0, let deadline, Instant.now >= deadline {
                return .paused
            }
        }
        for (account, state) in generation.accounts {
            try rows.setAccountState(state, of: account)
        }
        if let totals = generation.totals { try rows.setTotals(totals) }
        return .finished
    }

    /// - Returns: false where nothing of any scope is left.
    private mutating func step(_ rows: SQLiteRows) throws(StoreError) -> Bool {
        guard let scope else { return try beginScope(rows) }
        if let (key, record) = records.popFirst() {
            try rows.setRecord(key, in: scope.name, to: record)
        } else if let (mutation, outcome) = outcomes.popFirst() {
            if let outcome {
                try rows.setOutcome(outcome, of: mutation, in: scope.name)
            } else {
                try rows.removeOutcome(of: mutation, in: scope.name)
            }
        } else if let (client, state) = clients.popFirst() {
            if let state {
                try rows.setClient(state, of: client, in: scope.name)
            } else {
                try rows.removeClient(client, in: scope.name)
            }
        } else {
            return try beginScope(rows)
        }
        return true
    }

    /// Writes the next scope's log and state, and lays out its other rows.
    private mutating func beginScope(_ rows: SQLiteRows) throws(StoreError) -> Bool {
        guard nextScope < scopes.count else { return false }
        let scope = scopes[nextScope]
        nextScope += 1
        self.scope = scope
        for (first, epoch) in scope.epochs {
            try rows.beginEpoch(epoch, at: first, in: scope.name)
        }
        let base = scope.base ?? 0
        let entries = scope.entries.filter { $0.last > base }
        if !entries.isEmpty { try rows.append(entries, to: scope.name) }
        if scope.base != nil { try rows.trimLog(of: scope.name, through: base) }
        if let state = scope.state { try rows.setScopeState(state, of: scope.name) }
        records = scope.records.sorted { $0.key < $1.key }[...]
        outcomes = scope.outcomes.sorted { $0.key < $1.key }[...]
        clients = scope.clients.sorted { $0.key < $1.key }[...]
        return true
    }
}
