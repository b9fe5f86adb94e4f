// A transaction's writes as statements over arrays: a few for each kind of row, however many rows
// there are. Of several writes to one row the last is written. Locks that these take beside the
// scopes' are always taken in one order, and last: accounts by name, then the lane of the totals.

import MizuBytes
import MizuSync

struct Flush {
    private(set) var queries: [Query] = []

    init(_ transaction: OpenTransaction, lane: Int) {
        let overlay = transaction.overlay
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

    // MARK: Logs

    private static let insertEpochs = Statement(
        "m_w_epochs",
        """
        INSERT INTO mizu_epoch(scope, first, epoch)
        SELECT * FROM unnest($1::bytea[], $2::int8[], $3::bytea[])
        ON CONFLICT (scope, first) DO UPDATE SET epoch = excluded.epoch
        """)
    private static let insertLog = Statement(
        "m_w_log",
        """
        INSERT INTO mizu_log(scope, last, first, time, ends, bytes)
        SELECT * FROM unnest(
            $1::bytea[], $2::int8[], $3::int8[], $4::int8[], $5::bytea[], $6::bytea[])
        """)
    private static let trimLog = Statement(
        "m_w_trim",
        """
        DELETE FROM mizu_log l USING unnest($1::bytea[], $2::int8[]) AS n(scope, base)
        WHERE l.scope = n.scope AND l.last <= n.base
        """)
    /// The epoch of the change at the border itself is still asked for.
    private static let trimEpochs = Statement(
        "m_w_trim_epochs",
        """
        DELETE FROM mizu_epoch e USING unnest($1::bytea[], $2::int8[]) AS n(scope, base)
        WHERE e.scope = n.scope AND e.first < (
            SELECT max(k.first) FROM mizu_epoch k WHERE k.scope = n.scope AND k.first <= n.base)
        """)

    private mutating func logs(_ transaction: OpenTransaction) {
        var (epochScopes, epochFirsts, epochs) = (Column(), NumberColumn(), Column())
        var rows = LogColumns()
        var hasEpochs = false
        for write in transaction.writes {
            switch write {
            case .epoch(let scope, let epoch, let first):
                hasEpochs = true
                epochScopes.append(scope)
                epochFirsts.append(first)
                epochs.append(epoch)
            case .entry(let scope, let entry): rows.append(entry, of: scope)
            default: break
            }
        }
        if hasEpochs {
            queries.append(
                Query(Self.insertEpochs).with(epochScopes).with(epochFirsts).with(epochs))
        }
        if rows.count > 0 {
            queries.append(
                Query(Self.insertLog).with(rows.scopes).with(rows.lasts).with(rows.firsts)
                    .with(rows.times).with(rows.ends).with(rows.bytes))
        }
        guard !transaction.overlay.trims.isEmpty else { return }
        var (scopes, bases) = (Column(), NumberColumn())
        for (scope, base) in transaction.overlay.trims {
            scopes.append(scope)
            bases.append(base)
        }
        queries.append(Query(Self.trimLog).with(scopes).with(bases))
        queries.append(Query(Self.trimEpochs).with(scopes).with(bases))
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

    // MARK: Clients

    private static let claim = Statement(
        "m_w_claims",
        """
        UPDATE mizu_client c SET owner = n.owner
        FROM unnest($1::bytea[], $2::bytea[]) AS n(client, owner)
        WHERE c.client = n.client AND c.owner = ''
        """)
    /// Who is nobody's here may have been claimed by somebody elsewhere meanwhile.
    private static let setClients = Statement(
        "m_w_clients",
        """
        INSERT INTO mizu_client AS c(scope, client, owner, pushed, outcomes)
        SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::int8[], $5::int8[])
        ON CONFLICT (scope, client) DO UPDATE SET
            owner = CASE WHEN excluded.owner = '' THEN c.owner ELSE excluded.owner END,
            pushed = excluded.pushed, outcomes = excluded.outcomes
        """)
    private static let removeClients = Statement(
        "m_w_no_clients",
        """
        DELETE FROM mizu_client c USING unnest($1::bytea[], $2::bytea[]) AS n(scope, client)
        WHERE c.scope = n.scope AND c.client = n.client
        """)

    private mutating func claims(_ overlay: Overlay) {
        guard !overlay.claims.isEmpty else { return }
        var (clients, users) = (Column(), Column())
        for (client, user) in overlay.claims.sorted(by: { $0.key < $1.key }) {
            clients.append(client)
            users.append(user)
        }
        queries.append(Query(Self.claim).with(clients).with(users))
    }

    private mutating func clients(_ overlay: Overlay) {
        var set = (Column(), Column(), Column(), NumberColumn(), NumberColumn())
        var removed: [ScopedName] = []
        var setCount = 0
        for (name, state) in overlay.clients {
            guard let state else {
                removed.append(name)
                continue
            }
            setCount += 1
            set.0.append(name.scope)
            set.1.append(name.name)
            set.2.append(state.user ?? overlay.claims[name.name])
            set.3.append(Int(state.lastPushMilliseconds))
            set.4.append(state.outcomeCount)
        }
        if setCount > 0 {
            queries.append(
                Query(Self.setClients).with(set.0).with(set.1).with(set.2).with(set.3)
                    .with(set.4))
        }
        if !removed.isEmpty { queries.append(Prefetch.pairs(Self.removeClients, removed)) }
    }

    // MARK: Outcomes

    private static let setOutcomes = Statement(
        "m_w_outcomes",
        """
        INSERT INTO mizu_outcome(scope, mutation, review, cursor, epoch, code, message, high, low,
            owner, client, sequence)
        SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::int8[], $4::int8[], $5::bytea[],
            $6::bytea[], $7::bytea[], $8::int8[], $9::int8[], $10::bytea[], $11::bytea[],
            $12::int8[])
        ON CONFLICT (scope, mutation) DO UPDATE SET
            review = excluded.review, cursor = excluded.cursor, epoch = excluded.epoch,
            code = excluded.code, message = excluded.message, high = excluded.high,
            low = excluded.low, owner = excluded.owner, client = excluded.client,
            sequence = excluded.sequence
        """)
    private static let removeOutcomes = Statement(
        "m_w_no_outcomes",
        """
        DELETE FROM mizu_outcome o USING unnest($1::bytea[], $2::bytea[]) AS n(scope, mutation)
        WHERE o.scope = n.scope AND o.mutation = n.mutation
        """)

    private mutating func outcomes(_ overlay: Overlay) {
        var rows = OutcomeColumns()
        var removed: [ScopedName] = []
        for (name, outcome) in overlay.outcomes {
            if let outcome { rows.append(outcome, name) } else { removed.append(name) }
        }
        if rows.count > 0 {
            queries.append(
                Query(Self.setOutcomes).with(rows.scopes).with(rows.mutations).with(rows.reviews)
                    .with(rows.cursors).with(rows.epochs).with(rows.codes).with(rows.messages)
                    .with(rows.highs).with(rows.lows).with(rows.owners).with(rows.clients)
                    .with(rows.sequences))
        }
        if !removed.isEmpty { queries.append(Prefetch.pairs(Self.removeOutcomes, removed)) }
    }

    // MARK: Scopes

    private static let setScopes = Statement(
        "m_w_scopes",
        """
        UPDATE mizu_scope s SET cursor = n.cursor, base = n.base, records = n.records,
            checksum = n.checksum, bytes = n.bytes, log_bytes = n.log_bytes, epoch = n.epoch,
            owner = n.owner
        FROM unnest($1::bytea[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[],
            $7::int8[], $8::bytea[], $9::bytea[])
            AS n(name, cursor, base, records, checksum, bytes, log_bytes, epoch, owner)
        WHERE s.name = n.name
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

/// Rows of the log: one mutation each.
private struct LogColumns {
    var (scopes, ends, bytes) = (Column(), Column(), Column())
    var (lasts, firsts, times) = (NumberColumn(), NumberColumn(), NumberColumn())
    var count = 0

    /// Takes an entry apart where it has several mutations.
    mutating func append(_ entry: LogEntry, of scope: Name) {
        var first = entry.first
        for (index, last) in entry.borders.enumerated() {
            let range = first - entry.first..<last - entry.first + 1
            guard range.upperBound <= entry.ends.count, let stop = entry.ends[range].last else {
                continue
            }
            let start = range.lowerBound == 0 ? 0 : entry.ends[range.lowerBound - 1] + 1
            scopes.append(scope)
            lasts.append(last)
            firsts.append(first)
            times.append(
                Int(
                    index < entry.timesMilliseconds.count
                        ? entry.timesMilliseconds[index] : entry.timeMilliseconds))
            ends.append(Rows.marks(entry.ends[range], from: start))
            bytes.append(entry.bytes[start..<stop])
            first = last + 1
            count += 1
        }
    }
}

private struct OutcomeColumns {
    var (scopes, mutations, epochs) = (Column(), Column(), Column())
    var (codes, messages, owners, clients) = (Column(), Column(), Column(), Column())
    var (reviews, cursors, sequences) = (NumberColumn(), NumberColumn(), NumberColumn())
    var (highs, lows) = (NumberColumn(), NumberColumn())
    var count = 0

    mutating func append(_ outcome: StoredOutcome, _ name: ScopedName) {
        count += 1
        scopes.append(name.scope)
        mutations.append(name.name)
        reviews.append(Int(outcome.reviewMilliseconds))
        switch outcome.verdict {
        case .applied(let position):
            cursors.append(position.cursor)
            epochs.append(position.epoch)
            codes.append([])
            messages.append([])
        case .refused(let rejection):
            cursors.append(-1)
            epochs.append([])
            codes.append(Array(rejection.code.utf8))
            messages.append(Array(rejection.message.utf8))
        }
        highs.append(Int(truncatingIfNeeded: outcome.fingerprint.high))
        lows.append(Int(truncatingIfNeeded: outcome.fingerprint.low))
        owners.append(outcome.user)
        clients.append(outcome.client)
        sequences.append(outcome.clientSequence)
    }
}
