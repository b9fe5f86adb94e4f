// A push that is alone, to a scope to which this store wrote last, in one round trip: what the look
// would find is then known, so the push is decided by that, and one pipeline locks the scope, looks
// whether all of it is still so, writes, and commits. Where anything is not, the check fails, the
// server skips what is behind it, and the push is decided anew, in two round trips.
//
//   decided by memory ──► BEGIN ─ lock ─ check ─ write ─ COMMIT
//                                          └─ 22P02 ──► conflict: the next attempt looks
//
// A value that knows no connection.

import MizuBytes
import MizuSync

/// What the last lone push to a scope has left there.
struct LoneMemory {
    let state: ScopeState
    let client: Name
    let clientState: ClientState
    /// The owner's.
    let account: AccountState

    /// - Returns: nil where the transaction was no such push.
    init?(_ transaction: OpenTransaction) {
        let overlay = transaction.overlay
        guard transaction.locked.count == 1, overlay.claims.isEmpty, overlay.scopes.count == 1,
            let state = overlay.scopes.first?.value, overlay.clients.count == 1,
            case let (name, .some(client))? = overlay.clients.first
        else { return nil }
        self.state = state
        self.client = name.name
        clientState = client
        account =
            state.owner.flatMap { overlay.accounts[$0] ?? transaction.accounts[$0] } ?? .none
    }
}

/// What is remembered of scopes, and of which of them others have been seen to write.
struct LoneMemories {
    /// As of the last transaction that has looked. Who goes by them may count what others have
    /// added, or taken away, one transaction late.
    var totals: StoreTotals?
    private static let scopesMax = 4_096
    /// Pushes that go the sure way once a check has failed: where several nodes write to a scope, a
    /// failed check costs each of them more than it may save.
    private static let caution = 16

    private var known: [Name: LoneMemory] = [:]
    private var cautions: [Name: Int] = [:]

    subscript(scope: Name) -> LoneMemory? { cautions[scope] == nil ? known[scope] : nil }

    mutating func note(_ scope: Name, _ memory: LoneMemory?) {
        if known.count >= Self.scopesMax { known = [:] }
        if cautions.count >= Self.scopesMax { cautions = [:] }
        known[scope] = memory
        if let left = cautions[scope] { cautions[scope] = left > 1 ? left - 1 : nil }
    }

    /// It was not so.
    mutating func failed(_ scope: Name) {
        known[scope] = nil
        cautions[scope] = Self.caution
    }
}

extension LoneLook {
    private static let lockOnly = Statement(
        "m_lone_lock", "SELECT FROM mizu_scope WHERE name = $1 FOR NO KEY UPDATE")
    /// Behind the lock, as `look`, and with the same view of the rows. Where anything is not as it
    /// was taken to be it fails, by what PostgreSQL's log then says: no statement fails otherwise.
    private static let check = Statement(
        "m_lone_check",
        """
        SELECT (CASE count(*) WHEN 1 THEN '1' ELSE 'mizu decides this push anew' END)::int,
            (SELECT max(aging) FROM mizu_total),
            (SELECT coalesce(sum(outcomes), 0)::int8 FROM mizu_total)
        FROM mizu_meta m
        JOIN mizu_scope s ON s.name = $1
        JOIN mizu_client c ON c.scope = $1 AND c.client = $13
        LEFT JOIN mizu_outcome o ON o.scope = $1 AND o.mutation = $12
        LEFT JOIN mizu_account a ON a.account = $9
        LEFT JOIN mizu_record r ON r.scope = $1 AND r.entity = $19 AND r.id = $20
        WHERE s.cursor = $2 AND s.base = $3 AND s.records = $4 AND s.checksum = $5
            AND s.bytes = $6 AND s.log_bytes = $7 AND s.epoch = $8 AND s.owner = $9
            AND m.epoch = $10 AND m.compatible <= $11 AND o.scope IS NULL AND r.scope IS NULL
            AND c.owner = $14 AND c.pushed = $15 AND c.outcomes = $16
            AND coalesce(a.scopes, 0) = $17 AND coalesce(a.bytes, 0) = $18
        """)

    /// Where `check` is among what `assume` returns, and `aging` among its columns.
    static let checkIndex = 2

    /// Takes for found what is remembered: the scope as it was left, the mutation as new, and a
    /// record that nobody has looked at as not there.
    /// - Returns: what has to be sent before anything is written or asked; nil where too little is
    ///   known.
    func assume(
        _ memory: LoneMemory, epoch: Name, into transaction: inout OpenTransaction,
        _ cache: inout RecordCache
    ) -> [Query]? {
        guard let client, client == memory.client, account == memory.state.owner,
            records.count <= 1
        else { return nil }
        let state = memory.state
        cache.validate(scope, at: state.head)
        transaction.locked[scope] = .some(state)
        transaction.outcomes[ScopedName(scope: scope, name: mutation)] = .some(nil)
        transaction.clients[ScopedName(scope: scope, name: client)] = .some(memory.clientState)
        if let account { transaction.accounts[account] = memory.account }
        let key = records.first?.key
        if let key { cache.learn(key, in: scope, nil, at: state.head) }
        let found = memory.clientState
        let check = Query(Self.check)
            .with(scope).with(state.head.cursor).with(state.base).with(state.recordCount)
            .with(Int(truncatingIfNeeded: state.checksum.bits)).with(state.byteCount)
            .with(state.logByteCount).with(state.head.epoch).with(state.owner?.bytes ?? [])
            .with(epoch).with(Schema.version).with(mutation).with(client).with(found.user)
            .with(found.lastPushMilliseconds).with(found.outcomeCount)
            .with(memory.account.scopeCount).with(memory.account.byteCount)
            .with(key?.entity).with(key?.id)
        return [Query(Schema.begin), Query(Self.lockOnly).with(scope), check]
    }
}
