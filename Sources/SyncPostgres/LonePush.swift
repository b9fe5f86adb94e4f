// The way of a push that is alone: one mutation, to one scope that is known, with nobody beside it.
// What a batch asks and writes by a statement for each table, over arrays, is here one statement
// each, over plain values: for one row the statements themselves are what costs. Both decide
// nothing: what they do not fit goes the way of a batch, and comes to the same.
//
//   BEGIN ─ lock ─ look (state, outcome, client, account, record) │ write (six tables) ─ COMMIT

import MizuBytes
import MizuSync

/// What such a push will ask for, looked up under the lock on its scope.
struct LoneLook {
    let scope: Name
    let mutation: Name
    let client: Name?
    /// The scope's owner, as far as that is known.
    let account: Account?
    let records: [ScopedKey]

    private static let lock = Statement(
        "m_lone_scope",
        """
        SELECT name, cursor, base, records, checksum, bytes, log_bytes, epoch, owner
        FROM mizu_scope WHERE name = $1 FOR NO KEY UPDATE
        """)
    /// A statement of its own: its view of the rows begins when the lock is held. Nobody and
    /// nothing are empty names, which no row has.
    private static let look = Statement(
        "m_lone_look",
        """
        SELECT m.epoch, t.aging, t.outcomes,
            o.review, o.cursor, o.epoch, o.code, o.message, o.high, o.low, o.owner, o.client,
            o.sequence, c.owner, c.pushed, c.outcomes, a.scopes, a.bytes, r.version, r.data,
            m.compatible, m.version
        FROM mizu_meta m
        CROSS JOIN (SELECT max(aging) AS aging, coalesce(sum(outcomes), 0)::int8 AS outcomes
            FROM mizu_total) t
        LEFT JOIN mizu_outcome o ON o.scope = $1 AND o.mutation = $2
        LEFT JOIN mizu_client c ON c.scope = $1 AND c.client = $3
        LEFT JOIN mizu_account a ON a.account = $4
        LEFT JOIN mizu_record r ON r.scope = $1 AND r.entity = $5 AND r.id = $6
        """)
    /// Where `look` is among the queries.
    static let stateIndex = 1
    /// Where `compatible` is among its columns, and the schema's version behind it.
    static let versionsColumn = 20

    /// - Returns: nil where it is no such push.
    init?(_ pushes: [PushRequest], _ guesses: RecordGuesses, _ cache: RecordCache) {
        guard pushes.count == 1, let push = pushes.first, push.mutations.count == 1,
            let mutation = push.mutations.first, case .some(let owner) = cache.owner(of: push.scope)
        else { return nil }
        scope = push.scope
        self.mutation = mutation.id
        client = push.client
        account = owner
        var keys = guesses.keys(of: mutation)
        if let user = push.user { keys.append(RecordKey(entity: GrantRecord.entity, id: user)) }
        var records: [ScopedKey] = []
        for key in keys where cache.record(key, in: scope) == nil {
            let place = ScopedKey(scope: scope, key: key)
            if !records.contains(place) { records.append(place) }
        }
        self.records = records
    }

    /// In the order of `take`.
    var queries: [Query] {
        let record = records.count == 1 ? records[0].key : nil
        var queries = [
            Query(Self.lock).with(scope),
            Query(Self.look).with(scope).with(mutation).with(client).with(account?.bytes ?? [])
                .with(record?.entity).with(record?.id),
        ]
        if records.count > 1 { queries.append(Prefetch.keys(records)) }
        return queries
    }

    func take(
        _ found: ArraySlice<Rows>, into transaction: inout OpenTransaction,
        _ cache: inout RecordCache
    ) throws(StoreError) {
        var rest = found
        guard let locked = rest.popFirst(), let looked = rest.popFirst(), looked.count == 1 else {
            throw StoreError(.unavailable, "answers are missing")
        }
        try Prefetch.takeScopes(locked, into: &transaction, &cache)
        guard case .some(.some(let state)) = transaction.locked[scope] else {
            // An older state was put back. The next attempt makes the row.
            cache.forget(scope)
            throw StoreError(.conflict, "a scope's row is not there any more")
        }
        transaction.outcomes[ScopedName(scope: scope, name: mutation)] = .some(
            looked.isNull(0, 3) ? nil : try looked.outcome(0, from: 3))
        if let client {
            transaction.clients[ScopedName(scope: scope, name: client)] = .some(
                looked.isNull(0, 13) ? nil : try looked.client(0, from: 13))
        }
        if let account {
            transaction.accounts[account] =
                looked.isNull(0, 16)
                ? AccountState.none
                : AccountState(
                    scopeCount: try looked.int(0, 16), byteCount: try looked.int(0, 17))
        }
        if records.count == 1, let place = records.first {
            let record = looked.isNull(0, 18) ? nil : try looked.record(0, from: 18)
            cache.learn(place.key, in: scope, record, at: state.head)
        } else if let rows = rest.popFirst() {
            try Prefetch.takeRecords(rows, of: records, transaction, &cache)
        }
    }
}

/// What a mutation writes that was applied: one change of one record, by a client.
struct LoneWrite {
    let query: Query

    /// The parts that are named first are done last: the lane of the totals is locked behind all
    /// else.
    private static let write = Statement(
        "m_lone_write",
        """
        WITH total AS (
            INSERT INTO mizu_total AS t(lane, aging, outcomes) VALUES($1, $2, $3)
            ON CONFLICT (lane) DO UPDATE SET aging = greatest(t.aging, excluded.aging),
                outcomes = t.outcomes + excluded.outcomes),
        outcome AS (
            INSERT INTO mizu_outcome(scope, mutation, review, cursor, epoch, code, message, high,
                low, owner, client, sequence)
            VALUES($4, $5, $6, $7, $8, '', '', $9, $10, $11, $12, $13)
            ON CONFLICT (scope, mutation) DO UPDATE SET
                review = excluded.review, cursor = excluded.cursor, epoch = excluded.epoch,
                code = excluded.code, message = excluded.message, high = excluded.high,
                low = excluded.low, owner = excluded.owner, client = excluded.client,
                sequence = excluded.sequence),
        client AS (
            INSERT INTO mizu_client AS c(scope, client, owner, pushed, outcomes)
            VALUES($4, $12, $14, $15, $16)
            ON CONFLICT (scope, client) DO UPDATE SET
                owner = CASE WHEN excluded.owner = '' THEN c.owner ELSE excluded.owner END,
                pushed = excluded.pushed, outcomes = excluded.outcomes),
        record AS (
            INSERT INTO mizu_record(scope, entity, id, version, data)
            VALUES($4, $17, $18, $19, $20)
            ON CONFLICT (scope, entity, id)
            DO UPDATE SET version = excluded.version, data = excluded.data),
        log AS (
            INSERT INTO mizu_log(scope, last, first, time, ends, bytes)
            VALUES($4, $21, $22, $23, $24, $25))
        UPDATE mizu_scope SET cursor = $26, base = $27, records = $28, checksum = $29,
            bytes = $30, log_bytes = $31, epoch = $32, owner = $33
        WHERE name = $4
        """)

    /// - Returns: nil where the transaction has written anything beside.
    init?(_ transaction: OpenTransaction, lane: Int) {
        let overlay = transaction.overlay
        guard transaction.locked.count == 1, overlay.claims.isEmpty, overlay.trims.isEmpty,
            overlay.scopes.count == 1, let (scope, state) = overlay.scopes.first,
            overlay.records.count == 1, case let (place, .some(record))? = overlay.records.first,
            overlay.outcomes.count == 1,
            case let (name, .some(outcome))? = overlay.outcomes.first,
            case .applied(let position) = outcome.verdict,
            overlay.clients.count == 1, case let (by, .some(client))? = overlay.clients.first,
            outcome.client == by.name, let totals = overlay.totals,
            place.scope == scope, name.scope == scope, by.scope == scope,
            let entry = Self.entry(of: transaction, in: scope)
        else { return nil }
        query = Query(Self.write)
            .with(lane).with(totals.agingMilliseconds)
            .with(totals.outcomeCount - (transaction.totals?.outcomeCount ?? 0))
            .with(scope).with(name.name).with(outcome.reviewMilliseconds)
            .with(position.cursor).with(position.epoch)
            .with(Int(truncatingIfNeeded: outcome.fingerprint.high))
            .with(Int(truncatingIfNeeded: outcome.fingerprint.low))
            .with(outcome.user).with(by.name).with(outcome.clientSequence)
            .with(client.user).with(client.lastPushMilliseconds).with(client.outcomeCount)
            .with(place.key.entity).with(place.key.id).with(record.version).with(record.json)
            .with(entry.last).with(entry.first).with(entry.timeMilliseconds)
            .with(Rows.marks(entry.ends[...], from: 0)).with(entry.bytes)
            .with(state.head.cursor).with(state.base).with(state.recordCount)
            .with(Int(truncatingIfNeeded: state.checksum.bits)).with(state.byteCount)
            .with(state.logByteCount).with(state.head.epoch).with(state.owner?.bytes ?? [])
    }

    /// The only entry, if it is one mutation's.
    private static func entry(of transaction: OpenTransaction, in scope: Name) -> LogEntry? {
        var found: LogEntry?
        for write in transaction.writes {
            switch write {
            case .epoch: return nil
            case .entry(let place, let entry):
                guard found == nil, place == scope, entry.borders.count == 1 else { return nil }
                found = entry
            default: break
            }
        }
        return found
    }
}
