// The tables, and what is checked before a file is taken for ours. Names are BLOBs, because they
// are compared byte for byte; `WITHOUT ROWID` where a table is looked up by its key. A user or
// client that is nobody is an empty BLOB. Times are milliseconds since 1970. What each table costs
// a commit is in Assets/Guides/engine.md, "The tables".

import CSQLite
import Logging
import MizuBytes
import MizuSync

enum Schema {
    /// In `user_version`. A file of a newer version is refused.
    static let version = 3
    /// "Mizu", in `application_id`, so that another program's file is not written to.
    static let applicationID = 0x4D69_7A75

    /// - scopes: `cursor` and `epoch` are the head's, 0 and empty as long as nothing was written;
    ///   `checksum` and `bytes` are of its records, `log_bytes` of its changes; `owner` is the
    ///   account that made it, empty for nobody's. All other tables call it by `id`, but those of
    ///   outcomes and clients, which are kept of scopes that were never written to as well.
    /// - epochs: `epoch` has written the changes from cursor `first` on.
    /// - log: neighbouring mutations of a scope in each row (LogBlock.swift); `last` and `first`
    ///   are cursors, `time` is the first mutation's.
    /// - records: `version` is the cursor of the change that wrote it last, 0 for what is older
    ///   than version 2 of this schema.
    /// - outcome_runs, outcome_filters, outcome_blocks: OutcomeTable.swift.
    /// - clients: who has pushed to which scope.
    /// - accounts: what their scopes come to.
    /// - totals: one row, of all scopes together. `aging` is the time that changes, outcomes and
    ///   clients age by; it is the store's own and no clock's.
    /// - journal: one row, the commit journal that belongs to the file: which one it is, and the
    ///   last record of it whose rows are all in here.
    static let tables = """
        CREATE TABLE scopes(
            id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE,
            cursor INTEGER NOT NULL DEFAULT 0, base INTEGER NOT NULL DEFAULT 0,
            records INTEGER NOT NULL DEFAULT 0, checksum INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0, log_bytes INTEGER NOT NULL DEFAULT 0,
            epoch BLOB NOT NULL DEFAULT x'', owner BLOB NOT NULL DEFAULT x'');
        CREATE TABLE epochs(
            scope INTEGER NOT NULL, first INTEGER NOT NULL, epoch BLOB NOT NULL,
            PRIMARY KEY(scope, first)) WITHOUT ROWID;
        CREATE TABLE records(
            scope INTEGER NOT NULL, entity BLOB NOT NULL, id BLOB NOT NULL,
            version INTEGER NOT NULL, data BLOB NOT NULL,
            PRIMARY KEY(scope, entity, id)) WITHOUT ROWID;
        CREATE TABLE log(
            scope INTEGER NOT NULL, last INTEGER NOT NULL, first INTEGER NOT NULL,
            time INTEGER NOT NULL, marks BLOB NOT NULL, bytes BLOB NOT NULL,
            PRIMARY KEY(scope, last)) WITHOUT ROWID;
        CREATE TABLE outcome_runs(
            id INTEGER PRIMARY KEY, count INTEGER NOT NULL, review INTEGER NOT NULL);
        CREATE TABLE outcome_filters(
            id INTEGER PRIMARY KEY, firsts BLOB NOT NULL, filter BLOB NOT NULL,
            sum INTEGER NOT NULL);
        CREATE TABLE outcome_blocks(id INTEGER PRIMARY KEY, rows BLOB NOT NULL);
        CREATE TABLE journal(
            id INTEGER PRIMARY KEY CHECK(id = 1), identity INTEGER NOT NULL,
            folded INTEGER NOT NULL);
        """

    /// As they were in version 2.
    private static let olderTables = """
        CREATE TABLE settings(
            key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE accounts(
            account BLOB PRIMARY KEY, scopes INTEGER NOT NULL,
            bytes INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE totals(
            id INTEGER PRIMARY KEY CHECK(id = 1), aging INTEGER NOT NULL,
            outcomes INTEGER NOT NULL);
        CREATE TABLE clients(
            client BLOB NOT NULL, scope BLOB NOT NULL, user BLOB NOT NULL,
            pushed INTEGER NOT NULL, outcomes INTEGER NOT NULL,
            PRIMARY KEY(client, scope)) WITHOUT ROWID;
        CREATE INDEX clients_by_user ON clients(scope, user, pushed);
        """

    /// Makes the tables in an empty file, takes a file of ours, refuses any other.
    static func prepare(_ connection: Connection, logger: Logger) throws(StoreError) {
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
        if version < Self.version {
            try Migration.upgrade(connection, from: version, logger: logger)
        }
    }

    /// Random, and the same as long as the database lives. Made where there is none, which a
    /// connection that only reads cannot.
    static func salt(_ connection: Connection) throws(StoreError) -> UInt64 {
        let statement = try Statement(
            connection, "SELECT value FROM settings WHERE key = 'salt'")
        var bytes = try statement.first { (row) throws(StoreError) in row.blob() }
        if bytes == nil {
            try connection.run("INSERT INTO settings(key, value) VALUES('salt', randomblob(8))")
            bytes = try statement.first { (row) throws(StoreError) in row.blob() }
        }
        return (bytes ?? .empty).array.reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func create(_ connection: Connection) throws(StoreError) {
        try connection.transaction { () throws(StoreError) in
            try connection.run(olderTables)
            try connection.run(tables)
            try connection.run("PRAGMA application_id=\(applicationID)")
            try connection.run("PRAGMA user_version=\(version)")
        }
    }

    /// Refuses what is no database of ours, or one of another version.
    static func demand(_ connection: Connection) throws(StoreError) {
        let version = try connection.number("PRAGMA user_version")
        guard try connection.number("PRAGMA application_id") == applicationID else {
            throw StoreError(.unavailable, "\(connection.path) is no database of mizu")
        }
        guard version == Self.version else {
            throw StoreError(
                .unavailable,
                "\(connection.path) was written by another version of mizu (schema \(version), "
                    + "this one knows \(Self.version))")
        }
    }

    private static func foreign(_ connection: Connection) -> StoreError {
        StoreError(
            .unavailable, "\(connection.path) is a database of another program: name another file")
    }
}
