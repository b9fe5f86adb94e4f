// What a move must know of a database beyond what verifying must: the salt, what the clients of a
// scope come to, and the outcomes that were not seen yet. Outcomes have no order of their own in
// the file (OutcomeTable.swift), so a run is the unit: one that is as it was when it was visited
// has nothing new.

import MizuBytes
import MizuSync

extension InspectedDatabase {
    /// What hashes in the database are salted with.
    package func salt() throws(StoreError) -> UInt64 {
        let statement = try Statement(connection, "SELECT value FROM settings WHERE key = 'salt'")
        let bytes = try statement.first { (row) throws(StoreError) in row.blob() }
        return (bytes ?? .empty).array.reduce(0) { $0 << 8 | UInt64($1) }
    }

    package func mark() throws(StoreError) -> DatabaseMark? { try DatabaseMark.read(connection) }

    /// The record with its version; nil if there is none.
    package func storedRecord(
        _ key: RecordKey, in scope: Name
    ) throws(StoreError) -> StoredRecord? {
        try log.storedRecord(key, in: scope)
    }
}

/// The outcomes of a database, each visited once as long as its run stays as it is. Confined to the
/// database's thread.
package final class OutcomeChanges {
    /// What a run was when it was visited. The sum is of its filter, and so of what it holds.
    private struct Seen: Hashable {
        let count: Int
        let sum: Int
    }

    private var seen: [Int: Seen] = [:]

    package init() {}

    /// Visits what is in runs that are new or were changed since the last call; some of it was
    /// visited before. In views of its own, one for each run.
    package func visit(
        _ database: InspectedDatabase,
        _ visit: (_ scope: Name, _ mutation: Name, StoredOutcome) throws(StoreError) -> Void
    ) throws(StoreError) {
        let connection = database.connection
        let runs = try Statement(
            connection,
            """
            SELECT outcome_runs.id AS id, count, ifnull(sum, 0) AS sum
            FROM outcome_runs LEFT JOIN outcome_filters USING(id) ORDER BY outcome_runs.id
            """, columns: SeenColumn.self)
        let run = try Statement(
            connection,
            """
            SELECT outcome_runs.id AS id, count, ifnull(sum, 0) AS sum
            FROM outcome_runs LEFT JOIN outcome_filters USING(id) WHERE outcome_runs.id = ?
            """, columns: SeenColumn.self)
        let blocks = try Statement(
            connection, "SELECT id, rows FROM outcome_blocks WHERE id BETWEEN ? AND ? ORDER BY id",
            columns: MovedBlockColumn.self)
        var changed: [Int] = []
        var there: Set<Int> = []
        try runs.each { (row) throws(StoreError) in
            let id = row.int(SeenColumn.id)
            guard id >= 1, id < Int.max >> OutcomeRun.blockBits else {
                throw StoreError(
                    .statement, "\(connection.path): the run \(id) of outcomes is none")
            }
            there.insert(id)
            if seen[id] != Self.seen(row) { changed.append(id) }
            return .next
        }
        seen = seen.filter { there.contains($0.key) }
        for id in changed {
            try database.view { () throws(StoreError) in
                let now = try run.bind(id).first { (row) throws(StoreError) in Self.seen(row) }
                // Gone into another run: that one is new, and comes, if not now, the next time.
                guard let now else { return }
                let first = id << OutcomeRun.blockBits
                try blocks.bind(first).bind(first + (1 << OutcomeRun.blockBits) - 1)
                    .each { (row) throws(StoreError) in
                        try Self.visit(row, connection.path, visit)
                        return .next
                    }
                seen[id] = now
            }
        }
    }

    private static func seen(_ row: Statement) -> Seen {
        Seen(count: row.int(SeenColumn.count), sum: row.int(SeenColumn.sum))
    }

    private static func visit(
        _ row: Statement, _ path: String,
        _ visit: (Name, Name, StoredOutcome) throws(StoreError) -> Void
    ) throws(StoreError) {
        let damage = StoreError(
            .statement,
            "\(path): the block \(row.int(MovedBlockColumn.id)) of outcomes is damaged")
        guard let block = OutcomeBlock(row.blob(MovedBlockColumn.rows)) else { throw damage }
        for row in block.rows {
            guard let (key, outcome) = block.outcome(row) else { throw damage }
            try visit(key.scope, key.mutation, outcome)
        }
    }
}

private enum SeenColumn: Int32, Columns { case id, count, sum }

private enum MovedBlockColumn: Int32, Columns { case id, rows }
