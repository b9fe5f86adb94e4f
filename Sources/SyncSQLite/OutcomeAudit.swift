// All outcomes of a database, one after the other, with every promise of `OutcomeTable` checked:
// each stands in the block where it would be looked for, the filter of its run knows it, and
// nothing is counted that is not there. An outcome that cannot be found is a mutation that would be
// applied again, so what the table mends by itself while it is read is a fault here.

import MizuBytes
import MizuSync

/// Reads over one connection. Confined to its thread.
struct OutcomeAudit {
    private let runs, filter, blocks, blockCount: Statement
    private let path: String
    private let salt: UInt64

    init(_ connection: Connection) throws(StoreError) {
        path = connection.path
        let stored = try Statement(connection, "SELECT value FROM settings WHERE key = 'salt'")
        let bytes = try stored.first { (row) throws(StoreError) in row.blob() }
        salt = (bytes ?? .empty).array.reduce(0) { $0 << 8 | UInt64($1) }
        runs = try Statement(
            connection, "SELECT id, count, review FROM outcome_runs ORDER BY id",
            columns: AuditedRun.self)
        filter = try Statement(
            connection, "SELECT firsts, filter, sum FROM outcome_filters WHERE id = ?",
            columns: AuditedFilter.self)
        blocks = try Statement(
            connection, "SELECT id, rows FROM outcome_blocks WHERE id BETWEEN ? AND ? ORDER BY id",
            columns: AuditedBlock.self)
        blockCount = try Statement(connection, "SELECT count(*) FROM outcome_blocks")
    }

    /// Visits every outcome, in no order that means anything.
    /// - Throws: `.statement` for the first that is not where it belongs.
    func visit(
        _ visit: (_ scope: Name, _ mutation: Name, StoredOutcome) throws(StoreError) -> Void
    ) throws(StoreError) {
        var seen = 0
        try runs.each { (row) throws(StoreError) in
            let id = row.int(AuditedRun.id)
            guard id >= 1, id < Int.max >> OutcomeRun.blockBits else {
                throw fault("run \(id)", "its number is none")
            }
            seen += try visitRun(
                try run(id, count: row.int(AuditedRun.count), review: row.int(AuditedRun.review)),
                visit)
            return .next
        }
        let count = try blockCount.first { (row) throws(StoreError) in row.int() } ?? 0
        guard seen == count else { throw fault("blocks", "\(count - seen) are of no run") }
    }

    private func run(_ id: Int, count: Int, review: Int) throws(StoreError) -> OutcomeRun {
        let found = try filter.bind(id).first { (row) throws(StoreError) -> OutcomeRun? in
            let (firsts, bits) = (row.blob(AuditedFilter.firsts), row.blob(AuditedFilter.filter))
            guard let filter = OutcomeFilter(words: Words.read(bits)),
                UInt64(bitPattern: Int64(row.int(AuditedFilter.sum)))
                    == OutcomeFilter.sum(firsts, bits)
            else { return nil }
            return OutcomeRun(
                id: id, count: count, reviewMin: Int64(review), firsts: Words.read(firsts),
                filter: filter)
        }
        guard let run = found ?? nil else { throw fault("run \(id)", "its filter is damaged") }
        return run
    }

    /// - Returns: how many blocks there are.
    private func visitRun(
        _ run: OutcomeRun,
        _ visit: (Name, Name, StoredOutcome) throws(StoreError) -> Void
    ) throws(StoreError) -> Int {
        var (count, blockCount) = (0, 0)
        try blocks.bind(run.blockIDs.lowerBound).bind(run.blockIDs.upperBound)
            .each { (row) throws(StoreError) in
                let id = row.int(AuditedBlock.id)
                guard let block = OutcomeBlock(row.blob(AuditedBlock.rows)) else {
                    throw fault("block \(id)", "it cannot be read")
                }
                for outcome in block.rows {
                    try check(outcome, in: block, id, run, visit)
                    count += 1
                }
                blockCount += 1
                return .next
            }
        guard count == run.count else {
            throw fault("run \(run.id)", "\(run.count) are counted, \(count) there")
        }
        return blockCount
    }

    private func check(
        _ row: OutcomeBlock.Row, in block: OutcomeBlock, _ id: Int, _ run: OutcomeRun,
        _ visit: (Name, Name, StoredOutcome) throws(StoreError) -> Void
    ) throws(StoreError) {
        guard let (key, outcome) = block.outcome(row) else {
            throw fault("block \(id)", "one of its outcomes cannot be read")
        }
        let place = "block \(id), mutation \(key.mutation) of \(key.scope)"
        guard key.hash(salt: salt) == row.hash else { throw fault(place, "its hash is another") }
        guard run.filter.mayHold(row.hash),
            run.blockIndices(of: row.hash).contains(where: { run.blockID($0) == id })
        else { throw fault(place, "it would not be found here") }
        guard outcome.reviewMilliseconds >= run.reviewMin else {
            throw fault(place, "its review would be missed")
        }
        try visit(key.scope, key.mutation, outcome)
    }

    private func fault(_ place: String, _ message: String) -> StoreError {
        StoreError(.statement, "\(path): outcomes, \(place): \(message)")
    }
}

// MARK: Columns, in the order of the statements above

private enum AuditedRun: Int32, Columns { case id, count, review }

private enum AuditedFilter: Int32, Columns { case firsts, filter, sum }

private enum AuditedBlock: Int32, Columns { case id, rows }
