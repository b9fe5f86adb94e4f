// Whether another program has written over what we have committed. `PRAGMA data_version` moves with
// the commits of others, never with one's own; then the last thing that we have committed is looked
// for. Where it is there, so is all before it, and whoever wrote (a replicator's own table, an
// UPDATE by hand) is left in peace. Where it is not, a backup was put back under us:
// `sqlite3 mizu.db '.restore backup.db'`.

import MizuBytes
import MizuSync

/// Asked inside each of the writer's transactions.
struct OutsideWrites {
    private let version, schema, application, epoch: Statement
    private var seen: Int
    /// Where a scope's log ended with the last commit; nil before the first of this opening.
    private var mark: Mark?
    /// Of the transaction under way.
    private var nextMark: Mark?
    /// The epoch must be written again: the transaction that wrote it was not committed.
    private var isEpochDue = false

    struct Mark {
        var scope: Name
        var head: Position
    }

    enum Finding {
        case nothing
        /// What we have committed last is gone. Write a new epoch.
        case restored
        /// Write the epoch again.
        case epochDue
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
    mutating func look(_ rows: SQLiteRows, current: Name) throws(StoreError) -> Finding {
        nextMark = nil
        let found = try Self.number(version)
        guard found != seen else { return isEpochDue ? .epochDue : .nothing }
        // Not `seen` before it is known to be ours: each later look must find it again.
        rows.discard()
        guard try Self.number(schema) == Schema.version,
            try Self.number(application) == Schema.applicationID
        else { return .replaced }
        let stored = try epoch.first { (row) throws(StoreError) in row.name() } ?? nil
        seen = found
        if !isEpochDue, stored == current, try isThere(mark, rows.log) { return .nothing }
        mark = nil
        isEpochDue = true
        return .restored
    }

    private func isThere(_ mark: Mark?, _ rows: LogRows) throws(StoreError) -> Bool {
        guard let mark else { return true }
        return try rows.scopeState(mark.scope).head == mark.head
    }

    mutating func wrote(_ head: Position, of scope: Name) {
        nextMark = Mark(scope: scope, head: head)
    }

    mutating func committed() {
        isEpochDue = false
        if let nextMark { mark = nextMark }
    }

    private static func number(_ statement: Statement) throws(StoreError) -> Int {
        try statement.first { (row) throws(StoreError) in row.int() } ?? 0
    }
}
