// Whether another program has written over what we have folded. `PRAGMA data_version` moves with
// the commits of others, never with one's own; then the epoch and the number of the last fold are
// looked for. Where they are there, so is all before them, and whoever wrote (a replicator's own
// table, an UPDATE by hand) is left in peace. Where they are not, a backup was put back under us:
// `sqlite3 mizu.db '.restore backup.db'`.

import MizuBytes
import MizuSync

/// Asked before each of the writer's transactions.
struct OutsideWrites {
    private let version, schema, application, epoch: Statement
    private var seen: Int
    /// A restore was found, and is not written down yet.
    private var isRestoreDue = false

    enum Finding {
        case nothing
        /// What we have folded last is gone. Write a new epoch, and say `settled`.
        case restored
        /// It is no database of ours any more, or of another version.
        case replaced
    }

    init(_ connection: Connection) throws(StoreError) {
        version = try Statement(connection, "PRAGMA data_version")
        schema = try Statement(connection, "PRAGMA user_version")
        application = try Statement(connection, "PRAGMA application_id")
        epoch = try Statement(connection, "SELECT value FROM settings WHERE key = 'epoch'")
        seen = try Self.number(version)
    }

    /// - Parameters:
    ///   - rows: of the transaction; they forget what they remember where others have written.
    ///   - current: the epoch that we write in.
    ///   - folded: the number of the last fold.
    mutating func look(
        _ rows: SQLiteRows, current: Name, folded: UInt64
    ) throws(StoreError) -> Finding {
        let found = try Self.number(version)
        guard found != seen else { return isRestoreDue ? .restored : .nothing }
        // Not `seen` before it is known to be ours: each later look must find it again.
        rows.discard()
        guard try Self.number(schema) == Schema.version,
            try Self.number(application) == Schema.applicationID
        else { return .replaced }
        let stored = try epoch.first { (row) throws(StoreError) in row.name() } ?? nil
        let storedFold = try rows.foldedSequence()
        seen = found
        if !isRestoreDue, stored == current, storedFold == folded { return .nothing }
        isRestoreDue = true
        return .restored
    }

    /// The new epoch is durable.
    mutating func settled() { isRestoreDue = false }

    private static func number(_ statement: Statement) throws(StoreError) -> Int {
        try statement.first { (row) throws(StoreError) in row.int() } ?? 0
    }
}
