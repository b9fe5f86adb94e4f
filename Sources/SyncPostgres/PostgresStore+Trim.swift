// What trimming asks for. One process trims at a time (`beginTrimming`). It waits for nobody:
// scopes that others write to at this moment are passed over, and their turn comes again; so it
// cannot be part of a deadlock, and no push waits longer for it than one step takes.

import MizuBytes
import MizuSync

extension PostgresStore {
    private static let scopes = Statement(
        "m_scopes_after",
        """
        SELECT name FROM mizu_scope WHERE name > $1 AND cursor > 0 ORDER BY name LIMIT $2
        """)
    private static let scopesToTrim = Statement(
        "m_scopes_trim",
        """
        SELECT name, cursor, base, records, checksum, bytes, log_bytes, epoch, owner
        FROM mizu_scope WHERE name > $1 AND cursor > 0 ORDER BY name LIMIT $2
        FOR NO KEY UPDATE SKIP LOCKED
        """)
    private static let freeScopes = Statement(
        "m_scopes_free",
        """
        SELECT name, cursor, base, records, checksum, bytes, log_bytes, epoch, owner
        FROM mizu_scope WHERE name = ANY($1) ORDER BY name FOR NO KEY UPDATE SKIP LOCKED
        """)
    private static let oldest = Statement(
        "m_oldest",
        """
        SELECT last, time, octet_length(bytes)::int8 FROM mizu_log WHERE scope = $1
        ORDER BY last LIMIT $2
        """)
    private static let due = Statement(
        "m_due",
        """
        SELECT scope, mutation FROM mizu_outcome WHERE review <= $1 ORDER BY review LIMIT $2
        """)

    func scopes(after scope: Name?, countMax: Int) throws(StoreError) -> [Name] {
        if transaction == nil { try open() }
        let isTrimming = transaction?.isTrimming == true
        let rows = try run([
            Query(isTrimming ? Self.scopesToTrim : Self.scopes).with(scope).with(countMax)
        ])[0]
        if isTrimming, var current = transaction.take() {
            defer { transaction = current }
            try Prefetch.takeScopes(rows, into: &current, &cache)
        }
        var names: [Name] = []
        for row in 0..<rows.count { names.append(try rows.name(row, 0)) }
        return names
    }

    func oldestEntries(
        of scope: Name, countMax: Int
    ) throws(StoreError) -> [OldEntry] {
        let rows = try ask(Query(Self.oldest).with(scope).with(countMax), of: scope)
        let base = transaction?.overlay.trims[scope] ?? 0
        var entries: [OldEntry] = []
        for row in 0..<rows.count {
            let last = try rows.count(row, 0)
            if last <= base { continue }
            entries.append(
                OldEntry(
                    last: last, timeMilliseconds: Int64(try rows.int(row, 1)),
                    byteCount: try rows.count(row, 2)))
        }
        return entries
    }

    func trimLog(of scope: Name, through base: Int) throws(StoreError) {
        try lock(scope)
        transaction?.write(.trim(scope, base: base))
    }

    /// Only of scopes that could be locked at once, and as they are under the lock.
    func dueOutcomes(
        atMilliseconds now: Int64, countMax: Int
    ) throws(StoreError) -> [(scope: Name, mutation: Name, outcome: StoredOutcome)] {
        if transaction == nil { try open() }
        let rows = try run([Query(Self.due).with(now).with(countMax)])[0]
        var names: [ScopedName] = []
        var scopes: Set<Name> = []
        for row in 0..<rows.count {
            let name = ScopedName(scope: try rows.name(row, 0), name: try rows.name(row, 1))
            if transaction?.overlay.outcomes[name] != nil { continue }
            names.append(name)
            if transaction?.locked[name.scope] == nil { scopes.insert(name.scope) }
        }
        guard !names.isEmpty else { return [] }
        let found = try run([
            Query(Self.freeScopes).with(transaction == nil ? [] : scopes.sorted()),
            Prefetch.pairs(Prefetch.outcome, names),
        ])
        if var current = transaction.take() {
            defer { transaction = current }
            try Prefetch.takeScopes(found[0], into: &current, &cache)
        }
        var due: [(scope: Name, mutation: Name, outcome: StoredOutcome)] = []
        let outcomes = found[1]
        for row in 0..<outcomes.count {
            let scope = try outcomes.name(row, 0)
            let outcome = try outcomes.outcome(row, from: 2)
            let isStill = transaction == nil || transaction?.locked[scope] != nil
            guard isStill, outcome.reviewMilliseconds <= now else { continue }
            due.append((scope, try outcomes.name(row, 1), outcome))
        }
        return due.sorted { $0.outcome.reviewMilliseconds < $1.outcome.reviewMilliseconds }
    }
}
