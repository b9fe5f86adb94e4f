// Walks through runs of outcomes: all of them, and those whose review is due. Writes nothing.

import MizuSync

extension OutcomeTable {
    /// In a run of no more than this the earliest review comes first; in a larger one, blocks come
    /// as they are.
    private static let sortedCountMax = 1024

    /// Visits every outcome that is written, in the order in which they stand.
    func visitAll(
        _ body: (_ blockID: Int, OutcomeKey, StoredOutcome) throws(StoreError) -> Visit
    ) throws(StoreError) {
        var isEnough = false
        for run in try runs() where !isEnough {
            try visit(run) { (id, block) throws(StoreError) in
                guard let block else { throw damaged(id) }
                for row in block.rows {
                    guard let found = block.outcome(row) else { throw damaged(id) }
                    guard case .next = try body(id, found.key, found.outcome) else {
                        isEnough = true
                        return .stop
                    }
                }
                return .next
            }
        }
    }

    /// The outcome of `key` in one block; nil if it is not there.
    func outcome(of key: OutcomeKey, inBlock id: Int) throws(StoreError) -> StoredOutcome? {
        guard let block = try read(id), let row = block.rows.first(where: { block.has($0, key) })
        else { return nil }
        guard let found = block.outcome(row) else { throw damaged(id) }
        return found.outcome
    }

    /// Outcomes whose review is due, those of the oldest run first. What is gathered is left out,
    /// and what cannot be read stays where it is: it must not keep the rest.
    /// - Parameter isPassedOver: of outcomes that the caller knows better.
    func due(
        at now: Int64, countMax: Int, passingOver isPassedOver: (Name, Name) -> Bool
    ) throws(StoreError) -> [(scope: Name, mutation: Name, outcome: StoredOutcome)] {
        var due: [(scope: Name, mutation: Name, outcome: StoredOutcome)] = []
        for index in try runs().indices {
            guard let run = known?[index], due.count < countMax else { break }
            guard run.reviewMin <= now else { continue }
            let isSorted = run.count <= Self.sortedCountMax
            let start = due.count
            var reviewMin = Int64.max
            try visit(run) { (_, block) throws(StoreError) in
                guard let block else { return .next }
                for row in block.rows {
                    guard let review = block.review(row) else { continue }
                    reviewMin = min(reviewMin, review)
                    guard review <= now, let found = block.outcome(row) else { continue }
                    let key = found.key
                    let hash = Int(truncatingIfNeeded: row.hash)
                    guard gathered.index(of: key, hash: hash) == nil,
                        !isPassedOver(key.scope, key.mutation)
                    else { continue }
                    due.append((key.scope, key.mutation, found.outcome))
                }
                return isSorted || due.count < countMax ? .next : .stop
            }
            if isSorted {
                due[start...].sort {
                    $0.outcome.reviewMilliseconds < $1.outcome.reviewMilliseconds
                }
            }
            // All of it was looked at, and nothing is due: no need to look before.
            if due.count == start, reviewMin > now { known?[index].reviewMin = reviewMin }
        }
        return Array(due.prefix(countMax))
    }
}
