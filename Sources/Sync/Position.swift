// Where a client is in a scope's log, and which log that is (protocol.md, "Words"); and how a
// request says so.

import MizuBytes

/// A cursor together with the epoch of the change at that cursor. Cursor 0 is before the first
/// change and belongs to no epoch; whatever epoch is told with it is not checked.
public struct Position: Hashable, Sendable {
    /// 0 to 2^53 − 1.
    public let cursor: Int
    public let epoch: Name

    /// The greatest number that protocol.md allows, exact in every JSON implementation.
    public static let cursorMax = (1 << 53) - 1

    public init(cursor: Int, epoch: Name) {
        self.cursor = cursor
        self.epoch = epoch
    }
}

extension Position {
    /// Before the first change; of no epoch.
    package static let start = Position(cursor: 0, epoch: "_")

    /// Reads `cursor` and `epoch` of a request. At cursor 0 the epoch is not looked at.
    /// - Returns: nil if there is no cursor.
    /// - Throws: `invalid_request`.
    public static func read(
        cursor: JSONValue?, epoch: JSONValue?
    ) throws(Refusal) -> Position? {
        guard let cursor else { return nil }
        guard let cursor = cursor.int else {
            throw .invalidRequest("cursor: expected a whole number from 0 to 2^53 - 1")
        }
        guard cursor > 0 else { return .start }
        guard let epoch else { throw .invalidRequest("epoch: required with a cursor above 0") }
        guard let name = Name(epoch) else {
            throw .invalidRequest("epoch: expected a name")
        }
        return Position(cursor: cursor, epoch: name)
    }
}
