// Takes a file of an earlier version to this one, in place and in one transaction: either all of it
// is there afterwards or nothing has changed. An older program refuses the file from then on, by
// its `user_version`. Memory is bounded by the page cache; the disk needs room for the WAL, which
// grows to the size of the database, until the upgrade is over.
//
//   1 ──sums──► 2 ──numbers for scopes, blocks, runs (Migration+Version3.swift)──► 3

import CSQLite
import Logging
import MizuBytes
import MizuSync

enum Migration {
    static func upgrade(
        _ connection: Connection, from version: Int, logger: Logger
    ) throws(StoreError) {
        logger.notice(
            """
            \(connection.path) is of an older version (schema \(version)): it is brought to schema \
            \(Schema.version), which may take a while
            """)
        try connection.transaction { () throws(StoreError) in
            if version < 2 { try upgradeTo2(connection) }
            try upgradeTo3(connection)
            try connection.run("PRAGMA user_version=\(Schema.version)")
        }
        logger.notice("\(connection.path) is of schema \(Schema.version) now")
    }

    // MARK: Version 2

    private static let columns = """
        ALTER TABLE records ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE scopes ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE scopes ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE scopes ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE scopes ADD COLUMN owner BLOB NOT NULL DEFAULT x'';
        CREATE TABLE accounts(
            account BLOB PRIMARY KEY, scopes INTEGER NOT NULL,
            bytes INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE totals(
            id INTEGER PRIMARY KEY CHECK(id = 1), aging INTEGER NOT NULL,
            outcomes INTEGER NOT NULL);
        UPDATE scopes SET log_bytes = (SELECT coalesce(sum(length(bytes)), 0)
            FROM changes WHERE changes.scope = scopes.scope);
        """

    /// The store's own time goes on from the latest that is written down, which is a wall clock's:
    /// whatever the clock says by now, nothing has aged meanwhile.
    private static let totals = """
        INSERT INTO totals(id, aging, outcomes)
            SELECT 1, latest, (SELECT count(*) FROM outcomes) FROM (
                SELECT max(time) AS latest FROM (
                    SELECT max(time) AS time FROM changes UNION ALL
                    SELECT max(pushed) FROM clients))
            WHERE latest IS NOT NULL;
        """

    /// Rows are not rewritten: new columns have their default (a record's version is 0) and one row
    /// for each scope gets its sums.
    private static func upgradeTo2(_ connection: Connection) throws(StoreError) {
        try connection.run(columns)
        try sumUp(connection)
        try connection.run(totals)
    }

    /// What the records of one scope come to.
    private struct Sum {
        let scope: Name
        var checksum = ScopeChecksum.empty
        var byteCount = 0
    }

    private enum SizeColumn: Int32, Columns { case scope, entity, id, bytes, version }

    /// Visits each record once, in the order of scopes. O(records).
    private static func sumUp(_ connection: Connection) throws(StoreError) {
        let records = try Statement(
            connection,
            """
            SELECT scope, entity, id, length(data) AS bytes, version FROM records ORDER BY scope
            """, columns: SizeColumn.self)
        var sums: [Sum] = []
        try records.each { (row) throws(StoreError) in
            let scope = try row.key(SizeColumn.scope)
            if sums.last?.scope != scope { sums.append(Sum(scope: scope)) }
            let key = RecordKey(
                entity: try row.key(SizeColumn.entity), id: try row.key(SizeColumn.id))
            let names = key.entity.bytes.count + key.id.bytes.count
            let version = row.int(SizeColumn.version)
            sums[sums.count - 1].checksum.add(key, version: version)
            sums[sums.count - 1].byteCount += names + row.int(SizeColumn.bytes)
            return .next
        }
        let update = try Statement(
            connection, "UPDATE scopes SET checksum = ?, bytes = ? WHERE scope = ?")
        for sum in sums {
            try update.bind(Int(truncatingIfNeeded: sum.checksum.bits)).bind(sum.byteCount)
                .bind(sum.scope).run()
        }
    }
}
