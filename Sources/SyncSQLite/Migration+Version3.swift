// From version 2 to 3: scopes get numbers, in the order of their names, so that the rows of the
// large tables are read and written in one and the same order; single mutations become blocks of
// the log (LogBlock.swift); outcomes become runs (OutcomeTable.swift), the earliest review first.
// What does not belong to a scope that is there, or cannot be read, ends the upgrade: nothing of a
// database is left out silently.

import MizuBytes
import MizuSync

extension Migration {
    /// Scopes are found by name (`LEFT JOIN`, so that a row without one has none, which the new
    /// table refuses) once for each row of an old table, which is walked in the order of its key.
    private static let rows = """
        INSERT INTO scopes(
            name, cursor, base, records, checksum, bytes, log_bytes, epoch, owner)
        SELECT scope, cursor, base, records, checksum, bytes, log_bytes, coalesce((
                SELECT epoch FROM epochs2 WHERE epochs2.scope = scopes2.scope
                ORDER BY first DESC LIMIT 1), x''), owner
            FROM scopes2 ORDER BY scope;
        INSERT INTO epochs(scope, first, epoch)
            SELECT id, first, epochs2.epoch FROM epochs2 LEFT JOIN scopes ON name = scope;
        INSERT INTO records(scope, entity, id, version, data)
            SELECT scopes.id, entity, records2.id, version, data
            FROM records2 LEFT JOIN scopes ON name = scope;
        """

    private static let oldTables = ["scopes", "epochs", "records", "changes", "outcomes"]

    static func upgradeTo3(_ connection: Connection) throws(StoreError) {
        for table in oldTables { try connection.run("ALTER TABLE \(table) RENAME TO \(table)2") }
        try connection.run(Schema.tables)
        try connection.run(rows)
        try joinChanges(connection)
        try gatherOutcomes(connection)
        for table in oldTables { try connection.run("DROP TABLE \(table)2") }
    }

    private enum ChangeColumn: Int32, Columns { case id, scope, first, last, time, ends, bytes }

    private static func joinChanges(_ connection: Connection) throws(StoreError) {
        let changes = try Statement(
            connection,
            """
            SELECT id, scope, first, last, time, ends, changes2.bytes AS bytes
            FROM changes2 LEFT JOIN scopes ON name = scope ORDER BY scope, last
            """, columns: ChangeColumn.self)
        let writer = try LogBlockWriter(connection)
        var scopeID = 0
        var waiting: [LogEntry] = []
        var byteCount = 0
        func flush() throws(StoreError) {
            for block in LogBlock.cut(waiting) { try writer.insert(block, scopeID) }
            waiting.removeAll(keepingCapacity: true)
            byteCount = 0
        }
        try changes.each { (row) throws(StoreError) in
            let id = row.int(ChangeColumn.id)
            let entry = try entry(row)
            if id != scopeID || waiting.last.map({ $0.last + 1 != entry.first }) == true
                || byteCount + entry.bytes.count >= LogBlock.bytesMax
            {
                try flush()
            }
            scopeID = id
            byteCount += entry.bytes.count + 1
            waiting.append(entry)
            return .next
        }
        try flush()
    }

    private static func entry(_ row: Statement) throws(StoreError) -> LogEntry {
        let bytes = row.blob(ChangeColumn.bytes)
        let (first, last) = (row.int(ChangeColumn.first), row.int(ChangeColumn.last))
        guard row.int(ChangeColumn.id) > 0, first >= 1, first <= last,
            last <= Position.cursorMax,
            let ends = ends(row.blob(ChangeColumn.ends), of: bytes, count: last - first + 1)
        else {
            throw StoreError(
                .statement, "the change \(last) of \(try row.key(ChangeColumn.scope)) is damaged")
        }
        return LogEntry(
            first: first, last: last, timeMilliseconds: Int64(row.int(ChangeColumn.time)),
            bytes: bytes, ends: ends)
    }

    /// Where the changes of one mutation end: 4 bytes each, little-endian; none for one change.
    private static func ends(_ column: ByteSlice, of bytes: ByteSlice, count: Int) -> [Int]? {
        if count == 1, column.isEmpty { return [bytes.count] }
        guard count > 1, count <= column.count, column.count == count * 4 else { return nil }
        var ends: [Int] = []
        ends.reserveCapacity(count)
        for index in 0..<count {
            let end = (0..<4).reduce(0) { $0 | Int(column[index * 4 + $1]) << ($1 * 8) }
            // A comma stands between two changes.
            guard end > (ends.last.map { $0 + 1 } ?? 0) else { return nil }
            ends.append(end)
        }
        return ends.last == bytes.count ? ends : nil
    }

    private enum OldOutcomeColumn: Int32, Columns {
        case scope, mutation, high, low, user, client, sequence, review, cursor, epoch, code, error
    }

    private static func gatherOutcomes(_ connection: Connection) throws(StoreError) {
        let outcomes = try Statement(
            connection,
            """
            SELECT scope, mutation, high, low, user, client, sequence, review, cursor, epoch, code,
                error FROM outcomes2 INDEXED BY outcomes_by_review ORDER BY review
            """, columns: OldOutcomeColumn.self)
        let table = try OutcomeTable(connection)
        var count = 0
        try outcomes.each { (row) throws(StoreError) in
            table.set(
                try outcome(row), of: try row.key(OldOutcomeColumn.mutation),
                in: try row.key(OldOutcomeColumn.scope))
            count += 1
            if count % OutcomeTable.runCountMax == 0 { try table.finish(earlier: .none) }
            return .next
        }
        try table.finish(earlier: .none)
    }

    private static func outcome(_ row: Statement) throws(StoreError) -> StoredOutcome {
        let verdict: StoredOutcome.Verdict
        if let epoch = row.name(OldOutcomeColumn.epoch) {
            verdict = .applied(Position(cursor: row.int(OldOutcomeColumn.cursor), epoch: epoch))
        } else {
            verdict = .refused(
                Rejection(
                    code: row.blob(OldOutcomeColumn.code).string,
                    message: row.blob(OldOutcomeColumn.error).string))
        }
        return StoredOutcome(
            verdict: verdict,
            fingerprint: Fingerprint(
                high: UInt64(truncatingIfNeeded: row.int(OldOutcomeColumn.high)),
                low: UInt64(truncatingIfNeeded: row.int(OldOutcomeColumn.low))),
            user: row.name(OldOutcomeColumn.user), client: row.name(OldOutcomeColumn.client),
            clientSequence: row.int(OldOutcomeColumn.sequence),
            reviewMilliseconds: Int64(row.int(OldOutcomeColumn.review)))
    }
}
