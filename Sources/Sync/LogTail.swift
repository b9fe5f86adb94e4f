// The latest changes of every scope, in memory, as the bytes that go out (architecture, decision
// 5): a pull is a head, a few slices and a foot; a delta is written once for all subscribers.
// Shared by all threads. It may know less than the store but never anything else: what it cannot
// decide it leaves to the store (`.askStore`), and that a cursor is ahead of the log it never says.
//
// The order that makes "one truth": the committer commits, appends to the tail, and only then lets
// any answer or message go. So whatever a peer can have seen, every worker's next look at the tail
// shows too.

import MizuBytes
import Synchronization

/// The tails of all scopes' logs. Thread-safe; holds its lock for no longer than it takes to copy
/// references.
public final class LogTail: Sendable {
    private let limits: SyncLimits
    private let table: Mutex<TailTable>

    public init(limits: SyncLimits) {
        self.limits = limits
        table = Mutex(TailTable())
    }

    /// What the tail says to a pull.
    public enum PullAnswer: Sendable {
        /// The answer's body, in slices to be sent one behind the other.
        case answer([ByteSlice])
        case askStore
        case refused(Refusal)
    }

    /// What the tail says to a subscriber at a position.
    public enum Delta: Sendable {
        /// Nothing is new.
        case current
        /// All changes from `base` (exclusive) to `head`: comma-joined JSON, in slices.
        case frame(base: Int, head: Position, [ByteSlice])
        /// More than `SyncLimits.deltaBytesMax` behind: send a poke.
        case tooFarBehind(head: Position)
        case askStore
        case refused(Refusal)
    }
}
