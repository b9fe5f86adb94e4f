// Writes each change once, as it will stand in the log for ever and as every client gets it
// (protocol.md, "POST /_sync/pull"). On the writer's thread, inside the transaction: the text is
// the row.

import MizuBytes

/// Writes the changes of one mutation, comma-joined.
struct ChangeWriter: ~Copyable {
    private let scope: Name
    private let mutation: Name
    private let time: ByteSlice
    private var buffer = ByteBuffer(capacity: 256)
    /// Where each change ends.
    private(set) var ends: [Int] = []

    init(scope: Name, mutation: Name, time: ByteSlice) {
        self.scope = scope
        self.mutation = mutation
        self.time = time
    }

    /// Bytes of a change beside its data, entity and id, escapes aside.
    static func overhead(scope: Name, mutation: Name) -> Int {
        scope.bytes.count + mutation.bytes.count + 150
    }

    mutating func append(_ change: RecordChange, cursor: Int) {
        buffer.append(buffer.count > 0 ? ",{\"cursor\":" : "{\"cursor\":" as StaticString)
        buffer.append(decimal: cursor)
        buffer.append(",\"scope\":" as StaticString)
        buffer.append(name: scope)
        buffer.append(",\"entity\":" as StaticString)
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
            buffer.append(json)
        }
        buffer.append(",\"time\":\"" as StaticString)
        buffer.append(time)
        buffer.append("\",\"mutation\":" as StaticString)
        buffer.append(name: mutation)
        buffer.append(UInt8(ascii: "}"))
        ends.append(buffer.count)
    }

    consuming func finish() -> ByteSlice { buffer.finish() }
}
