// What a batch will ask for, looked up in the pipeline that begins its transaction: the rows of its
// scopes, locked in the order of their names so that no two batches wait for each other in a
// circle; then, under these locks, outcomes, clients, accounts, and records that mutations like
// these have asked for before.

import MizuBytes
import MizuSync

/// The statements, and where their rows go.
struct Prefetch {
    private let scopes: [Name]
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
    static let lock = Statement(
        "m_scopes",
        """
        SELECT name, cursor, base, records, checksum, bytes, log_bytes, epoch, owner
        FROM mizu_scope WHERE name = ANY($1) ORDER BY name FOR NO KEY UPDATE
        """)
    static let outcome = Statement(
        "m_outcomes",
        """
        SELECT o.scope, o.mutation, o.review, o.cursor, o.epoch, o.code, o.message, o.high, o.low,
            o.owner, o.client, o.sequence
        FROM unnest($1::bytea[], $2::bytea[]) AS n(scope, mutation)
        JOIN mizu_outcome o ON o.scope = n.scope AND o.mutation = n.mutation
        """)
    static let client = Statement(
        "m_clients",
        """
        SELECT c.scope, c.client, c.owner, c.pushed, c.outcomes
        FROM unnest($1::bytea[], $2::bytea[]) AS n(scope, client)
        JOIN mizu_client c ON c.scope = n.scope AND c.client = n.client
        """)
    static let account = Statement(
        "m_accounts",
        """
        SELECT account, scopes, bytes FROM mizu_account
        WHERE account = ANY($2) OR account = ANY(ARRAY(
            SELECT owner FROM mizu_scope WHERE name = ANY($1) AND owner <> ''))
        """)
    static let record = Statement(
        "m_keys",
        """
        SELECT r.scope, r.entity, r.id, r.version, r.data
        FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS n(scope, entity, id)
        JOIN mizu_record r ON r.scope = n.scope AND r.entity = n.entity AND r.id = n.id
        """)

    init(
        _ pushes: [PushRequest], scopes: [Name], salt: UInt64, _ guesses: RecordGuesses,
        _ cache: RecordCache
    ) {
        self.scopes = scopes
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
        var queries = [
            Query(Self.make).with(scopes), Query(Self.lock).with(scopes),
            Self.pairs(Self.outcome, outcomes),
        ]
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
        var rest = found.dropFirst()
        guard let locked = rest.popFirst(), let outcomeRows = rest.popFirst() else {
            throw StoreError(.unavailable, "answers are missing")
        }
        try Self.takeScopes(locked, into: &transaction, &cache)
        guard scopes.allSatisfy({ transaction.locked[$0] != nil }) else {
            // Somebody has removed an unused row while we waited for it.
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
        var found: [ScopedKey: StoredRecord] = [:]
        for row in 0..<rows.count {
            let key = RecordKey(entity: try rows.name(row, 1), id: try rows.name(row, 2))
            found[ScopedKey(scope: try rows.name(row, 0), key: key)] =
                try rows.record(row, from: 3)
        }
        for place in records {
            let head = (transaction.locked[place.scope] ?? nil)?.head ?? .none
            cache.learn(place.key, in: place.scope, found[place], at: head)
        }
    }
}

extension Position {
    /// Of a scope that was never written to.
    static let none = Position(cursor: 0, epoch: "_")
}
