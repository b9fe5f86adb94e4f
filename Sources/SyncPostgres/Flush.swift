// A transaction's writes as statements over arrays: a few for each kind of row, however many rows
// there are. Of several writes to one row the last is written. Locks that these take beside the
// scopes' are always taken in one order, and last: accounts by name, then the lane of the totals.
// Here are records, scopes and sums; +Logs has what is appended, +Clients what is remembered of
// clients and their mutations. A value that knows no connection.

import MizuBytes
import MizuSync

struct Flush {
    /// In the order in which they are sent; written by its own parts.
    var queries: [Query] = []

    init(_ transaction: OpenTransaction, lane: Int) {
        let overlay = transaction.overlay
        if let lone = LoneWrite(transaction, lane: lane) {
            accounts(transaction)
            queries.append(lone.query)
            return
        }
        logs(transaction)
        records(overlay)
        claims(overlay)
        clients(overlay)
        outcomes(overlay)
        scopes(overlay)
        unused(transaction)
        accounts(transaction)
        totals(transaction, lane)
    }

    // MARK: Records

    private static let setRecords = Statement(
        "m_w_records",
        """
        INSERT INTO mizu_record(scope, entity, id, version, data)
        SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::int8[], $5::bytea[])
        ON CONFLICT (scope, entity, id)
        DO UPDATE SET version = excluded.version, data = excluded.data
        """)
    private static let removeRecords = Statement(
        "m_w_no_records",
        """
        DELETE FROM mizu_record r
        USING unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS n(scope, entity, id)
        WHERE r.scope = n.scope AND r.entity = n.entity AND r.id = n.id
        """)

    private mutating func records(_ overlay: Overlay) {
        var set = (Column(), Column(), Column(), NumberColumn(), Column())
        var removed = (Column(), Column(), Column())
        var (setCount, removedCount) = (0, 0)
        for (place, record) in overlay.records {
            if let record {
                setCount += 1
                set.0.append(place.scope)
                set.1.append(place.key.entity)
                set.2.append(place.key.id)
                set.3.append(record.version)
                set.4.append(record.json)
            } else {
                removedCount += 1
                removed.0.append(place.scope)
                removed.1.append(place.key.entity)
                removed.2.append(place.key.id)
            }
        }
        if setCount > 0 {
            queries.append(
                Query(Self.setRecords).with(set.0).with(set.1).with(set.2).with(set.3)
                    .with(set.4))
        }
        if removedCount > 0 {
            queries.append(
                Query(Self.removeRecords).with(removed.0).with(removed.1).with(removed.2))
        }
    }

    // MARK: Scopes

    /// The rows are there, locked. As an INSERT it needs no plan for the parameters at hand.
    private static let setScopes = Statement(
        "m_w_scopes",
        """
        INSERT INTO mizu_scope(name, cursor, base, records, checksum, bytes, log_bytes, epoch,
            owner)
        SELECT * FROM unnest($1::bytea[], $2::int8[], $3::int8[], $4::int8[], $5::int8[],
            $6::int8[], $7::int8[], $8::bytea[], $9::bytea[])
        ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor, base = excluded.base,
            records = excluded.records, checksum = excluded.checksum, bytes = excluded.bytes,
            log_bytes = excluded.log_bytes, epoch = excluded.epoch, owner = excluded.owner
        """)
    /// Rows that were there to be locked only, where nothing else is of the scope.
    private static let removeUnused = Statement(
        "m_w_unused",
        """
        DELETE FROM mizu_scope s WHERE s.name = ANY($1) AND s.cursor = 0
            AND NOT EXISTS (SELECT FROM mizu_outcome o WHERE o.scope = s.name)
            AND NOT EXISTS (SELECT FROM mizu_client c WHERE c.scope = s.name)
        """)

    private mutating func scopes(_ overlay: Overlay) {
        guard !overlay.scopes.isEmpty else { return }
        var (names, epochs, owners) = (Column(), Column(), Column())
        var (cursors, bases, records) = (NumberColumn(), NumberColumn(), NumberColumn())
        var (sums, bytes, logBytes) = (NumberColumn(), NumberColumn(), NumberColumn())
        for (scope, state) in overlay.scopes {
            names.append(scope)
            cursors.append(state.head.cursor)
            bases.append(state.base)
            records.append(state.recordCount)
            sums.append(Int(truncatingIfNeeded: state.checksum.bits))
            bytes.append(state.byteCount)
            logBytes.append(state.logByteCount)
            epochs.append(state.head.epoch)
            owners.append(state.owner?.bytes ?? [])
        }
        queries.append(
            Query(Self.setScopes).with(names).with(cursors).with(bases).with(records).with(sums)
                .with(bytes).with(logBytes).with(epochs).with(owners))
    }

    private mutating func unused(_ transaction: OpenTransaction) {
        let kept = Set(
            transaction.overlay.outcomes.compactMap { $0.value == nil ? nil : $0.key.scope })
        let unused = transaction.locked.compactMap { scope, state -> Name? in
            guard state == nil, transaction.overlay.scopes[scope] == nil, !kept.contains(scope)
            else { return nil }
            return scope
        }
        if !unused.isEmpty { queries.append(Query(Self.removeUnused).with(unused.sorted())) }
    }

    // MARK: Sums

    private static let addToAccounts = Statement(
        "m_w_accounts",
        """
        INSERT INTO mizu_account AS a(account, scopes, bytes)
        SELECT * FROM unnest($1::bytea[], $2::int8[], $3::int8[])
        ON CONFLICT (account) DO UPDATE SET
            scopes = a.scopes + excluded.scopes, bytes = a.bytes + excluded.bytes
        """)
    private static let addToTotals = Statement(
        "m_w_totals",
        """
        INSERT INTO mizu_total AS t(lane, aging, outcomes) VALUES($1, $2, $3)
        ON CONFLICT (lane) DO UPDATE SET
            aging = greatest(t.aging, excluded.aging), outcomes = t.outcomes + excluded.outcomes
        """)

    private mutating func accounts(_ transaction: OpenTransaction) {
        var (names, scopes, bytes) = (Column(), NumberColumn(), NumberColumn())
        var count = 0
        let sorted = transaction.overlay.accounts.sorted {
            $0.key.bytes.lexicographicallyPrecedes($1.key.bytes)
        }
        for (account, state) in sorted {
            let before = transaction.accounts[account] ?? .none
            guard state != before else { continue }
            count += 1
            names.append(account.bytes)
            scopes.append(state.scopeCount - before.scopeCount)
            bytes.append(state.byteCount - before.byteCount)
        }
        guard count > 0 else { return }
        queries.append(Query(Self.addToAccounts).with(names).with(scopes).with(bytes))
    }

    private mutating func totals(_ transaction: OpenTransaction, _ lane: Int) {
        guard let totals = transaction.overlay.totals else { return }
        let before = transaction.totals?.outcomeCount ?? 0
        queries.append(
            Query(Self.addToTotals).with(lane).with(totals.agingMilliseconds)
                .with(totals.outcomeCount - before))
    }
}
