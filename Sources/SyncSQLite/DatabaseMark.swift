// What `mizu sync migrate` writes into a database that a server must not open: rows of another
// store are on their way into it and not all there, or all that it had went to another store. A row
// of `settings`, so that a version that knows no marks opens such a file as before; this one
// refuses it with a line that says where the rows are.

import CSQLite
import Logging
import MizuSync

/// Why a database is no server's.
package enum DatabaseMark: Hashable, Sendable {
    /// Rows come in, from a store of this name.
    case arriving(from: String)
    /// Everything went to a store of this name.
    case moved(to: String)

    /// The mark that a file has; nil for none.
    static func read(_ connection: Connection) throws(StoreError) -> DatabaseMark? {
        if let name = try connection.text("SELECT value FROM settings WHERE key = 'moved'") {
            return .moved(to: name)
        }
        return try connection.text("SELECT value FROM settings WHERE key = 'arriving'")
            .map { .arriving(from: $0) }
    }

    /// In a transaction of the caller's.
    static func write(_ mark: DatabaseMark?, _ connection: Connection) throws(StoreError) {
        try connection.run("DELETE FROM settings WHERE key IN ('moved', 'arriving')")
        switch mark {
        case .arriving(let name): try insert("'arriving'", name, connection)
        case .moved(let name): try insert("'moved'", name, connection)
        case nil: break
        }
    }

    private static func insert(
        _ key: String, _ name: String, _ connection: Connection
    ) throws(StoreError) {
        let insert = try Statement(
            connection, "INSERT INTO settings(key, value) VALUES(\(key), ?)")
        try insert.bind(Array(name.utf8)).run()
    }

    /// For people, who wanted to start a server.
    func refusal(_ path: String) -> StoreError {
        switch self {
        case .arriving(let name):
            StoreError(
                .unavailable,
                "\(path) is not complete: `mizu sync migrate` was bringing \(name) here and did "
                    + "not end. Run it again, or name another database")
        case .moved(let name):
            StoreError(
                .unavailable,
                "\(path) was moved to \(name), which goes on from here: set DATABASE_URL to that, "
                    + "or bring it back with `mizu sync migrate`")
        }
    }

    /// Refuses a file that has a mark.
    static func demandNone(_ connection: Connection) throws(StoreError) {
        if let mark = try read(connection) { throw mark.refusal(connection.path) }
    }
}

/// Who opens a database.
package enum StoreOpener: Sendable {
    /// Who goes on with it: a marked one is refused.
    case server
    /// Who copies or moves it, and knows of marks.
    case mover
}

/// A database into which rows are about to be moved.
package enum ArrivingDatabase {
    /// Makes an empty one at `path`, marked. Nothing may be there.
    /// - Parameters:
    ///   - salt: of the store that the rows come from: the hashes that they hold go on.
    ///   - source: that store's name, for people.
    package static func make(
        _ path: String, salt: UInt64, from source: String
    ) throws(StoreError) {
        let lock = try DatabaseLock(forDatabase: path)
        do {
            let connection = try Connection(lock.path, as: .writer)
            try Schema.prepare(
                connection, logger: Logger(label: "mizu sync") { _ in SwiftLogNoOpLogHandler() })
            try connection.transaction { () throws(StoreError) in
                let insert = try Statement(
                    connection, "INSERT INTO settings(key, value) VALUES('salt', ?)")
                let bytes = (0..<8).map { UInt8(truncatingIfNeeded: salt >> (56 - 8 * $0)) }
                try insert.bind(bytes).run()
                try DatabaseMark.write(.arriving(from: source), connection)
            }
        }
        withExtendedLifetime(lock.database) {}
    }

    /// The mark of a file that is there.
    /// - Throws: also where the file is no database of ours.
    package static func mark(of path: String) throws(StoreError) -> DatabaseMark? {
        let connection = try Connection(path, as: .reader)
        csqlite_keep_wal(connection.raw)
        try Schema.demand(connection)
        return try DatabaseMark.read(connection)
    }
}

extension SQLiteStore {
    /// Writes a mark, or takes it away; durable on return, with all that was committed before.
    /// Between transactions.
    package func setMark(_ mark: DatabaseMark?) throws(StoreError) {
        try fold(.whole)
        try connection.setDurability(.now)
        try mend()
        try connection.syncWAL()
        try inTransaction { () throws(StoreError) in try DatabaseMark.write(mark, connection) }
        try connection.setDurability(.later)
    }

    /// The mark that the database has.
    package func mark() throws(StoreError) -> DatabaseMark? { try DatabaseMark.read(connection) }

    /// Counted, not looked up. Between transactions.
    package func countOutcomes() throws(StoreError) -> Int {
        try fold(.whole)
        return try connection.number("SELECT ifnull(sum(count), 0) FROM outcome_runs")
    }
}
