// What was decided of mutations, and when that is looked at again: kept in runs (OutcomeTable).

import MizuSync

extension SQLiteRows {
    func outcome(of mutation: Name, in scope: Name) throws(StoreError) -> StoredOutcome? {
        try outcomes.outcome(of: mutation, in: scope)
    }

    /// Has an outcome written with all others in `finish`; nil: removed.
    func gatherOutcome(_ outcome: StoredOutcome?, of mutation: Name, in scope: Name) {
        if let outcome {
            outcomes.set(outcome, of: mutation, in: scope)
        } else {
            outcomes.remove(mutation, in: scope)
        }
    }

    /// Outcomes whose review is due, about the earliest first. Those that were set or removed in
    /// this transaction are left out.
    /// - Parameter isPassedOver: says of a scope and a mutation whether to leave it out, too.
    func dueOutcomes(
        atMilliseconds now: Int64, countMax: Int,
        passingOver isPassedOver: (_ scope: Name, _ mutation: Name) -> Bool = { _, _ in false }
    ) throws(StoreError) -> [(scope: Name, mutation: Name, outcome: StoredOutcome)] {
        try outcomes.due(at: now, countMax: countMax, passingOver: isPassedOver)
    }
}
