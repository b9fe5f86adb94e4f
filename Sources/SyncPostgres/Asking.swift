// What a store and a reader both look up of committed rows. Each question is a round trip; long
// answers come in pages, so that one who stops early has not fetched everything. Who asks sees one
// view of the database: the reader by its snapshot, the store by the lock on the scope.

import MizuBytes
import MizuSync

/// Whoever can ask the database.
protocol Asking: AnyObject {
    /// - Parameter scope: what is asked for is of it.
    func ask(_ query: Query, of scope: Name) throws(StoreError) -> Rows
}

enum Look {
    static let record = Statement(
        "m_record",
        "SELECT version, data FROM mizu_record WHERE scope = $1 AND entity = $2 AND id = $3")
    static let records = Statement(
        "m_records",
        """
        SELECT version, data, entity, id FROM mizu_record
        WHERE scope = $1 AND (entity, id) > ($2, $3) ORDER BY entity, id LIMIT $4
        """)
    static let entity = Statement(
        "m_entity",
        """
        SELECT version, data, entity, id FROM mizu_record
        WHERE scope = $1 AND entity = $2 AND id > $3 ORDER BY id LIMIT $4
        """)
    static let log = Statement(
        "m_log",
        """
        SELECT first, last, time, ends, bytes FROM mizu_log
        WHERE scope = $1 AND last > $2 ORDER BY last LIMIT $3
        """)
    static let epoch = Statement(
        "m_epoch",
        """
        SELECT epoch FROM mizu_epoch WHERE scope = $1 AND first <= $2
        ORDER BY first DESC LIMIT 1
        """)
}

/// How many rows to ask for next, so that they come to some 512 KB.
private struct PageSize {
    private(set) var rows = 64

    /// Takes in what the last page came to.
    mutating func note(rows count: Int, bytes: Int) {
        let average = max(64, bytes / max(1, count))
        rows = min(rows * 4, max(8, (512 << 10) / average))
    }
}

extension Asking {
    func committedRecord(_ key: RecordKey, in scope: Name) throws(StoreError) -> StoredRecord? {
        let rows = try ask(
            Query(Look.record).with(scope).with(key.entity).with(key.id), of: scope)
        return rows.count == 0 ? nil : try rows.record(0, from: 0)
    }

    func committedEpoch(at cursor: Int, in scope: Name) throws(StoreError) -> Name? {
        guard cursor > 0 else { return nil }
        let rows = try ask(Query(Look.epoch).with(scope).with(cursor), of: scope)
        return rows.count == 0 ? nil : try rows.name(0, 0)
    }

    /// Visits rows of version, data, entity and id.
    func eachRecord(
        in scope: Name, after key: RecordKey?, of entity: Name? = nil,
        _ visit: (Rows, Int) throws(StoreError) -> Visit
    ) throws(StoreError) {
        var size = PageSize()
        var (lastEntity, lastID) = (key?.entity.bytes ?? [], key?.id.bytes ?? [])
        while true {
            let query =
                if let entity {
                    Query(Look.entity).with(scope).with(entity).with(lastID).with(size.rows)
                } else {
                    Query(Look.records).with(scope).with(lastEntity).with(lastID)
                        .with(size.rows)
                }
            let rows = try ask(query, of: scope)
            var bytes = 0
            for row in 0..<rows.count {
                bytes += rows.bytes(row, 1).count
                guard case .next = try visit(rows, row) else { return }
            }
            guard rows.count == size.rows else { return }
            lastEntity = [UInt8](rows.bytes(rows.count - 1, 2))
            lastID = [UInt8](rows.bytes(rows.count - 1, 3))
            size.note(rows: rows.count, bytes: bytes)
        }
    }

    /// Visits rows of first, last, time, ends and bytes.
    func eachMutation(
        of scope: Name, after cursor: Int,
        _ visit: (Rows, Int) throws(StoreError) -> Visit
    ) throws(StoreError) {
        var size = PageSize()
        var last = cursor
        while true {
            let rows = try ask(
                Query(Look.log).with(scope).with(last).with(size.rows), of: scope)
            var bytes = 0
            for row in 0..<rows.count {
                bytes += rows.bytes(row, 4).count
                let end = try rows.span(row).last
                guard end > last else { throw Rows.damaged("the order of changes") }
                last = end
                guard case .next = try visit(rows, row) else { return }
            }
            guard rows.count == size.rows else { return }
            size.note(rows: rows.count, bytes: bytes)
        }
    }
}
