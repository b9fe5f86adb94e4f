// Writes, merges and trims the blocks of the log (LogBlock.swift) in their table. Confined to the
// writer's thread, like its connection.

import MizuBytes
import MizuSync

final class LogBlockWriter {
    private let insertBlock, sizes, fromBlock, removeFrom: Statement
    private let oldest, first, removeThrough, remove: Statement

    init(_ connection: Connection) throws(StoreError) {
        insertBlock = try Statement(
            connection,
            "INSERT INTO log(scope, last, first, time, marks, bytes) VALUES(?, ?, ?, ?, ?, ?)")
        sizes = try Statement(
            connection,
            "SELECT last, length(bytes) AS bytes FROM log WHERE scope = ? ORDER BY last DESC",
            columns: SizeColumn.self)
        fromBlock = try Statement(
            connection,
            """
            SELECT last, first, time, marks, bytes FROM log
            WHERE scope = ? AND last >= ? ORDER BY last
            """, columns: BlockColumn.self)
        removeFrom = try Statement(connection, "DELETE FROM log WHERE scope = ? AND last >= ?")
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

    /// Appends entries that follow each other without a gap. They become one block with the last
    /// ones while these are not much larger: as in a binary counter, blocks grow towards the front,
    /// and each byte is written again a few times at most, however rare changes are.
    func append(_ entries: [LogEntry], to scopeID: Int) throws(StoreError) {
        guard let first = entries.first else { return }
        var waiting = entries
        let size = entries.reduce(0) { $0 + $1.bytes.count + 1 }
        if let start = try mergedFrom(scopeID, before: size),
            let blocks = try blocks(of: scopeID, from: start, before: first.first)
        {
            try removeFrom.bind(scopeID).bind(start).run()
            waiting = blocks + entries
        }
        for block in LogBlock.cut(waiting) { try insert(block, scopeID) }
    }

    /// The last cursor of the first block to merge with `byteCount` new bytes; nil for none.
    private func mergedFrom(
        _ scopeID: Int, before byteCount: Int
    ) throws(StoreError) -> Int? {
        var size = byteCount
        var start: Int?
        // Of a block's bytes only the number is read.
        try sizes.bind(scopeID).each { (row) throws(StoreError) in
            let older = row.int(SizeColumn.bytes)
            guard older <= 2 * size, older + size <= LogBlock.bytesMax else { return .stop }
            size += older + 1
            start = row.int(SizeColumn.last)
            return .next
        }
        return start
    }

    /// The blocks from the one that ends at cursor `start` on, which must lead to `next` without a
    /// gap. Nil where one is damaged: then nothing is merged.
    private func blocks(
        of scopeID: Int, from start: Int, before next: Int
    ) throws(StoreError) -> [LogEntry]? {
        var found: [LogEntry] = []
        var isWhole = true
        try fromBlock.bind(scopeID).bind(start).each { (row) throws(StoreError) in
            guard
                let block = LogBlock.read(
                    LogRows.header(row), marks: row.blob(BlockColumn.marks),
                    bytes: row.blob(BlockColumn.bytes)),
                found.last.map({ $0.last + 1 == block.first }) ?? true
            else {
                isWhole = false
                return .stop
            }
            found.append(block)
            return .next
        }
        return isWhole && found.last.map { $0.last + 1 == next } == true ? found : nil
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

private enum SizeColumn: Int32, Columns { case last, bytes }
