// Writes, merges and trims the blocks of the log (LogBlock.swift) in their table. Confined to the
// writer's thread, like its connection.

import MizuBytes
import MizuSync

final class LogBlockWriter {
    private let insertBlock, last, oldest, first, removeThrough, remove: Statement

    init(_ connection: Connection) throws(StoreError) {
        insertBlock = try Statement(
            connection,
            "INSERT INTO log(scope, last, first, time, marks, bytes) VALUES(?, ?, ?, ?, ?, ?)")
        // A large block's bytes are not read: `length` is in its head.
        last = try Statement(
            connection,
            """
            SELECT last, first, time, marks,
                CASE WHEN length(bytes) <= \(LogBlock.growingBytesMax) THEN bytes END AS bytes
            FROM log WHERE scope = ? ORDER BY last DESC LIMIT 1
            """, columns: BlockColumn.self)
        oldest = try Statement(
            connection,
            """
            SELECT last, first, time, marks, length(bytes) AS bytes FROM log
            WHERE scope = ? ORDER BY last
            """, columns: BlockColumn.self)
        removeThrough = try Statement(connection, "DELETE FROM log WHERE scope = ? AND last <= ?")
        first = try Statement(
            connection,
            """
            SELECT last, first, time, marks, bytes FROM log
            WHERE scope = ? ORDER BY last LIMIT 1
            """, columns: BlockColumn.self)
        remove = try Statement(connection, "DELETE FROM log WHERE scope = ? AND last = ?")
    }

    func insert(_ block: LogEntry, _ scopeID: Int) throws(StoreError) {
        try insertBlock.bind(scopeID).bind(block.last).bind(block.first)
            .bind(Int(block.timesMilliseconds.first ?? 0)).bind(LogBlock.marks(of: block))
            .bind(block.bytes).run()
    }

    /// Appends entries that follow each other without a gap.
    func append(_ entries: [LogEntry], to scopeID: Int) throws(StoreError) {
        guard let first = entries.first else { return }
        var waiting = entries
        if let growing = try growingBlock(of: scopeID), growing.last + 1 == first.first {
            try remove.bind(scopeID).bind(growing.last).run()
            waiting.insert(growing, at: 0)
        }
        for block in LogBlock.cut(waiting) { try insert(block, scopeID) }
    }

    /// The scope's last block if it is small. One that is damaged does not grow.
    private func growingBlock(of scopeID: Int) throws(StoreError) -> LogEntry? {
        try last.bind(scopeID).first { (row) throws(StoreError) in
            let bytes = row.blob(BlockColumn.bytes)
            guard !bytes.isEmpty else { return nil }
            return LogBlock.read(
                LogRows.header(row), marks: row.blob(BlockColumn.marks), bytes: bytes)
        } ?? nil
    }

    /// The oldest mutations.
    func oldest(
        of scopeID: Int, named scope: Name, countMax: Int
    ) throws(StoreError) -> [OldEntry] {
        var found: [OldEntry] = []
        try oldest.bind(scopeID).each { (row) throws(StoreError) in
            guard
                let olds = LogBlock.olds(
                    LogRows.header(row), marks: row.blob(BlockColumn.marks),
                    byteCount: row.int(BlockColumn.bytes))
            else { throw LogRows.damaged(row, of: scope) }
            found.append(contentsOf: olds.prefix(countMax - found.count))
            return found.count < countMax ? .next : .stop
        }
        return found
    }

    /// Removes the mutations up to cursor `base`, also those inside of a block.
    func trim(_ scopeID: Int, named scope: Name, through base: Int) throws(StoreError) {
        try removeThrough.bind(scopeID).bind(base).run()
        let cut =
            try first.bind(scopeID).first { (row) throws(StoreError) -> LogEntry? in
                guard row.int(BlockColumn.first) <= base else { return nil }
                guard
                    let block = LogBlock.read(
                        LogRows.header(row), marks: row.blob(BlockColumn.marks),
                        bytes: row.blob(BlockColumn.bytes))
                else { throw LogRows.damaged(row, of: scope) }
                return block
            } ?? nil
        guard let cut else { return }
        try remove.bind(scopeID).bind(cut.last).run()
        if let rest = LogBlock.rest(of: cut, after: base) { try insert(rest, scopeID) }
    }
}
