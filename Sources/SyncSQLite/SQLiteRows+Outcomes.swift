// What was decided of mutations, and when that is looked at again.

import MizuBytes
import MizuSync

extension SQLiteRows {
    func outcome(of mutation: Name, in scope: Name) throws(StoreError) -> StoredOutcome? {
        try statements.outcome.bind(scope).bind(mutation)
            .first { (row) throws(StoreError) in try Self.outcome(row) }
    }

    func setOutcome(
        _ outcome: StoredOutcome, of mutation: Name, in scope: Name
    ) throws(StoreError) {
        let statement = statements.setOutcome.bind(scope).bind(mutation)
            .bind(Int(truncatingIfNeeded: outcome.fingerprint.high))
            .bind(Int(truncatingIfNeeded: outcome.fingerprint.low))
            .bind(outcome.user).bind(outcome.client).bind(outcome.clientSequence)
            .bind(Int(outcome.reviewMilliseconds))
        switch outcome.verdict {
        case .applied(let position):
            statement.bind(position.cursor).bind(position.epoch)
                .bind(ByteSlice.empty).bind(ByteSlice.empty)
        case .refused(let rejection):
            statement.bind(0).bind(ByteSlice.empty)
                .bind(Array(rejection.code.utf8)).bind(Array(rejection.message.utf8))
        }
        try statement.run()
    }

    func removeOutcome(of mutation: Name, in scope: Name) throws(StoreError) {
        try statements.removeOutcome.bind(scope).bind(mutation).run()
    }

    func dueOutcomes(
        atMilliseconds now: Int64, countMax: Int
    ) throws(StoreError) -> [(scope: Name, mutation: Name, outcome: StoredOutcome)] {
        var due: [(scope: Name, mutation: Name, outcome: StoredOutcome)] = []
        try statements.dueOutcomes.bind(Int(now)).bind(countMax)
            .each { (row) throws(StoreError) in
                due.append(
                    (
                        try row.key(OutcomeColumn.scope), try row.key(OutcomeColumn.mutation),
                        try Self.outcome(row)
                    ))
                return .next
            }
        return due
    }

    private static func outcome(_ row: Statement) throws(StoreError) -> StoredOutcome {
        let verdict: StoredOutcome.Verdict
        if let epoch = row.name(OutcomeColumn.epoch) {
            verdict = .applied(Position(cursor: row.int(OutcomeColumn.cursor), epoch: epoch))
        } else {
            verdict = .refused(
                Rejection(
                    code: row.blob(OutcomeColumn.code).string,
                    message: row.blob(OutcomeColumn.error).string))
        }
        return StoredOutcome(
            verdict: verdict,
            fingerprint: Fingerprint(
                high: UInt64(truncatingIfNeeded: row.int(OutcomeColumn.high)),
                low: UInt64(truncatingIfNeeded: row.int(OutcomeColumn.low))),
            user: row.name(OutcomeColumn.user), client: row.name(OutcomeColumn.client),
            clientSequence: row.int(OutcomeColumn.sequence),
            reviewMilliseconds: Int64(row.int(OutcomeColumn.review)))
    }
}
