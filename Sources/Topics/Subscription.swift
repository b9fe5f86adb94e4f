// The small values that TopicTable gives and takes: a topic, a subscription, a walk over a topic's
// subscribers. No memory, no behaviour beyond their own bits.

import MizuBytes

/// A topic of one `TopicTable`. Stale once the topic has lost its last subscriber: a later topic
/// at the same index has another generation.
public struct TopicID: Hashable, Sendable {
    @usableFromInline let index: UInt32
    @usableFromInline let generation: UInt32

    @inlinable
    init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }

    /// Generation and index in one number, which no other topic of the table has.
    @inlinable public var number: UInt64 { UInt64(generation) << 32 | UInt64(index) }
}

/// One subscription, found in a table: valid until the next subscribe, unsubscribe or removal.
public struct Subscription: Hashable, Sendable {
    /// The connection.
    public let token: Token
    public let topic: TopicID
    @usableFromInline let edge: UInt32

    @inlinable
    init(token: Token, topic: TopicID, edge: UInt32) {
        self.token = token
        self.topic = topic
        self.edge = edge
    }
}

/// What became of a subscribe.
public enum SubscribeOutcome: Equatable, Sendable {
    case added(Subscription)
    /// The connection was subscribed to this topic; its state is the new one.
    case replaced(Subscription)
    /// The connection has `subscriptionsMax` topics; nothing changed.
    case limitReached
}

/// A walk over a topic's subscribers that may pause between ticks while the table changes.
///
/// It goes from the last to the first. What leaves is replaced by the last, which has been
/// visited or comes later, so no subscriber that stays is missed; one may be met twice, so the
/// owner's `State` must know what it was sent. Who subscribes meanwhile need not be met: the answer
/// to the subscribe says where that begins.
public struct TopicWalk: Sendable {
    public let topic: TopicID
    /// Subscribers at positions below this one are still to be visited.
    @usableFromInline var remaining: Int

    @inlinable
    init(topic: TopicID, remaining: Int) {
        self.topic = topic
        self.remaining = remaining
    }

    /// Nobody is left to be visited.
    @inlinable public var isAtEnd: Bool { remaining == 0 }
}
