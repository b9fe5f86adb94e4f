// All statements of the writer's side, prepared once when the database is opened: those that begin
// and end transactions, and those of the rows.

import MizuSync

/// What begins and ends transactions. Confined to the writer's thread, like its connection.
final class TransactionStatements {
    /// `begin` takes the lock of writers at once; `beginView` is for reading.
    let begin, beginView, endView, commit: Statement

    init(_ connection: Connection) throws(StoreError) {
        begin = try Statement(connection, "BEGIN IMMEDIATE")
        beginView = try Statement(connection, "BEGIN")
        endView = try Statement(connection, "ROLLBACK")
        commit = try Statement(connection, "COMMIT")
    }
}

/// Confined to the writer's thread, like their connection.
final class WriterStatements {
    let journal, setJournal, setFolded: Statement
    let account, setAccount, totals, setTotals: Statement
    let setEpoch, makeScope, setScope, beginEpoch, setRecord, removeRecord: Statement
    let client, scopesOfClient, countClient, setClient: Statement
    let clientCount, silentClients, removeClient: Statement
    let scopesAfter, trimEpochs: Statement

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
        makeScope = try prepare("INSERT INTO scopes(name) VALUES(?)")
        setScope = try prepare(
            """
            UPDATE scopes SET cursor = ?, base = ?, records = ?, checksum = ?, bytes = ?,
                log_bytes = ?, epoch = ?, owner = ?
            WHERE id = ?
            """)
        totals = try prepare("SELECT aging, outcomes FROM totals", TotalsColumn.self)
        setTotals = try prepare(
            "INSERT OR REPLACE INTO totals(id, aging, outcomes) VALUES(1, ?, ?)")
        account = try prepare(
            "SELECT scopes, bytes FROM accounts WHERE account = ?", AccountColumn.self)
        setAccount = try prepare(
            "INSERT OR REPLACE INTO accounts(account, scopes, bytes) VALUES(?, ?, ?)")
        beginEpoch = try prepare("INSERT INTO epochs(scope, first, epoch) VALUES(?, ?, ?)")
        setRecord = try prepare(
            """
            INSERT OR REPLACE INTO records(scope, entity, id, version, data)
            VALUES(?, ?, ?, ?, ?)
            """)
        removeRecord = try prepare(
            "DELETE FROM records WHERE scope = ? AND entity = ? AND id = ?")

        client = try prepare(
            "SELECT user, pushed, outcomes FROM clients WHERE client = ? AND scope = ?",
            ClientColumn.self)
        scopesOfClient = try prepare(
            "SELECT user, pushed, outcomes, scope AS name FROM clients WHERE client = ?",
            ClientColumn.self)
        // The usual case, in which no index is touched: SQLite rewrites the entries of an index
        // whose columns a statement sets, also where nothing of them changes.
        countClient = try prepare(
            """
            UPDATE clients SET outcomes = ?
            WHERE client = ? AND scope = ? AND user = ? AND pushed = ?
            """)
        setClient = try prepare(
            """
            INSERT INTO clients(client, scope, user, pushed, outcomes) VALUES(?, ?, ?, ?, ?)
            ON CONFLICT(client, scope) DO UPDATE SET
                user = excluded.user, pushed = excluded.pushed, outcomes = excluded.outcomes
            """)
        clientCount = try prepare("SELECT count(*) FROM clients WHERE scope = ? AND user = ?")
        silentClients = try prepare(
            """
            SELECT user, pushed, outcomes, client AS name FROM clients
            WHERE scope = ? AND user = ? ORDER BY pushed
            """, ClientColumn.self)
        removeClient = try prepare("DELETE FROM clients WHERE client = ? AND scope = ?")

        scopesAfter = try prepare(
            "SELECT name FROM scopes WHERE name > ? AND cursor > 0 ORDER BY name LIMIT ?")
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

/// The last one is that of the statements that visit many: a client or a scope.
enum ClientColumn: Int32, Columns { case user, pushed, outcomes, name }
