// What a batch will ask for, looked up in the pipeline that begins its transaction: the rows of its
// scopes, locked in the order of their names so that no two batches wait for each other in a
// circle; then, under these locks, outcomes, clients, accounts, and records that mutations like
// these have asked for before.

import MizuBytes
import MizuSync

/// The statements, and where their rows go.
struct Prefetch {
    private let scopes: [Name]
    /// Those of them whose rows are perhaps not there.
    private let unknown: [Name]
    private var outcomes: [ScopedName] = []
    private var clients: [ScopedName] = []
    private var accounts: [Account] = []
    private var records: [ScopedKey] = []
    private let withClients: Bool

    static let make = Statement(
        "m_make",
        """
        INSERT INTO mizu_scope(name) SELECT unnest($1::bytea[]) ON CONFLICT DO NOTHING
        """)
    // The planner is kept from two mistakes. An array in a sub-select has one estimated length, so
    // that the plan of a prepared statement is as good as one that is made for the parameters, and
    // is kept. A look-up behind LATERAL is by the primary key, even if the plan was made while the
    // table was empty: a scan of all of it would not stay cheap.
    static let lock = Statement(
        "m_scopes",
        """
        SELECT s.name, s.cursor, s.base, s.records, s.checksum, s.bytes, s.log_bytes, s.epoch,
            s.owner
        FROM unnest((SELECT $1::bytea[])) AS n(name),
            LATERAL (SELECT * FROM mizu_scope WHERE name = n.name FOR NO KEY UPDATE) s
        """)
    static let outcome = Statement(
        "m_outcomes",
        """
        SELECT o.scope, o.mutation, o.review, o.cursor, o.epoch, o.code, o.message, o.high, o.low,
            o.owner, o.client, o.sequence
        FROM unnest((SELECT $1::bytea[]), (SELECT $2::bytea[])) AS n(scope, mutation),
            LATERAL (SELECT * FROM mizu_outcome
                WHERE scope = n.scope AND mutation = n.mutation OFFSET 0) o
        """)
    static let client = Statement(
        "m_clients",
        """
        SELECT c.scope, c.client, c.owner, c.pushed, c.outcomes
        FROM unnest((SELECT $1::bytea[]), (SELECT $2::bytea[])) AS n(scope, client),
            LATERAL (SELECT * FROM mizu_client
                WHERE scope = n.scope AND client = n.client OFFSET 0) c
        """)
    static let account = Statement(
        "m_accounts",
        """
        SELECT a.account, a.scopes, a.bytes
        FROM (SELECT unnest((SELECT $2::bytea[])) UNION
            SELECT s.owner FROM unnest((SELECT $1::bytea[])) AS n(name),
                LATERAL (SELECT owner FROM mizu_scope
                    WHERE name = n.name AND owner <> '' OFFSET 0) s) AS n(account),
            LATERAL (SELECT * FROM mizu_account WHERE account = n.account OFFSET 0) a
        """)
    static let record = Statement(
        "m_keys",
        """
        SELECT r.scope, r.entity, r.id, r.version, r.data
        FROM unnest((SELECT $1::bytea[]), (SELECT $2::bytea[]), (SELECT $3::bytea[]))
                AS n(scope, entity, id),
            LATERAL (SELECT * FROM mizu_record
                WHERE scope = n.scope AND entity = n.entity AND id = n.id OFFSET 0) r
        """)

    init(
        _ pushes: [PushRequest], scopes: [Name], _ guesses: RecordGuesses, _ cache: RecordCache
    ) {
        self.scopes = scopes
        unknown = scopes.filter { cache.owner(of: $0) == nil }
        var knownOutcomes: Set<ScopedName> = []
        var knownClients: Set<ScopedName> = []
        var knownAccounts: Set<Account> = []
        var knownRecords: Set<ScopedKey> = []
        for push in pushes {
            let scope = push.scope
            if let client = push.client {
                let name = ScopedName(scope: scope, name: client)
                if knownClients.insert(name).inserted { clients.append(name) }
            }
            if let user = push.user {
                let account = Account(user: user)
                if knownAccounts.insert(account).inserted { accounts.append(account) }
                let grant = RecordKey(entity: GrantRecord.entity, id: user)
                let place = ScopedKey(scope: scope, key: grant)
                if cache.record(grant, in: scope) == nil, knownRecords.insert(place).inserted {
                    records.append(place)
                }
            }
            for mutation in push.mutations {
                let name = ScopedName(scope: scope, name: mutation.id)
                if knownOutcomes.insert(name).inserted { outcomes.append(name) }
                for key in guesses.keys(of: mutation) where cache.record(key, in: scope) == nil {
                    let place = ScopedKey(scope: scope, key: key)
                    if knownRecords.insert(place).inserted { records.append(place) }
                }
            }
        }
        withClients = !clients.isEmpty
    }

    /// In the order of `take`.
    var queries: [Query] {
        guard !scopes.isEmpty else { return [] }
        var queries = unknown.isEmpty ? [] : [Query(Self.make).with(unknown)]
        queries += [Query(Self.lock).with(scopes), Self.pairs(Self.outcome, outcomes)]
        if withClients { queries.append(Self.pairs(Self.client, clients)) }
        var column = Column()
        for account in accounts { column.append(account.bytes) }
        queries.append(Query(Self.account).with(scopes).with(column))
        if !records.isEmpty { queries.append(Self.keys(records)) }
        return queries
    }

    static func pairs(_ statement: Statement, _ names: [ScopedName]) -> Query {
        var (scopes, others) = (Column(capacity: names.count), Column(capacity: names.count))
        for name in names {
            scopes.append(name.scope)
            others.append(name.name)
        }
        return Query(statement).with(scopes).with(others)
    }

    static func keys(_ places: [ScopedKey]) -> Query {
        var (scopes, entities, ids) = (Column(), Column(), Column())
        for place in places {
            scopes.append(place.scope)
            entities.append(place.key.entity)
            ids.append(place.key.id)
        }
        return Query(record).with(scopes).with(entities).with(ids)
    }

    func take(
        _ found: ArraySlice<Rows>, into transaction: inout OpenTransaction,
        _ cache: inout RecordCache
    ) throws(StoreError) {
        guard !scopes.isEmpty else { return }
        var rest = found.dropFirst(unknown.isEmpty ? 0 : 1)
        guard let locked = rest.popFirst(), let outcomeRows = rest.popFirst() else {
            throw StoreError(.unavailable, "answers are missing")
        }
        try Self.takeScopes(locked, into: &transaction, &cache)
        guard scopes.allSatisfy({ transaction.locked[$0] != nil }) else {
            // Somebody has removed an unused row while we waited for it, or put an older state
            // back. The next attempt makes the rows.
            for scope in scopes { cache.forget(scope) }
            throw StoreError(.conflict, "a scope's row went while it was waited for")
        }
        for name in outcomes { transaction.outcomes[name] = .some(nil) }
        try Self.takeOutcomes(outcomeRows, into: &transaction)
        if withClients, let rows = rest.popFirst() {
            for name in clients { transaction.clients[name] = .some(nil) }
            for row in 0..<rows.count {
                let name = ScopedName(scope: try rows.name(row, 0), name: try rows.name(row, 1))
                transaction.clients[name] = .some(try rows.client(row, from: 2))
            }
        }
        if let rows = rest.popFirst() {
            for account in accounts { transaction.accounts[account] = AccountState.none }
            for row in 0..<rows.count {
                guard let account = Account(stored: [UInt8](rows.bytes(row, 0))) else {
                    throw Rows.damaged("an account")
                }
                transaction.accounts[account] = AccountState(
                    scopeCount: try rows.int(row, 1), byteCount: try rows.int(row, 2))
            }
        }
        if !records.isEmpty, let rows = rest.popFirst() {
            try takeRecords(rows, transaction, &cache)
        }
    }

    static func takeScopes(
        _ rows: Rows, into transaction: inout OpenTransaction, _ cache: inout RecordCache
    ) throws(StoreError) {
        for row in 0..<rows.count {
            let scope = try rows.name(row, 0)
            let state = try rows.scopeState(row, from: 1)
            transaction.locked[scope] = .some(state)
            cache.validate(scope, at: state?.head ?? .none)
            if let state { cache.note(scope, ownedBy: state.owner) }
        }
    }

    static func takeOutcomes(
        _ rows: Rows, into transaction: inout OpenTransaction
    ) throws(StoreError) {
        for row in 0..<rows.count {
            let name = ScopedName(scope: try rows.name(row, 0), name: try rows.name(row, 1))
            transaction.outcomes[name] = .some(try rows.outcome(row, from: 2))
        }
    }

    private func takeRecords(
        _ rows: Rows, _ transaction: OpenTransaction, _ cache: inout RecordCache
    ) throws(StoreError) {
        try Self.takeRecords(rows, of: records, transaction, &cache)
    }

    /// - Parameter places: all that was asked for; what is not among the rows is not there.
    static func takeRecords(
        _ rows: Rows, of places: [ScopedKey], _ transaction: OpenTransaction,
        _ cache: inout RecordCache
    ) throws(StoreError) {
        var found: [ScopedKey: StoredRecord] = [:]
        for row in 0..<rows.count {
            let key = RecordKey(entity: try rows.name(row, 1), id: try rows.name(row, 2))
            found[ScopedKey(scope: try rows.name(row, 0), key: key)] =
                try rows.record(row, from: 3)
        }
        for place in places {
            let head = (transaction.locked[place.scope] ?? nil)?.head ?? .none
            cache.learn(place.key, in: place.scope, found[place], at: head)
        }
    }
}

extension Position {
    /// Of a scope that was never written to.
    static let none = Position(cursor: 0, epoch: "_")
}
