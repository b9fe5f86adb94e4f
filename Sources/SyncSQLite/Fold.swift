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
    /// Its records in the order of keys: neighbours are in one page.
    private var records: [Int] = []
    // How many rows of each kind are written.
    private var (recordCount, outcomeCount, clientCount) = (0, 0, 0)

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
        if recordCount < records.count {
            let row = scope.records.rows[records[recordCount]]
            recordCount += 1
            try rows.setRecord(row.key, in: scope.name, to: row.value)
        } else if outcomeCount < scope.outcomes.rows.count {
            // They are sorted by their hashes when all are gathered.
            let row = scope.outcomes.rows[outcomeCount]
            outcomeCount += 1
            rows.gatherOutcome(row.value, of: row.key, in: scope.name)
        } else if clientCount < scope.clients.rows.count {
            let row = scope.clients.rows[clientCount]
            clientCount += 1
            if let state = row.value {
                try rows.setClient(state, of: row.key, in: scope.name)
            } else {
                try rows.removeClient(row.key, in: scope.name)
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
        let entries = base == 0 ? scope.entries : scope.entries.filter { $0.last > base }
        if !entries.isEmpty { try rows.append(entries, to: scope.name) }
        if scope.base != nil { try rows.trimLog(of: scope.name, through: base) }
        if let state = scope.state { try rows.setScopeState(state, of: scope.name) }
        (recordCount, outcomeCount, clientCount) = (0, 0, 0)
        // They stand in the order in which they came, which often is that of their keys already.
        records = scope.records.rows.withUnsafeBufferPointer { rows in
            rows.indices.sorted { rows[$0].key < rows[$1].key }
        }
        return true
    }
}
