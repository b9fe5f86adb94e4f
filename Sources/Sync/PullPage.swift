// A page of a scope's log as a value (protocol.md, "POST /_sync/pull"). The tail and the store make
// it, `/ws` takes its changes for a delta, and only the HTTP endpoint writes it as a body. The
// changes stay slices of the log: nothing is copied to join them, and nobody parses them again.

import MizuBytes

/// The changes after a position, up to where the page ends. Immutable; any thread.
public struct PullPage: Sendable {
    /// What follows the page's last change.
    public enum Rest: Hashable, Sendable {
        /// More changes: the client pulls again from `position`.
        case more
        /// Nothing: `position` is the log's head. The checksum is of the scope's records there; nil
        /// if it is not known.
        case nothing(ScopeChecksum?)
    }

    /// The changes as JSON objects with commas between them, cut into slices anywhere: put one
    /// after the other they are the text of an array without its brackets. Empty if there are none.
    public let changes: [ByteSlice]
    /// The position of the last change, or the one that was asked for if there are none.
    public let position: Position
    public let rest: Rest

    init(changes: [ByteSlice], position: Position, rest: Rest) {
        self.changes = changes
        self.position = position
        self.rest = rest
    }

    /// The answer to a pull as JSON text, in slices that are sent one after the other. Copies no
    /// change. O(slices).
    public var body: [ByteSlice] {
        var body: [ByteSlice] = []
        body.reserveCapacity(changes.count + 2)
        body.append(Self.start)
        body.append(contentsOf: changes)
        body.append(end)
        return body
    }

    /// What stands between two slices of changes.
    static let comma = ByteSlice(literal: ",")
    private static let start = ByteSlice(literal: "{\"changes\":[")

    private var end: ByteSlice {
        var buffer = ByteBuffer(capacity: 160)
        switch rest {
        case .more: buffer.append("],\"has_more\":true,\"next_cursor\":" as StaticString)
        case .nothing: buffer.append("],\"has_more\":false,\"next_cursor\":" as StaticString)
        }
        buffer.append(decimal: position.cursor)
        buffer.append(",\"epoch\":" as StaticString)
        buffer.append(name: position.epoch)
        if case .nothing(let checksum) = rest { buffer.append(checksum: checksum) }
        buffer.append(UInt8(ascii: "}"))
        return buffer.finish()
    }
}
