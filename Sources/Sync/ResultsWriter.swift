// Writes the results of a push as text (protocol.md, "POST /_sync/push"), for whoever sends them:
// after the commit, on a worker's thread.

import MizuBytes

extension PushResults {
    /// `{"results":[…]}` as JSON text. O(n) over the changes.
    /// - Parameter limits: changes are left out if the text would pass `resultsBytesMax` with them.
    public func body(limits: SyncLimits) -> ByteSlice {
        // About as much as there will be: two names and a position beside the changes.
        let expected = results.reduce(64) { sum, result in
            guard case .applied(_, let changes) = result.decision else { return sum + 256 }
            return sum + 192 + changes.bytes.count
        }
        var writer = ResultsWriter(
            bytesMax: limits.resultsBytesMax, capacity: min(expected, limits.resultsBytesMax))
        for (index, result) in results.enumerated() {
            writer.append(result, othersToCome: results.count - index - 1)
        }
        return writer.finish()
    }
}

/// Composes `{"results":[…]}`.
private struct ResultsWriter: ~Copyable {
    private var buffer: ByteBuffer
    private var isFirst = true
    private let bytesMax: Int

    /// More than any result without its changes: two names with escapes, a code and a message.
    private static let resultBytesMax = 4096

    init(bytesMax: Int, capacity: Int) {
        self.bytesMax = bytesMax
        buffer = ByteBuffer(capacity: capacity)
        buffer.append("{\"results\":[" as StaticString)
    }

    /// Appends a result. Changes are left out if the answer, with what is still to come, would
    /// pass its limit.
    mutating func append(_ result: MutationResult, othersToCome: Int) {
        buffer.append(isFirst ? "{\"id\":" : ",{\"id\":" as StaticString)
        isFirst = false
        buffer.append(name: result.id)
        switch result.decision {
        case .applied(let position, let changes):
            buffer.append(",\"ok\":true" as StaticString)
            append(position)
            let reserve = (othersToCome + 1) * Self.resultBytesMax
            if buffer.count + changes.bytes.count + reserve <= bytesMax {
                buffer.append(",\"changes\":[" as StaticString)
                buffer.append(changes.bytes)
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
            append(Rejection.undecided)
        case .untried:
            buffer.append(",\"ok\":false,\"retry\":true" as StaticString)
            append(Rejection.untried)
        }
        buffer.append(UInt8(ascii: "}"))
    }

    consuming func finish() -> ByteSlice {
        buffer.append("]}" as StaticString)
        return buffer.finish()
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
