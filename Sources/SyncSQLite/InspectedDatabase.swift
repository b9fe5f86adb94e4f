// A database as an operator's tool reads it: every row of every table, in order, none of it
// changed. Two ways to open it: `whole`, a file that nobody writes to and with nothing beside it,
// which SQLite then reads without a lock or an index of its own; and `live`, a file that a server
// may have, in views that must be short, because the server cannot reuse its WAL meanwhile.
// Trusts nothing that it reads: what is no row of ours is an error with its place, never a trap.

import CSQLite
import MizuBytes
import MizuSync

/// One database, open for reading. Confined to one thread.
package final class InspectedDatabase {
    let connection: Connection
    let log: LogRows
    private let rows: InspectionRows

    /// Opens a file that is whole (`DatabaseCopy.isWhole`) and stays as it is.
    package init(whole path: String) throws(StoreError) {
        connection = try Connection(path, as: .whole)
        try Schema.demand(connection)
        log = try LogRows(connection, epoch: CurrentEpoch(Self.epoch(connection)))
        rows = try InspectionRows(connection)
    }

    /// Opens a file that a server may have, or that was left by one that crashed. What is journaled
    /// and not folded is not seen.
    package init(live path: String) throws(StoreError) {
        connection = try Connection(path, as: .reader)
        csqlite_keep_wal(connection.raw)
        try Schema.demand(connection)
        log = try LogRows(connection, epoch: CurrentEpoch(Self.epoch(connection)))
        rows = try InspectionRows(connection)
    }

    /// What the last opening has written to the file.
    private static func epoch(_ connection: Connection) throws(StoreError) -> Name {
        let statement = try Statement(
            connection, "SELECT value FROM settings WHERE key = 'epoch'")
        let found = try statement.first { (row) throws(StoreError) in row.name() } ?? nil
        guard let found else {
            throw StoreError(.statement, "\(connection.path): the epoch is missing")
        }
        return found
    }

    /// Calls `body` with one view of the database.
    package func view<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
        try connection.run("BEGIN")
        defer { sqlite3_exec(connection.raw, "ROLLBACK", nil, nil, nil) }
        return try body()
    }

    // MARK: The file

    package func schemaVersion() throws(StoreError) -> Int {
        try connection.number("PRAGMA user_version")
    }

    package func pageBytes() throws(StoreError) -> Int {
        let pages = try connection.number("PRAGMA page_count")
        return pages.multipliedReportingOverflow(by: try connection.number("PRAGMA page_size"))
            .partialValue
    }

    /// Pages that hold nothing, in bytes: what `compact` would give back at least.
    package func freeBytes() throws(StoreError) -> Int {
        let pages = try connection.number("PRAGMA freelist_count")
        return pages.multipliedReportingOverflow(by: try connection.number("PRAGMA page_size"))
            .partialValue
    }

    /// The epoch that the file was last opened with.
    package func epoch() throws(StoreError) -> Name { try Self.epoch(connection) }

    /// SQLite's own check of pages and indexes. O(file).
    /// - Returns: the first fault; nil where there is none.
    package func integrityFault() throws(StoreError) -> String? {
        let found = try connection.text("PRAGMA integrity_check(1)") ?? "no answer"
        return found == "ok" ? nil : found
    }

    /// The journal that the file knows as its own, and how far it is folded; nil before the first.
    package func journal() throws(StoreError) -> (identity: UInt64, folded: UInt64)? {
        try rows.journal()
    }

    /// A row that is of no scope, for people; nil where there is none.
    package func stray() throws(StoreError) -> String? { try rows.stray() }

    // MARK: Scopes, logs, records

    /// Visits, in order, every name that is a scope's in any table (of outcomes, once they are
    /// sorted).
    package func visitScopes(
        _ visit: (Name) throws(StoreError) -> Visit
    ) throws(StoreError) {
        var last: Name?
        while let scope = try rows.scope(after: last) {
            guard case .next = try visit(scope) else { return }
            last = scope
        }
    }

    /// Nil where the scope has no row of its own: nothing was ever changed in it.
    package func state(of scope: Name) throws(StoreError) -> ScopeState? {
        try rows.hasState(scope) ? try log.scopeState(scope) : nil
    }

    package func visitLog(
        of scope: Name, after cursor: Int = -1, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        try log.visitLog(of: scope, after: cursor, visit)
    }

    package func visitRecords(
        in scope: Name, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        try log.visitRecords(in: scope, after: nil, visit)
    }

    package func visitEpochs(
        of scope: Name, _ visit: (_ first: Int, _ epoch: Name) -> Visit
    ) throws(StoreError) {
        try rows.visitEpochs(of: scope, visit)
    }

    // MARK: Outcomes, clients, sums

    /// Reads all outcomes once and checks how they are kept. To be called before scopes and
    /// outcomes are visited, of a database that is whole. O(outcomes), in a temporary file.
    /// - Throws: `.statement` for the first that is not where it belongs.
    package func sortOutcomes() throws(StoreError) { try rows.sortOutcomes() }

    package func visitOutcomes(
        in scope: Name, _ visit: (Name, InspectedOutcome) -> Visit
    ) throws(StoreError) {
        try rows.visitOutcomes(in: scope, visit)
    }

    package func visitClients(
        of scope: Name, _ visit: (Name, ClientState) -> Visit
    ) throws(StoreError) {
        try rows.visitClients(of: scope, visit)
    }

    package func visitAccounts(_ visit: (Account, AccountState) -> Visit) throws(StoreError) {
        try rows.visitAccounts(visit)
    }

    package func totals() throws(StoreError) -> StoreTotals? { try rows.totals() }

    package func clientCount() throws(StoreError) -> Int { try rows.clientCount() }
    package func accountCount() throws(StoreError) -> Int { try rows.accountCount() }
}
