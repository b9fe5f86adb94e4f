// All rows of a database, for who moves them away (`mizu sync migrate`): what stores and readers
// never ask for, because they know which scope they want. Read in views of one moment, and at the
// end under a lock that keeps every node from writing while all of them may read. What is left then
// refuses writes by itself, whoever is still connected.
//
//   open ──view──► a snapshot in repeatable read ──► open
//     └──hold──► one transaction, `mizu_scope` locked ──close(as:)──► marked, and triggers refuse
//
// Confined to one thread.

import MizuBytes
import MizuSync

package final class PostgresRows: Asking {
    private let connection: Connection
    /// Hosts, port and name.
    package let place: String
    private var view = View.none
    /// Whether a transaction is open that locks the scopes.
    package private(set) var isHeld = false
    /// The oldest transaction that was under way when outcomes were visited last.
    private var horizon = 0

    private enum View {
        case none
        /// The first question brings it.
        case wanted
        case open
    }

    /// Connects. Needs a session of its own: no pool between.
    /// - Throws: one line for people, also where there are no tables, or a pool is between.
    package init(_ database: PostgresDatabase) throws(StoreError) {
        place = database.place
        connection = Connection(database)
        do throws(ConnectionFailure) {
            try connection.openSession()
        } catch {
            throw StoreError(
                .unavailable, "\(place): \(error.storeError(isCommitSent: false).message)")
        }
        guard try PostgresMark.areTables(there: connection) else {
            throw StoreError(.unavailable, "\(place): there are no tables of mizu")
        }
    }

    // MARK: Asking

    private static let begin = Statement(
        "m_v_begin", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    func ask(_ query: Query, of scope: Name) throws(StoreError) -> Rows { try ask(query) }

    private func ask(_ query: Query) throws(StoreError) -> Rows {
        do throws(ConnectionFailure) {
            if case .wanted = view {
                let rows = try connection.run([Query(Self.begin), query])
                view = .open
                return rows[1]
            }
            return try connection.run([query])[0]
        } catch {
            throw StoreError(
                .unavailable, "\(place): \(error.storeError(isCommitSent: false).message)")
        }
    }

    /// Begins a view. Where the scopes are locked nothing changes anyway.
    package func beginView() { if !isHeld { view = .wanted } }

    package func endView() {
        if case .open = view { connection.post([Query(Schema.rollback)]) }
        view = .none
    }

    // MARK: Facts

    package func mark() throws(StoreError) -> PostgresMark? {
        try PostgresMark.read(connection)
    }

    private static let saltOf = Statement("m_v_salt", "SELECT salt FROM mizu_meta")
    private static let totalsOf = Statement(
        "m_v_totals",
        """
        SELECT coalesce(max(aging), 0)::int8, coalesce(sum(outcomes), 0)::int8 FROM mizu_total
        """)

    package func salt() throws(StoreError) -> UInt64 {
        let rows = try ask(Query(Self.saltOf))
        guard rows.count == 1 else { throw Rows.damaged("mizu_meta has \(rows.count) rows") }
        return UInt64(bitPattern: Int64(try rows.int(0, 0)))
    }

    package func totals() throws(StoreError) -> StoreTotals? {
        let rows = try ask(Query(Self.totalsOf))
        let aging = try rows.int(0, 0)
        guard aging > 0 else { return nil }
        return StoreTotals(
            agingMilliseconds: Int64(aging), outcomeCount: max(0, try rows.int(0, 1)))
    }

    // MARK: Scopes

    /// What a scope's clients come to.
    package struct Clients: Sendable {
        package let count: Int
        package let pushes: Int
        package let outcomes: Int
    }

    private static let scopesAfter = Statement(
        "m_v_scopes",
        """
        SELECT s.name, s.cursor, s.base, s.records, s.checksum, s.bytes, s.log_bytes, s.epoch,
            s.owner, c.count, c.pushes, c.outcomes
        FROM (SELECT * FROM mizu_scope WHERE name > $1 ORDER BY name LIMIT $2) s
        CROSS JOIN LATERAL (
            SELECT count(*), mod(coalesce(sum(pushed), 0), 4611686018427387904)::int8 AS pushes,
                mod(coalesce(sum(outcomes), 0), 4611686018427387904)::int8 AS outcomes
            FROM mizu_client WHERE scope = s.name) c
        ORDER BY s.name
        """)
    private static let scope = Statement(
        "m_v_scope",
        """
        SELECT s.name, s.cursor, s.base, s.records, s.checksum, s.bytes, s.log_bytes, s.epoch,
            s.owner, c.count, c.pushes, c.outcomes
        FROM (SELECT * FROM mizu_scope WHERE name = $1) s
        CROSS JOIN LATERAL (
            SELECT count(*), mod(coalesce(sum(pushed), 0), 4611686018427387904)::int8 AS pushes,
                mod(coalesce(sum(outcomes), 0), 4611686018427387904)::int8 AS outcomes
            FROM mizu_client WHERE scope = s.name) c
        """)
    private static let pageRows = 1_000

    /// The next scopes behind `scope`, in order; none behind the last.
    package func scopes(
        after scope: Name?
    ) throws(StoreError) -> [(name: Name, state: ScopeState?, clients: Clients)] {
        let rows = try ask(Query(Self.scopesAfter).with(scope).with(Self.pageRows))
        var found: [(name: Name, state: ScopeState?, clients: Clients)] = []
        for row in 0..<rows.count {
            let (state, clients) = try Self.summary(rows, row)
            found.append((try rows.name(row, 0), state, clients))
        }
        return found
    }

    package func summary(
        of scope: Name
    ) throws(StoreError) -> (state: ScopeState?, clients: Clients)? {
        let rows = try ask(Query(Self.scope).with(scope))
        return rows.count == 1 ? try Self.summary(rows, 0) : nil
    }

    private static func summary(
        _ rows: Rows, _ row: Int
    ) throws(StoreError) -> (state: ScopeState?, clients: Clients) {
        (
            try rows.scopeState(row, from: 1),
            Clients(
                count: try rows.int(row, 9), pushes: try rows.int(row, 10),
                outcomes: try rows.int(row, 11))
        )
    }

    private static let epochsOf = Statement(
        "m_v_epochs", "SELECT first, epoch FROM mizu_epoch WHERE scope = $1 ORDER BY first")
    private static let clientsOf = Statement(
        "m_v_clients",
        """
        SELECT client, owner, pushed, outcomes FROM mizu_client
        WHERE scope = $1 AND client > $2 ORDER BY client LIMIT $3
        """)

    package func epochs(of scope: Name) throws(StoreError) -> [(first: Int, epoch: Name)] {
        let rows = try ask(Query(Self.epochsOf).with(scope))
        var found: [(first: Int, epoch: Name)] = []
        for row in 0..<rows.count { found.append((try rows.count(row, 0), try rows.name(row, 1))) }
        return found
    }

    package func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        try eachMutation(of: scope, after: cursor) { (rows, row) throws(StoreError) in
            visit(try rows.entry(row))
        }
    }

    package func storedRecord(
        _ key: RecordKey, in scope: Name
    ) throws(StoreError) -> StoredRecord? {
        try committedRecord(key, in: scope)
    }

    package func visitRecords(
        in scope: Name, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        try eachRecord(in: scope, after: nil) { (rows, row) throws(StoreError) in
            visit(
                RecordKey(entity: try rows.name(row, 2), id: try rows.name(row, 3)),
                try rows.record(row, from: 0))
        }
    }

    package func visitClients(
        of scope: Name, _ visit: (Name, ClientState) -> Visit
    ) throws(StoreError) {
        var last: Name?
        while true {
            let rows = try ask(
                Query(Self.clientsOf).with(scope).with(last).with(Self.pageRows))
            for row in 0..<rows.count {
                let name = try rows.name(row, 0)
                last = name
                guard case .next = visit(name, try rows.client(row, from: 1)) else { return }
            }
            guard rows.count == Self.pageRows else { return }
        }
    }

    // MARK: Accounts and outcomes

    private static let accountsAfter = Statement(
        "m_v_accounts",
        """
        SELECT account, scopes, bytes FROM mizu_account WHERE account > $1
        ORDER BY account LIMIT $2
        """)

    package func visitAccounts(
        _ visit: (Account, AccountState) -> Visit
    ) throws(StoreError) {
        var last: [UInt8] = []
        while true {
            let rows = try ask(Query(Self.accountsAfter).with(last).with(Self.pageRows))
            for row in 0..<rows.count {
                last = [UInt8](rows.bytes(row, 0))
                guard let account = Account(stored: last) else {
                    throw Rows.damaged("an account's name")
                }
                let state = AccountState(
                    scopeCount: try rows.int(row, 1), byteCount: try rows.int(row, 2))
                guard case .next = visit(account, state) else { return }
            }
            guard rows.count == Self.pageRows else { return }
        }
    }

    private static let horizonNow = Statement(
        "m_v_horizon", "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::int8")
    /// A row is new where its transaction is no older than the horizon, in the counting of 32 bits
    /// that goes round; one that is older than half a round comes as well, which costs nothing but
    /// time.
    private static let outcomesAfter = Statement(
        "m_v_outcomes",
        """
        SELECT scope, mutation, review, cursor, epoch, code, message, high, low, owner, client,
            sequence
        FROM mizu_outcome
        WHERE (scope, mutation) > ($1, $2)
            AND ($3 = 0 OR age(xmin) <= age($3::int8::text::xid8::xid))
        ORDER BY scope, mutation LIMIT $4
        """)

    /// Visits the outcomes that were written since the last call began; all of them the first time.
    package func visitNewOutcomes(
        _ visit: (Name, Name, StoredOutcome) throws(StoreError) -> Void
    ) throws(StoreError) {
        beginView()
        defer { endView() }
        let rows = try ask(Query(Self.horizonNow))
        let next = try rows.int(0, 0)
        var (scope, mutation): (Name?, Name?)
        while true {
            let rows = try ask(
                Query(Self.outcomesAfter).with(scope).with(mutation).with(horizon)
                    .with(Self.pageRows))
            for row in 0..<rows.count {
                let (place, name) = (try rows.name(row, 0), try rows.name(row, 1))
                (scope, mutation) = (place, name)
                try visit(place, name, try rows.outcome(row, from: 2))
            }
            guard rows.count == Self.pageRows else { break }
        }
        horizon = next
    }

    // MARK: The end

    private static let patience = Statement(
        "m_v_patience", "SELECT set_config('idle_in_transaction_session_timeout', '0', true)")
    private static let lockScopes = Statement(
        "m_v_lock", "LOCK TABLE mizu_scope IN EXCLUSIVE MODE")

    /// Waits until no node is in the middle of a commit, and keeps all of them from the next one.
    /// They may read.
    package func hold() throws(StoreError) {
        guard !isHeld else { return }
        endView()
        do throws(ConnectionFailure) {
            _ = try connection.run([
                Query(Schema.begin), Query(Self.patience), Query(Self.lockScopes),
            ])
        } catch {
            connection.post([Query(Schema.rollback)])
            throw StoreError(
                .unavailable, "\(place): \(error.storeError(isCommitSent: false).message)")
        }
        isHeld = true
    }

    /// Marks the database and lets go of the lock: from now on the database itself refuses what
    /// nodes want to write, those that waited for the lock included.
    package func close(as mark: PostgresMark) throws(StoreError) {
        guard isHeld else { throw StoreError(.unavailable, "\(place) is not held") }
        do throws(ConnectionFailure) {
            _ = try connection.run(
                [PostgresMark.write(mark)] + PostgresMark.refusals + [Query(Schema.commit)])
        } catch {
            throw error.storeError(isCommitSent: true)
        }
        isHeld = false
    }
}
