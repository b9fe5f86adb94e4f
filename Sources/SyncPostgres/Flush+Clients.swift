// What a transaction remembers of clients and of the outcomes of their mutations, as statements
// over arrays. Part of Flush; a value that knows no connection.

import MizuBytes
import MizuSync

extension Flush {
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

    mutating func claims(_ overlay: Overlay) {
        guard !overlay.claims.isEmpty else { return }
        var (clients, users) = (Column(), Column())
        for (client, user) in overlay.claims.sorted(by: { $0.key < $1.key }) {
            clients.append(client)
            users.append(user)
        }
        queries.append(Query(Self.claim).with(clients).with(users))
    }

    mutating func clients(_ overlay: Overlay) {
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

    mutating func outcomes(_ overlay: Overlay) {
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
