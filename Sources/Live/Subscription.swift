// The small values that TopicTable gives and takes: who is subscribed to what, and how far each
// has been told. No memory, no behaviour beyond their own bits.

/// A topic of one `TopicTable`. Stale once the topic has lost its last subscriber: a later topic
/// at the same index has another generation.
public struct TopicID: Hashable, Sendable {
    let index: UInt32
    let generation: UInt32

    /// Generation and index in one number, which no other topic of the table has.
    public var number: UInt64 { UInt64(generation) << 32 | UInt64(index) }
}

/// One subscription, found in a table: valid until the next subscribe, unsubscribe or removal.
public struct Subscription: Hashable, Sendable {
    /// The connection: generation << 32 | slot index.
    public let token: UInt64
    public let topic: TopicID
    let edge: UInt32
}

/// What a subscriber asked for.
public enum SubscriptionMode: UInt8, Sendable {
    /// Only to be told that there is something new.
    case pokes
    /// To be sent the changes, where that is cheap.
    case deltas
}

/// How far one subscriber has been told. 16 bytes.
public struct SubscriptionState: Equatable, Sendable {
    /// Up to here the subscriber was sent changes or told of them. For an app's topic, which has
    /// no cursors: the number of the last message sent, so that a fan-out that meets the same
    /// subscriber twice sends once.
    public var sent: Int
    public var mode: SubscriptionMode
    /// Whether a poke for this topic is in the connection's send queue: at most one may be.
    public var isPokeWaiting: Bool

    public init(mode: SubscriptionMode, sent: Int) {
        self.sent = sent
        self.mode = mode
        isPokeWaiting = false
    }
}

/// What became of a subscribe.
public enum SubscribeOutcome: Equatable, Sendable {
    case added(Subscription)
    /// The connection was subscribed to this topic; mode and state are the new ones.
    case replaced(Subscription)
    /// The connection has `subscriptionsPerConnectionMax` topics; nothing changed.
    case limitReached
}

/// A walk over a topic's subscribers that may pause between ticks while the table changes.
///
/// It goes from the last to the first. What leaves is replaced by the last, which has been
/// visited or comes later, so nobody who stays is missed; somebody may be met twice, which
/// `SubscriptionState.sent` makes harmless if fan-outs of one topic run in the order of their
/// cursors. Who subscribes meanwhile need not be met: the ack tells them where they begin.
public struct FanOut: Sendable {
    public let topic: TopicID
    /// Subscribers at positions below this one are still to be visited.
    var remaining: Int

    /// Nobody is left to be visited.
    public var isAtEnd: Bool { remaining == 0 }
}
