// Keeps Sync's rows in PostgreSQL, beside other processes that do the same. Two round trips make a
// commit: one begins the transaction, locks the rows of all scopes of the batch in the order of
// their names and looks up what the batch will ask for; one writes everything and commits. A
// scope's row is the lock of all that is of the scope, so its cursors have no gap and what was read
// under the lock is how it is. What was not foreseen costs a round trip each. A lone push to a
// scope to which the same store wrote last is one round trip (LoneMemory).
//
//   closed ──begin──► open ──reads, writes (in memory)──► commit: one pipeline ──► durable
//     ▲                 │                                    └─broke──► nobody knows: unavailable
//     └──rollback, conflict (deadlock, connection lost before the commit was sent)
//
// No state of a session is used beside prepared statements, and these only where no pool stands
// between: so PgBouncer in transaction mode does.

import Logging
import MizuBytes
import MizuSync

/// A store on a connection of its own. Confined to its committer's thread.
final class PostgresStore: SyncStore, Asking {
    let database: PostgresDatabase
    let connection: Connection
    private(set) var epoch: Name
    let salt: UInt64
    /// Which row of the totals is this store's.
    let lane: Int
    /// Nil outside of transactions.
    var transaction: OpenTransaction?
    var cache = RecordCache()
    var guesses = RecordGuesses()
    var memories = LoneMemories()
    /// Scopes that the last attempt came to without having been told: locked in order this time.
    private var foundScopes: Set<Name> = []
    /// The connection's opening in which the epoch was asked for.
    private var knownOpening = 0

    static let lanes = 64

    /// Whether it is a mover's, which knows of marks.
    private let isMover: Bool

    init(
        _ database: PostgresDatabase, newEpoch: Name?, isMover: Bool = false
    ) throws(StoreError) {
        self.isMover = isMover
        self.database = database
        connection = Connection(database, bounds: .writing)
        lane = Int.random(in: 0..<Self.lanes)
        do throws(ConnectionFailure) {
            try connection.open()
            try Schema.prepare(connection)
        } catch {
            let reason = error.storeError(isCommitSent: false)
            throw StoreError(
                .unavailable, "\(database.place): \(reason.message)", cause: reason.cause)
        }
        let facts = try Schema.facts(
            connection, newEpoch: newEpoch, admitsMark: isMover)
        database.learn(facts)
        epoch = facts.epoch
        salt = facts.salt
        knownOpening = connection.openings
        database.logger.debug(
            "database opened", metadata: ["place": "\(database.place)", "epoch": "\(epoch)"])
    }

    var isShared: Bool { true }
    /// The disk is the server's.
    func diskSpace() -> DiskSpace? { nil }

    func makeReader() throws(StoreError) -> sending any SyncReader {
        try database.makeReader()
    }

    // MARK: Asking

    /// One pipeline of the open transaction, or one by itself.
    func run(_ queries: [Query]) throws(StoreError) -> [Rows] {
        let ahead = transaction?.assumed ?? []
        transaction?.assumed = []
        do {
            let rows = try connection.run(ahead + queries)
            if !ahead.isEmpty { memories.totals = try Self.totals(rows[LoneLook.checkIndex], 1) }
            return Array(rows[ahead.count...])
        } catch let failure as ConnectionFailure {
            throw failure.storeError(isCommitSent: false)
        } catch let error as StoreError {
            throw error
        } catch {
            throw StoreError(.unavailable, "\(error)")
        }
    }

    private func checkOpening(_ rows: ArraySlice<Rows>) throws(StoreError) {
        do throws(ConnectionFailure) {
            try connection.checkOpening(rows)
        } catch {
            throw error.storeError(isCommitSent: false)
        }
    }

    /// Locks the scope first, if it is not: what is read without its lock may be old the next
    /// moment.
    func ask(_ query: Query, of scope: Name) throws(StoreError) -> Rows {
        guard transaction != nil else {
            try open()
            return try run([query])[0]
        }
        try lock(scope)
        return try run([query])[0]
    }

    /// Connects where that is due, and looks whether it is still the same database.
    func open() throws(StoreError) {
        do throws(ConnectionFailure) {
            try connection.open()
        } catch {
            throw error.storeError(isCommitSent: false)
        }
        guard connection.openings != knownOpening else { return }
        let facts = try Schema.facts(connection, admitsMark: isMover)
        database.learn(facts)
        if facts.epoch != epoch {
            cache.removeAll()
            database.logger.notice(
                "the database is another one than before, or an older state of it: a new epoch",
                metadata: ["place": "\(database.place)", "epoch": "\(facts.epoch)"])
        }
        take(facts.epoch)
        knownOpening = connection.openings
    }

    private func take(_ epoch: Name) {
        if self.epoch != epoch { cache.removeAll() }
        self.epoch = epoch
    }
}

// MARK: Transactions

extension PostgresStore {
    static let state = Statement(
        "m_begin_state",
        """
        SELECT m.epoch, t.aging, t.outcomes, m.compatible, m.version FROM mizu_meta m, (
            SELECT max(aging) AS aging, coalesce(sum(outcomes), 0)::int8 AS outcomes
            FROM mizu_total) t
        """)
    private static let takeTurn = Statement(
        "m_turn",
        """
        SELECT pg_try_advisory_xact_lock(1298758261, hashtext('trim ' || current_schema()))
            ::int::int8
        """)

    func begin() throws(StoreError) {
        try start([Query(Self.state)]) { _, _ in }
    }

    /// Once a second: so it finds out as well whether somebody holds a lock that pushes would wait
    /// for, also where nobody pushes.
    func beginTrimming() throws(StoreError) -> Bool {
        var isOurs = false
        try start([Query(Self.state), Query(Self.takeTurn)]) { (_, rows) throws(StoreError) in
            isOurs = try rows[1].int(0, 0) == 1
        }
        // Shorter than a push, so that it is known before the first of them is refused.
        let bound = Bounds.patience(milliseconds: Bounds.reading.lockMilliseconds)
        _ = try run([bound, Query(Schema.lockAsAPush)])
        guard isOurs else {
            rollback()
            return false
        }
        transaction?.isTrimming = true
        return true
    }

    func begin(for pushes: [PushRequest]) throws(StoreError) {
        var scopes = foundScopes
        foundScopes = []
        for push in pushes { scopes.insert(push.scope) }
        if scopes.count == 1, let look = LoneLook(pushes, guesses, cache) {
            if try assume(look, pushes) { return }
            return try start(
                look.queries, stateAt: LoneLook.stateIndex, versionsAt: LoneLook.versionsColumn
            ) { (transaction, rows) throws(StoreError) in
                transaction.pushes = pushes
                try look.take(rows, into: &transaction, &cache)
            }
        }
        let ahead = Prefetch(pushes, scopes: scopes.sorted(), guesses, cache)
        try start([Query(Self.state)] + ahead.queries) { (transaction, rows) throws(StoreError) in
            transaction.pushes = pushes
            try ahead.take(rows.dropFirst(), into: &transaction, &cache)
        }
    }

    /// - Parameters:
    ///   - queries: what is asked behind `BEGIN`.
    ///   - index: which one of them has found the columns of `state` first.
    ///   - column: where its `compatible` is, and `version` behind it.
    ///   - take: what they have found.
    private func start(
        _ queries: [Query], stateAt index: Int = 0, versionsAt column: Int = 3,
        _ take: (inout OpenTransaction, ArraySlice<Rows>) throws(StoreError) -> Void
    ) throws(StoreError) {
        if transaction != nil { rollback() }
        try open()
        var begun = OpenTransaction()
        do throws(StoreError) {
            let opening = [Query(Schema.begin)] + connection.opening
            let answers = try run(opening + queries)
            try checkOpening(answers[1..<opening.count])
            let rows = Array(answers[opening.count...])
            let state = rows[index]
            guard state.count == 1 else { throw Rows.damaged("mizu_meta has \(state.count) rows") }
            // A node that goes on while a newer one has migrated the tables.
            try Schema.checkVersion(state, 0, compatible: column, version: column + 1)
            self.take(try state.name(0, 0))
            begun.totals = try Self.totals(state, 1)
            memories.totals = begun.totals
            try take(&begun, rows[...])
        } catch {
            connection.post([Query(Schema.rollback)])
            throw error
        }
        transaction = begun
    }

    func savepoint() throws(StoreError) { transaction?.save() }
    func releaseSavepoint() throws(StoreError) {}
    func rollbackToSavepoint() throws(StoreError) { transaction?.rollBackToSave() }

    func commit() throws(StoreError) {
        guard let transaction else {
            throw StoreError(.unavailable, "there is no transaction")
        }
        // Rows that were made to be locked go with it.
        guard !transaction.writes.isEmpty else {
            // What was refused stands on it as well.
            if !transaction.assumed.isEmpty { _ = try run([]) }
            self.transaction?.assumedScope = nil
            return rollback()
        }
        let queries =
            transaction.assumed + Flush(transaction, lane: lane).queries + [Query(Schema.commit)]
        do throws(ConnectionFailure) {
            try connection.checkAlive()
        } catch {
            throw error.storeError(isCommitSent: false)
        }
        self.transaction?.assumed = []
        let rows: [Rows]
        do throws(ConnectionFailure) {
            rows = try connection.run(queries)
        } catch {
            throw error.storeError(isCommitSent: true)
        }
        guard rows.last?.tag == "COMMIT" else {
            throw StoreError(.conflict, "the server has rolled the transaction back")
        }
        self.transaction = nil
        remember(transaction)
        if !transaction.assumed.isEmpty { learnTotals(rows[LoneLook.checkIndex], transaction) }
    }

    /// What was committed is what the next transaction will find, if nobody else comes between.
    private func remember(_ transaction: OpenTransaction) {
        if let totals = transaction.overlay.totals { memories.totals = totals }
        let memory = LoneMemory(transaction)
        for scope in transaction.locked.keys { memories.note(scope, memory) }
        for (scope, state) in transaction.overlay.scopes {
            cache.move(scope, to: state.head)
            if state.head.cursor > 0 { cache.note(scope, ownedBy: state.owner) }
        }
        for (place, record) in transaction.overlay.records {
            guard let state = transaction.overlay.scopes[place.scope] else {
                // Records that did not move their scope's head: by no engine of ours.
                cache.drop(place.scope)
                continue
            }
            cache.learn(place.key, in: place.scope, record, at: state.head)
        }
    }

    func rollback() {
        guard let transaction else { return }
        self.transaction = nil
        if let scope = transaction.assumedScope {
            memories.failed(scope)
            // Its row may be gone as well.
            cache.forget(scope)
        }
        if transaction.assumed.isEmpty { connection.post([Query(Schema.rollback)]) }
        guard !transaction.isTrimming else { return }
        let told = Set(transaction.pushes.map(\.scope))
        foundScopes = Set(transaction.locked.keys).subtracting(told)
        if foundScopes.count > 64 { foundScopes = [] }
    }

    private static let prove = Statement(
        "m_prove",
        """
        INSERT INTO mizu_total AS t(lane, aging, outcomes) VALUES($1, 0, 0)
        ON CONFLICT (lane) DO UPDATE SET aging = t.aging
        """)

    /// Where the connection was lost meanwhile, a second try tells more.
    func proveWritable() throws(StoreError) {
        for isLast in [false, true] {
            do throws(StoreError) {
                rollback()
                try open()
                let opening = [Query(Schema.begin)] + connection.opening
                let found = try run(opening + [Query(Schema.versions)])
                try checkOpening(found[1..<opening.count])
                try Schema.checkVersion(found[opening.count], 0, compatible: 0, version: 1)
                let answers = try run([
                    Bounds.patience(milliseconds: Bounds.tryingMilliseconds),
                    Query(Schema.lockAsAPush), PostgresMark.question,
                    Query(Self.prove).with(lane), Query(Schema.commit),
                ])
                // Sums of a node may be written there still; rows of people may not.
                if let mark = PostgresMark.answered(answers[2]) { throw mark.refusal }
                return
            } catch {
                connection.post([Query(Schema.rollback)])
                if isLast || error.kind != .conflict {
                    throw StoreError(.unavailable, error.message, cause: error.cause)
                }
            }
        }
    }
}
