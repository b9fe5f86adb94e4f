// Where a client is in a scope's log, and which log that is (protocol.md, "Words").

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
