// All statements of the writer's side, prepared once when the database is opened: those that begin
// and end transactions, and those of the rows.

import MizuSync

/// What begins and ends transactions. Confined to the writer's thread, like its connection.
final class TransactionStatements {
    let begin, commit, savepoint, release, rollbackTo: Statement

    init(_ connection: Connection) throws(StoreError) {
        begin = try Statement(connection, "BEGIN IMMEDIATE")
        commit = try Statement(connection, "COMMIT")
        savepoint = try Statement(connection, "SAVEPOINT mutation")
        release = try Statement(connection, "RELEASE mutation")
        rollbackTo = try Statement(connection, "ROLLBACK TO mutation")
    }
}

/// Confined to the writer's thread, like their connection.
final class WriterStatements {
    let journal, setJournal, setFolded: Statement
    let account, setAccount, totals, setTotals: Statement
    let setEpoch, setScope, beginEpoch, append, setRecord, removeRecord: Statement
    let outcome, setOutcome, removeOutcome, dueOutcomes: Statement
    let client, owner, setClient, claim, clientCount, longestSilent, removeClient: Statement
    let scopesAfter, oldestEntries, trimLog, trimEpochs: Statement

    init(_ connection: Connection) throws(StoreError) {
        func prepare(_ sql: String) throws(StoreError) -> Statement {
            try Statement(connection, sql)
        }
        func prepare(
            _ sql: String, _ columns: any Columns.Type
        ) throws(StoreError) -> Statement {
            try Statement(connection, sql, columns: columns)
        }
        journal = try prepare("SELECT identity, folded FROM journal", JournalColumn.self)
        setJournal = try prepare(
            "INSERT OR REPLACE INTO journal(id, identity, folded) VALUES(1, ?, ?)")
        setFolded = try prepare("UPDATE journal SET folded = ?")
        setEpoch = try prepare(
            "INSERT OR REPLACE INTO settings(key, value) VALUES('epoch', ?)")
        setScope = try prepare(
            """
            INSERT OR REPLACE INTO scopes(
                scope, cursor, base, records, checksum, bytes, log_bytes, owner)
            VALUES(?, ?, ?, ?, ?, ?, ?, ?)
            """)
        totals = try prepare("SELECT aging, outcomes FROM totals", TotalsColumn.self)
        setTotals = try prepare(
            "INSERT OR REPLACE INTO totals(id, aging, outcomes) VALUES(1, ?, ?)")
        account = try prepare(
            "SELECT scopes, bytes FROM accounts WHERE account = ?", AccountColumn.self)
        setAccount = try prepare(
            "INSERT OR REPLACE INTO accounts(account, scopes, bytes) VALUES(?, ?, ?)")
        beginEpoch = try prepare("INSERT INTO epochs(scope, first, epoch) VALUES(?, ?, ?)")
        append = try prepare(
            "INSERT INTO changes(scope, last, first, time, ends, bytes) VALUES(?, ?, ?, ?, ?, ?)")
        setRecord = try prepare(
            """
            INSERT OR REPLACE INTO records(scope, entity, id, data, version)
            VALUES(?, ?, ?, ?, ?)
            """)
        removeRecord = try prepare(
            "DELETE FROM records WHERE scope = ? AND entity = ? AND id = ?")

        let columns = "high, low, user, client, sequence, review, cursor, epoch, code, error"
        outcome = try prepare(
            "SELECT \(columns) FROM outcomes WHERE scope = ? AND mutation = ?", OutcomeColumn.self)
        setOutcome = try prepare(
            """
            INSERT OR REPLACE INTO outcomes(scope, mutation, \(columns))
            VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        removeOutcome = try prepare("DELETE FROM outcomes WHERE scope = ? AND mutation = ?")
        dueOutcomes = try prepare(
            """
            SELECT \(columns), scope, mutation FROM outcomes
            WHERE review <= ? ORDER BY review LIMIT ?
            """, OutcomeColumn.self)

        client = try prepare(
            "SELECT user, pushed, outcomes FROM clients WHERE client = ? AND scope = ?",
            ClientColumn.self)
        owner = try prepare("SELECT user FROM clients WHERE client = ? LIMIT 1")
        setClient = try prepare(
            """
            INSERT INTO clients(client, scope, user, pushed, outcomes) VALUES(?, ?, ?, ?, ?)
            ON CONFLICT(client, scope) DO UPDATE SET
                user = excluded.user, pushed = excluded.pushed, outcomes = excluded.outcomes
            """)
        claim = try prepare("UPDATE clients SET user = ? WHERE client = ?")
        clientCount = try prepare("SELECT count(*) FROM clients WHERE scope = ? AND user = ?")
        longestSilent = try prepare(
            """
            SELECT user, pushed, outcomes, client FROM clients
            WHERE scope = ? AND user = ? ORDER BY pushed LIMIT 1
            """, ClientColumn.self)
        removeClient = try prepare("DELETE FROM clients WHERE client = ? AND scope = ?")

        scopesAfter = try prepare("SELECT scope FROM scopes WHERE scope > ? ORDER BY scope LIMIT ?")
        oldestEntries = try prepare(
            """
            SELECT last, time, length(bytes) AS bytes FROM changes
            WHERE scope = ? ORDER BY last LIMIT ?
            """, OldEntryColumn.self)
        trimLog = try prepare("DELETE FROM changes WHERE scope = ? AND last <= ?")
        // The epoch of the change at the border itself is still asked for.
        trimEpochs = try prepare(
            """
            DELETE FROM epochs WHERE scope = ?1 AND first <
                (SELECT max(first) FROM epochs WHERE scope = ?1 AND first <= ?2)
            """)
    }
}

// MARK: Columns, in the order of the statements above

enum JournalColumn: Int32, Columns { case identity, folded }

enum TotalsColumn: Int32, Columns { case aging, outcomes }

enum AccountColumn: Int32, Columns { case scopes, bytes }

/// The last two are those of `dueOutcomes` only.
enum OutcomeColumn: Int32, Columns {
    case high, low, user, client, sequence, review, cursor, epoch, code, error, scope, mutation
}

/// The last one is that of `longestSilent` only.
enum ClientColumn: Int32, Columns { case user, pushed, outcomes, client }

enum OldEntryColumn: Int32, Columns { case last, time, bytes }
