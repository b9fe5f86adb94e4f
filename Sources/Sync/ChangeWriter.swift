// Writes each change once, as it will stand in the log for ever and as every client gets it
// (protocol.md, "POST /_sync/pull"). On the writer's thread, inside the transaction: the text is
// the row, and the records that are kept are slices of it.
// One writer for the life of the engine: the text is composed in memory that stays, and handed out
// as a copy of exactly its length, because a log's tail keeps many of them.

import MizuBytes

/// Writes the changes of one mutation after the other, comma-joined.
struct ChangeWriter: ~Copyable {
    private var buffer = ByteBuffer(capacity: 1024)
    /// What is the same in all changes of a push, and of a batch.
    private var scopeText = ByteBuffer(capacity: 192)
    private var timeText = ByteBuffer(capacity: 64)
    /// Where in `buffer` the records stand.
    private var records: [Range<Int>] = []

    /// More memory than this is not kept for the next mutation.
    private static let keptBytesMax = 256 << 10

    /// Bytes of a change beside its data, entity and id, escapes aside.
    static func overhead(scope: Name, mutation: Name) -> Int {
        scope.bytes.count + mutation.bytes.count + 150
    }

    /// Begins a batch: its changes are of this time.
    mutating func begin(time: String) {
        timeText.removeAll()
        timeText.append(",\"time\":\"" as StaticString)
        timeText.append(time)
        timeText.append("\",\"mutation\":" as StaticString)
    }

    /// Begins a push: its changes are of this scope.
    mutating func begin(scope: Name) {
        scopeText.removeAll()
        scopeText.append(",\"scope\":" as StaticString)
        scopeText.append(name: scope)
        scopeText.append(",\"entity\":" as StaticString)
    }

    /// Writes the changes of a mutation, the first of them at cursor `first`. Their records become
    /// slices of the text.
    /// - Returns: the text, and where in it each change ends.
    mutating func write(
        _ changes: inout [RecordChange], of mutation: Name, from first: Int
    ) -> (bytes: ByteSlice, ends: [Int]) {
        var ends: [Int] = []
        ends.reserveCapacity(changes.count)
        records.removeAll(keepingCapacity: true)
        for index in changes.indices {
            append(changes[index], of: mutation, cursor: first + index)
            ends.append(buffer.count)
        }
        let bytes = ByteSlice(copying: buffer.readable)
        for index in changes.indices where changes[index].json != nil {
            changes[index].json = bytes[records[index]]
        }
        if buffer.capacity > Self.keptBytesMax { buffer = ByteBuffer(capacity: 1024) }
        buffer.removeAll()
        return (bytes, ends)
    }

    private mutating func append(_ change: RecordChange, of mutation: Name, cursor: Int) {
        buffer.append(buffer.count > 0 ? ",{\"cursor\":" : "{\"cursor\":" as StaticString)
        buffer.append(decimal: cursor)
        buffer.append(scopeText.readable)
        buffer.append(name: change.key.entity)
        buffer.append(",\"id\":" as StaticString)
        buffer.append(name: change.key.id)
        switch change.operation {
        case .create: buffer.append(",\"op\":\"create\"" as StaticString)
        case .update: buffer.append(",\"op\":\"update\"" as StaticString)
        case .delete: buffer.append(",\"op\":\"delete\"" as StaticString)
        }
        if let json = change.json {
            buffer.append(",\"data\":" as StaticString)
            let start = buffer.count
            buffer.append(json)
            records.append(start..<buffer.count)
        } else {
            records.append(0..<0)
        }
        buffer.append(timeText.readable)
        buffer.append(name: mutation)
        buffer.append(UInt8(ascii: "}"))
    }
}
