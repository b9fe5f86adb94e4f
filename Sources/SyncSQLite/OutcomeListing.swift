// Outcomes in the order of scopes and mutations, for tools that go through a whole database: the
// table keeps them in runs, by hash (OutcomeTable.swift), so their keys are sorted once, in a
// database without a name. Reads only. Confined to the connection's thread.

import MizuBytes
import MizuSync

final class OutcomeListing {
    private let table: OutcomeTable
    private let scratch: Connection
    private let nextScope, ofScope: Statement

    /// Goes through all outcomes once. O(outcomes), on disk.
    /// - Throws: where one cannot be read, or is there twice.
    init(of connection: Connection) throws(StoreError) {
        table = try OutcomeTable(connection)
        scratch = try Connection("", as: .scratch)
        try scratch.run(
            """
            CREATE TABLE keys(scope BLOB NOT NULL, mutation BLOB NOT NULL, block INTEGER NOT NULL,
                PRIMARY KEY(scope, mutation)) WITHOUT ROWID
            """)
        let insert = try Statement(scratch, "INSERT OR IGNORE INTO keys VALUES(?, ?, ?)")
        nextScope = try Statement(scratch, "SELECT min(scope) AS scope FROM keys WHERE scope > ?")
        ofScope = try Statement(
            scratch, "SELECT mutation, block FROM keys WHERE scope = ? ORDER BY mutation",
            columns: KeyColumn.self)
        try scratch.run("BEGIN")
        try table.visitAll { (block, key, _) throws(StoreError) in
            try insert.bind(key.scope).bind(key.mutation).bind(block).run()
            guard scratch.changedRowCount == 1 else {
                throw StoreError(
                    .statement,
                    "the outcome of \(key.mutation) in \(key.scope) is there twice")
            }
            return .next
        }
        try scratch.run("COMMIT")
    }

    /// The next name of a scope that has outcomes, also of one that was never written to.
    func scope(after last: Name?) throws(StoreError) -> Name? {
        try nextScope.bind(last).first { (row) throws(StoreError) in row.name() } ?? nil
    }

    func visit(
        in scope: Name, _ visit: (Name, StoredOutcome) -> Visit
    ) throws(StoreError) {
        try ofScope.bind(scope).each { (row) throws(StoreError) in
            let key = OutcomeKey(scope: scope, mutation: try row.key(KeyColumn.mutation))
            guard let outcome = try table.outcome(of: key, inBlock: row.int(KeyColumn.block))
            else { return .next }
            return visit(key.mutation, outcome)
        }
    }
}

private enum KeyColumn: Int32, Columns { case mutation, block }
