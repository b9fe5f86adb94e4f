// Reads from another thread, on a connection of its own. A view is a transaction in repeatable
// read: its beginning travels with the first question, its end is sent and not waited for. Between
// views nothing is kept, so a pool of connections may serve many readers.

import MizuBytes
import MizuSync

/// A reader. Confined to one thread.
final class PostgresReader: SyncReader, Asking {
    private let database: PostgresDatabase
    private let connection: Connection
    /// The connection's opening in which it was asked who is there.
    private var knownOpening = 0
    /// A view of a replica; nil where there is none.
    private let copy: ReplicaView?
    /// The store's, for scopes that were never written to; nil where it was not asked for in this
    /// view.
    private var epoch: Name?
    private var view = View.none

    private enum View {
        case none
        /// The first question brings it.
        case wanted
        case open
        /// Of the replica.
        case ofCopy
    }

    private static let begin = Statement(
        "m_read", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    private static let state = Statement(
        "m_state",
        """
        SELECT m.epoch, s.cursor, s.base, s.records, s.checksum, s.bytes, s.log_bytes, s.epoch,
            s.owner, m.compatible, m.version
        FROM mizu_meta m LEFT JOIN mizu_scope s ON s.name = $1
        """)
    /// Planned once (Prefetch says how): every pull asks this.
    private static let states = Statement(
        "m_states",
        """
        SELECT m.epoch, s.cursor, s.base, s.records, s.checksum, s.bytes, s.log_bytes, s.epoch,
            s.owner, s.name, m.compatible, m.version
        FROM mizu_meta m LEFT JOIN (unnest((SELECT $1::bytea[])) AS n(name)
            CROSS JOIN LATERAL (SELECT * FROM mizu_scope WHERE name = n.name OFFSET 0) s) ON true
        """)

    init(_ database: PostgresDatabase) {
        self.database = database
        connection = Connection(database, bounds: .reading)
        copy = database.replica.map { ReplicaView(of: $0) }
    }

    // MARK: Views

    func beginReading(of scope: Name) throws(StoreError) { try beginReading() }

    func beginReading() throws(StoreError) {
        guard case .none = view else { throw StoreError(.unavailable, "there is a view already") }
        view = .wanted
        epoch = nil
    }

    func endReading() {
        if case .open = view { connection.post([Query(Schema.rollback)]) }
        view = .none
        epoch = nil
    }

    func beginReadingCopy(of scope: Name, reaching position: Position) -> Bool {
        guard case .none = view, let copy, let lineage = database.knownLineage,
            let found = copy.begin(scope, reaching: position, in: lineage)
        else { return false }
        // A replica may show what its primary has written and does not show yet. What nobody can
        // be shown by the primary is nobody's to see.
        if found.cursor > position.cursor, !isShown(found, of: scope) {
            copy.leave(for: .ahead)
            return false
        }
        view = .ofCopy
        return true
    }

    private func isShown(_ position: Position, of scope: Name) -> Bool {
        do throws(StoreError) {
            let head = try scopeStates(of: [scope]).first?.head
            return head.map { $0.epoch == position.epoch && $0.cursor >= position.cursor } ?? false
        } catch {
            // Who reads from the store next says so.
            return false
        }
    }

    func endReadingCopy() -> Bool {
        guard case .ofCopy = view, let copy else { return false }
        view = .none
        return copy.end()
    }

    func ask(_ query: Query, of scope: Name) throws(StoreError) -> Rows {
        switch view {
        case .ofCopy:
            guard let copy else { throw StoreError(.unavailable, "there is no replica") }
            return try copy.ask(query, of: scope)
        case .open:
            do throws(ConnectionFailure) {
                return try connection.run([query])[0]
            } catch {
                // The view is gone, and another one would not be the same.
                throw Self.unavailable(error)
            }
        case .wanted:
            let rows = try runAnew(query, behind: [Query(Self.begin)])
            view = .open
            return rows
        case .none:
            return try runAnew(query)
        }
    }

    /// Nothing was shown yet: where the connection is gone, a new one does as well.
    private func runAnew(
        _ query: Query, behind opening: [Query] = []
    ) throws(StoreError) -> Rows {
        var tries = 0
        while true {
            do throws(ConnectionFailure) {
                try connection.open()
                if connection.openings == knownOpening {
                    // What travels together is one transaction.
                    let before = opening + connection.opening
                    let answers = try connection.run(before + [query])
                    try connection.checkOpening(answers[opening.count..<before.count])
                    return answers[before.count]
                }
            } catch {
                // What was refused in a view leaves its transaction.
                if connection.isOpen { connection.post([Query(Schema.rollback)]) }
                tries += 1
                if tries < 2, !connection.isOpen, case .broken = error { continue }
                if tries < 2, !connection.isOpen, case .refused = error { continue }
                throw Self.unavailable(error)
            }
            try learnWhoIsThere()
        }
    }

    /// Asks a server that was just connected to which database it is, before anything is shown of
    /// it: after a failover a new epoch begins first.
    private func learnWhoIsThere() throws(StoreError) {
        let opening = connection.openings
        do throws(StoreError) {
            database.learn(try Schema.facts(connection, admitsMark: true))
        } catch {
            throw StoreError(.unavailable, error.message, cause: error.cause)
        }
        knownOpening = opening
    }

    private static func unavailable(_ failure: ConnectionFailure) -> StoreError {
        let error = failure.storeError(isCommitSent: false)
        return StoreError(.unavailable, error.message, cause: error.cause)
    }

    // MARK: Rows

    func scopeState(_ scope: Name) throws(StoreError) -> ScopeState {
        if case .ofCopy = view, let state = copy?.state(of: scope) { return state }
        let rows = try ask(Query(Self.state).with(scope), of: scope)
        guard rows.count == 1 else { throw Rows.damaged("mizu_meta has \(rows.count) rows") }
        try Schema.checkVersion(rows, 0, compatible: 9, version: 10)
        if let state = try rows.scopeState(0, from: 1) { return state }
        return ScopeState(unwrittenIn: try rows.name(0, 0))
    }

    func scopeStates(of scopes: [Name]) throws(StoreError) -> [ScopeState] {
        guard case .none = view else { throw StoreError(.unavailable, "there is a view already") }
        let rows = try runAnew(Query(Self.states).with(scopes))
        guard rows.count > 0 else { throw Rows.damaged("mizu_meta has no row") }
        try Schema.checkVersion(rows, 0, compatible: 10, version: 11)
        var found: [Name: ScopeState] = [:]
        for row in 0..<rows.count where !rows.isNull(row, 9) {
            found[try rows.name(row, 9)] = try rows.scopeState(row, from: 1)
        }
        let unwritten = ScopeState(unwrittenIn: try rows.name(0, 0))
        return scopes.map { found[$0] ?? unwritten }
    }

    func epoch(at cursor: Int, in scope: Name) throws(StoreError) -> Name? {
        try committedEpoch(at: cursor, in: scope)
    }

    func storedRecord(_ key: RecordKey, in scope: Name) throws(StoreError) -> StoredRecord? {
        try committedRecord(key, in: scope)
    }

    func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        try eachMutation(of: scope, after: cursor) { (rows, row) throws(StoreError) in
            visit(try rows.entry(row))
        }
    }

    func visitLogRows(
        of scope: Name, after cursor: Int,
        _ visit: (borrowing LogRow) throws(StoreError) -> Visit
    ) throws(StoreError) {
        try eachMutation(of: scope, after: cursor) { (rows, row) throws(StoreError) in
            let span = try rows.span(row)
            return try visit(
                LogRow(first: span.first, last: span.last, bytes: rows.bytes(row, 4)) {
                    () throws(StoreError) in try rows.entry(row)
                })
        }
    }

    func visitRecords(
        in scope: Name, after key: RecordKey?, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        try eachRecord(in: scope, after: key) { (rows, row) throws(StoreError) in
            visit(
                RecordKey(entity: try rows.name(row, 2), id: try rows.name(row, 3)),
                try rows.record(row, from: 0))
        }
    }

    func visitRecordBytes(
        in scope: Name, after key: RecordKey?, _ visit: (RecordBytes) -> Visit
    ) throws(StoreError) {
        try eachRecord(in: scope, after: key) { (rows, row) throws(StoreError) in
            visit(
                RecordBytes(
                    entity: rows.bytes(row, 2), id: rows.bytes(row, 3), json: rows.bytes(row, 1),
                    version: try rows.count(row, 0)))
        }
    }

    func visitRecords(
        of entity: Name, in scope: Name, _ visit: (Name, ByteSlice) -> Visit
    ) throws(StoreError) {
        try eachRecord(in: scope, after: nil, of: entity) { (rows, row) throws(StoreError) in
            visit(try rows.name(row, 3), rows.slice(row, 1))
        }
    }
}
