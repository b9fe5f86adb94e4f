// Writes what goes out because of a push: each change once, as it will stand in the log for ever,
// and the results (protocol.md, "POST /_sync/push").

import MizuBytes

/// What is told about one mutation.
enum MutationResult {
    case applied(Position, changes: ByteSlice)
    case duplicate(Position)
    case refused(Rejection)
    case duplicateRefusal(Rejection)
    /// The store failed on this very mutation: `internal_error`, to be tried again.
    case undecided
    /// Behind an undecided one.
    case untried
}

/// Composes `{"results":[…]}`.
struct ResultsWriter: ~Copyable {
    private var buffer = ByteBuffer(capacity: 512)
    private var isFirst = true
    private let bytesMax: Int

    /// More than any result without its changes: two names with escapes, a code and a message.
    private static let resultBytesMax = 4096

    static let none = ByteSlice(literal: "{\"results\":[]}")

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
        buffer.append("{\"results\":[" as StaticString)
    }

    /// Appends a result. Changes are left out where the answer, with what is still to come, would
    /// pass its limit.
    mutating func append(_ result: MutationResult, of id: Name, othersToCome: Int) {
        buffer.append(isFirst ? "{\"id\":" : ",{\"id\":" as StaticString)
        isFirst = false
        buffer.append(name: id)
        switch result {
        case .applied(let position, let changes):
            buffer.append(",\"ok\":true" as StaticString)
            append(position)
            let reserve = (othersToCome + 1) * Self.resultBytesMax
            if buffer.count + changes.count + reserve <= bytesMax {
                buffer.append(",\"changes\":[" as StaticString)
                buffer.append(changes)
                buffer.append(UInt8(ascii: "]"))
            }
        case .duplicate(let position):
            buffer.append(",\"ok\":true,\"duplicate\":true" as StaticString)
            append(position)
        case .refused(let rejection):
            buffer.append(",\"ok\":false" as StaticString)
            append(rejection)
        case .duplicateRefusal(let rejection):
            buffer.append(",\"ok\":false,\"duplicate\":true" as StaticString)
            append(rejection)
        case .undecided:
            buffer.append(",\"ok\":false,\"retry\":true" as StaticString)
            append(Rejection(code: "internal_error", message: "this could not be decided"))
        case .untried:
            buffer.append(",\"ok\":false,\"retry\":true" as StaticString)
            append(Rejection(code: "unavailable", message: "not tried: one before it failed"))
        }
        buffer.append(UInt8(ascii: "}"))
    }

    consuming func finish() -> ByteSlice {
        buffer.append("]}" as StaticString)
        return buffer.takeSlice(leaving: 1)
    }

    private mutating func append(_ position: Position) {
        buffer.append(",\"cursor\":" as StaticString)
        buffer.append(decimal: position.cursor)
        buffer.append(",\"epoch\":" as StaticString)
        buffer.append(name: position.epoch)
    }

    private mutating func append(_ rejection: Rejection) {
        buffer.append(",\"code\":" as StaticString)
        buffer.appendJSON(string: rejection.code)
        buffer.append(",\"error\":" as StaticString)
        buffer.appendJSON(string: rejection.message)
    }
}

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

    consuming func finish() -> ByteSlice { buffer.takeSlice(leaving: 1) }
}
