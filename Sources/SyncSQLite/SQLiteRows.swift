// The rows of the database over one connection: what is looked up and written of scopes, logs,
// records, outcomes, clients and totals. Begins no transaction and ends none: whoever owns the
// connection does, and calls `finish` before COMMIT and `discard` after ROLLBACK. Values are
// absolute, so rows may be written once for many transactions that were coalesced.
// Confined to the connection's thread.

import MizuBytes
import MizuSync

/// Looks up and writes rows, each of them inside the transaction that is under way.
final class SQLiteRows {
    /// The half that readers have too.
    let log: LogRows
    let statements: WriterStatements
    let outcomes: OutcomeTable
    let blocks: LogBlockWriter
    let connection: Connection

    init(_ connection: Connection, epoch: CurrentEpoch) throws(StoreError) {
        self.connection = connection
        log = try LogRows(connection, epoch: epoch)
        statements = try WriterStatements(connection)
        outcomes = try OutcomeTable(connection)
        blocks = try LogBlockWriter(connection)
    }

    /// Writes what was gathered. To be called before COMMIT.
    func finish() throws(StoreError) { try outcomes.finish() }

    /// Forgets what was gathered or is remembered of rows. To be called after a ROLLBACK, and where
    /// another program has written to the database.
    func discard() {
        log.forget()
        outcomes.discard()
    }

    /// The scope's number, made where it has none.
    private func makeID(of scope: Name) throws(StoreError) -> Int {
        if let id = try log.ids.id(of: scope) { return id }
        try statements.makeScope.bind(scope).run()
        let id = connection.insertedRowID
        log.ids.learn(id, of: scope)
        return id
    }
}

// MARK: The database

extension SQLiteRows {
    /// The epoch that changes are written in from now on.
    func setEpoch(_ epoch: Name) throws(StoreError) {
        try statements.setEpoch.bind(epoch).run()
    }

    /// The commit journal that belongs to the file; nil where none has been made yet.
    func journalIdentity() throws(StoreError) -> UInt64? {
        try statements.journal.first { (row) throws(StoreError) in
            UInt64(truncatingIfNeeded: row.int(JournalColumn.identity))
        }
    }

    /// The last record of the journal whose rows are all in here; 0 before the first.
    func foldedSequence() throws(StoreError) -> UInt64 {
        try statements.journal.first { (row) throws(StoreError) in
            UInt64(truncatingIfNeeded: row.int(JournalColumn.folded))
        } ?? 0
    }

    /// Says which journal belongs to the file, and how far it is folded.
    func setJournal(identity: UInt64, foldedSequence: UInt64) throws(StoreError) {
        try statements.setJournal.bind(Int(truncatingIfNeeded: identity))
            .bind(Int(truncatingIfNeeded: foldedSequence)).run()
    }

    /// To be written in the transaction that folds the record.
    func setFoldedSequence(_ sequence: UInt64) throws(StoreError) {
        try statements.setFolded.bind(Int(truncatingIfNeeded: sequence)).run()
    }
}

// MARK: Scopes, logs, records, sums

extension SQLiteRows {
    func setScopeState(_ state: ScopeState, of scope: Name) throws(StoreError) {
        let id = try makeID(of: scope)
        try statements.setScope.bind(state.head.cursor).bind(state.base)
            .bind(state.recordCount).bind(Int(truncatingIfNeeded: state.checksum.bits))
            .bind(state.byteCount).bind(state.logByteCount).bind(state.head.epoch)
            .bind(state.owner?.bytes ?? []).bind(id).run()
    }

    func beginEpoch(_ epoch: Name, at first: Int, in scope: Name) throws(StoreError) {
        let id = try makeID(of: scope)
        try statements.beginEpoch.bind(id).bind(first).bind(epoch).run()
    }

    /// Appends entries that follow each other without a gap. They become one block with each
    /// other, and with the scope's last ones while these are not much larger.
    func append(_ entries: [LogEntry], to scope: Name) throws(StoreError) {
        try blocks.append(entries, to: try makeID(of: scope))
    }

    func setRecord(
        _ key: RecordKey, in scope: Name, to record: StoredRecord?
    ) throws(StoreError) {
        guard let record else {
            guard let id = try log.ids.id(of: scope) else { return }
            return try statements.removeRecord.bind(id).bind(key.entity).bind(key.id).run()
        }
        let id = try makeID(of: scope)
        try statements.setRecord.bind(id).bind(key.entity).bind(key.id).bind(record.version)
            .bind(record.json).run()
    }

    func totals() throws(StoreError) -> StoreTotals? {
        try statements.totals.first { (row) throws(StoreError) in
            StoreTotals(
                agingMilliseconds: Int64(row.int(TotalsColumn.aging)),
                outcomeCount: row.int(TotalsColumn.outcomes))
        }
    }

    func setTotals(_ totals: StoreTotals) throws(StoreError) {
        try statements.setTotals.bind(Int(totals.agingMilliseconds)).bind(totals.outcomeCount)
            .run()
    }

    func accountState(_ account: Account) throws(StoreError) -> AccountState {
        try statements.account.bind(account.bytes)
            .first { (row) throws(StoreError) in
                AccountState(
                    scopeCount: row.int(AccountColumn.scopes),
                    byteCount: row.int(AccountColumn.bytes))
            } ?? .none
    }

    func setAccountState(
        _ state: AccountState, of account: Account
    ) throws(StoreError) {
        try statements.setAccount.bind(account.bytes).bind(state.scopeCount)
            .bind(state.byteCount).run()
    }
}

// MARK: Trimming

extension SQLiteRows {
    func scopes(after scope: Name?, countMax: Int) throws(StoreError) -> [Name] {
        var names: [Name] = []
        try statements.scopesAfter.bind(scope).bind(countMax).each { (row) throws(StoreError) in
            names.append(try row.key())
            return .next
        }
        return names
    }

    /// The oldest mutations of the log.
    func oldestEntries(
        of scope: Name, countMax: Int
    ) throws(StoreError) -> [OldEntry] {
        guard let id = try log.ids.id(of: scope) else { return [] }
        return try blocks.oldest(of: id, named: scope, countMax: countMax)
    }

    func trimLog(of scope: Name, through base: Int) throws(StoreError) {
        guard let id = try log.ids.id(of: scope) else { return }
        try blocks.trim(id, named: scope, through: base)
        try statements.trimEpochs.bind(id).bind(base).run()
    }
}
