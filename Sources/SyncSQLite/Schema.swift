// The tables, and what is checked before a file is taken for ours. Names are BLOBs, because they
// are compared byte for byte; `WITHOUT ROWID`, because every table is looked up by its key. A user
// or client that is nobody is an empty BLOB. Times are milliseconds since 1970.

import CSQLite
import MizuBytes
import MizuSync

enum Schema {
    /// In `user_version`. A file of a newer version is refused.
    static let version = 2
    /// "Mizu", in `application_id`, so that another program's file is not written to.
    static let applicationID = 0x4D69_7A75

    /// - epochs: `epoch` has written the changes from cursor `first` on.
    /// - changes: one row for each mutation, the unit of the log. `ends` is where in `bytes` each
    ///   change ends, 4 bytes each (little-endian); empty where there is one change.
    /// - records: `version` is the cursor of the change that wrote it last, 0 for what is older
    ///   than version 2 of this schema.
    /// - scopes: `checksum` and `bytes` are of its records, `log_bytes` of its changes; `owner` is
    ///   the account that made it, empty for nobody's.
    /// - totals: one row, of all scopes together. `aging` is the time that changes, outcomes and
    ///   clients age by; it is the store's own and no clock's.
    /// - accounts: what their scopes come to.
    /// - outcomes: `code` is empty where the mutation was applied; then `cursor` and `epoch` are
    ///   the position that was told.
    private static let tables = """
        CREATE TABLE settings(
            key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE scopes(
            scope BLOB PRIMARY KEY, cursor INTEGER NOT NULL, base INTEGER NOT NULL,
            records INTEGER NOT NULL, checksum INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0, log_bytes INTEGER NOT NULL DEFAULT 0,
            owner BLOB NOT NULL DEFAULT x'') WITHOUT ROWID;
        CREATE TABLE accounts(
            account BLOB PRIMARY KEY, scopes INTEGER NOT NULL,
            bytes INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE totals(
            id INTEGER PRIMARY KEY CHECK(id = 1), aging INTEGER NOT NULL,
            outcomes INTEGER NOT NULL);
        CREATE TABLE epochs(
            scope BLOB NOT NULL, first INTEGER NOT NULL, epoch BLOB NOT NULL,
            PRIMARY KEY(scope, first)) WITHOUT ROWID;
        CREATE TABLE records(
            scope BLOB NOT NULL, entity BLOB NOT NULL, id BLOB NOT NULL, data BLOB NOT NULL,
            version INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY(scope, entity, id)) WITHOUT ROWID;
        CREATE TABLE changes(
            scope BLOB NOT NULL, last INTEGER NOT NULL, first INTEGER NOT NULL,
            time INTEGER NOT NULL, ends BLOB NOT NULL, bytes BLOB NOT NULL,
            PRIMARY KEY(scope, last)) WITHOUT ROWID;
        CREATE TABLE outcomes(
            scope BLOB NOT NULL, mutation BLOB NOT NULL, high INTEGER NOT NULL,
            low INTEGER NOT NULL, user BLOB NOT NULL, client BLOB NOT NULL,
            sequence INTEGER NOT NULL, review INTEGER NOT NULL, cursor INTEGER NOT NULL,
            epoch BLOB NOT NULL, code BLOB NOT NULL, error BLOB NOT NULL,
            PRIMARY KEY(scope, mutation)) WITHOUT ROWID;
        CREATE INDEX outcomes_by_review ON outcomes(review);
        CREATE TABLE clients(
            client BLOB NOT NULL, scope BLOB NOT NULL, user BLOB NOT NULL,
            pushed INTEGER NOT NULL, outcomes INTEGER NOT NULL,
            PRIMARY KEY(client, scope)) WITHOUT ROWID;
        CREATE INDEX clients_by_user ON clients(scope, user, pushed);
        """

    /// - journal: one row, the commit journal that belongs to the file: which one it is, and the
    ///   last record of it whose rows are all in here.
    private static let journal = """
        CREATE TABLE IF NOT EXISTS journal(
            id INTEGER PRIMARY KEY CHECK(id = 1), identity INTEGER NOT NULL,
            folded INTEGER NOT NULL);
        """

    /// Makes the tables in an empty file, takes a file of ours, refuses any other.
    static func prepare(_ connection: Connection) throws(StoreError) {
        let version = try connection.number("PRAGMA user_version")
        let application = try connection.number("PRAGMA application_id")
        if version == 0, application == 0 {
            guard try connection.number("SELECT count(*) FROM sqlite_schema") == 0 else {
                throw foreign(connection)
            }
            return try create(connection)
        }
        guard application == applicationID else { throw foreign(connection) }
        guard version <= Self.version else {
            throw StoreError(
                .unavailable,
                "\(connection.path) was written by a newer version of mizu "
                    + "(schema \(version), this one knows \(Self.version)): upgrade mizu")
        }
        // Ours, but of no version that ever was.
        guard version >= 1 else { throw foreign(connection) }
        if version < Self.version { try Migration.upgrade(connection) }
        try connection.run(journal)
    }

    private static func create(_ connection: Connection) throws(StoreError) {
        try connection.run("BEGIN IMMEDIATE")
        do {
            try connection.run(tables)
            try connection.run(journal)
            try connection.run("PRAGMA application_id=\(applicationID)")
            try connection.run("PRAGMA user_version=\(version)")
            try connection.run("COMMIT")
        } catch {
            sqlite3_exec(connection.raw, "ROLLBACK", nil, nil, nil)
            throw error
        }
    }

    private static func foreign(_ connection: Connection) -> StoreError {
        StoreError(
            .unavailable, "\(connection.path) is a database of another program: name another file")
    }
}
