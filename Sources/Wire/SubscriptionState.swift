// How far one subscriber was sent, and which of a delta, a poke or nothing it gets of new changes:
// protocol.md's "Deltas are a favour", as pure functions. Whoever owns the queues performs what
// they say and then records it here.
//
//             ┌──delta: sent up to its cursor──┐
//             ▼                                │
//          in step ────────────────────────────┘
//             │  ▲
//   poke      │  │ drained: the queue is empty and the scope has not moved on
//             ▼  │
//        poke waiting ──drained: it has moved on──► one more poke, and waiting again
//
//   in step:      the subscriber was sent everything up to `sent`, or that there is something
//   poke waiting: a poke is in the queue, so nothing more is queued: the pull that the poke causes
//                 brings what came since

import MizuBytes

/// What a subscriber of a scope asked for.
public enum SubscriptionMode: UInt8, Sendable, BitwiseCopyable {
    /// Only that there is something new.
    case pokes
    /// The changes, if they are few.
    case deltas
}

/// How far one subscriber was sent. 16 bytes.
public struct SubscriptionState: Equatable, Sendable, BitwiseCopyable {
    /// The subscriber was sent the changes up to this cursor, or a poke. For an app's topic, which
    /// has no cursors: the number of the last message sent, so that a fan-out that meets the same
    /// subscriber twice sends once.
    public var sent: Int
    public var mode: SubscriptionMode
    /// Whether a poke for this topic is in the connection's send queue: at most one may be.
    public var isPokeWaiting: Bool
    /// What the permission stood on, by the owner's own numbers; 0: on nothing.
    public var basis: UInt32 = 0

    public init(mode: SubscriptionMode, sent: Int) {
        self.sent = sent
        self.mode = mode
        isPokeWaiting = false
    }
}

/// What a subscriber is sent of something new.
public enum Announcement: Equatable, Sendable {
    /// The changes themselves.
    case delta
    /// That there is something new; the subscriber will pull.
    case poke
    case nothing
}

/// Which changes a publication carries, and how large they are.
public struct ChangeSpan: Equatable, Sendable {
    /// The changes begin after this cursor.
    public let base: Int
    /// The last change's cursor.
    public let cursor: Int
    /// Bytes of the changes as JSON.
    public let byteCount: Int

    public init(base: Int, cursor: Int, byteCount: Int) {
        self.base = base
        self.cursor = cursor
        self.byteCount = byteCount
    }
}

/// Whether a connection's send queue takes more (protocol.md: 1 MiB, 256 messages).
public enum QueueRoom: Sendable {
    case free
    /// No more deltas. A poke still goes in: there is at most one for each topic.
    case full
}

extension SubscriptionState {
    /// What to send of `changes`. Call `record` once it is queued.
    public func announcement(
        of changes: ChangeSpan, queue: QueueRoom, limits: LiveLimits = .default
    ) -> Announcement {
        guard changes.cursor > sent else { return .nothing }
        // The poke that waits has not been read, so the pull it causes brings this as well. What is
        // still missing then is announced by `drained`.
        guard !isPokeWaiting else { return .nothing }
        guard mode == .deltas, queue == .free, changes.base <= sent,
            changes.byteCount <= limits.deltaBytesMax
        else { return .poke }
        return .delta
    }

    /// Records that `announcement` of changes up to `cursor` was queued.
    public mutating func record(_ announcement: Announcement, upTo cursor: Int) {
        switch announcement {
        case .nothing: break
        case .delta: sent = max(sent, cursor)
        case .poke:
            sent = max(sent, cursor)
            isPokeWaiting = true
        }
    }

    /// Records that the send queue was written to its end.
    /// - Parameter head: the cursor at which the scope is now.
    /// - Returns: `.poke` if the scope has moved on since the poke that waited, so that another one
    ///   is due. Call `record` once it is queued.
    public mutating func drained(head: Int) -> Announcement {
        guard isPokeWaiting else { return .nothing }
        isPokeWaiting = false
        return head > sent ? .poke : .nothing
    }
}
