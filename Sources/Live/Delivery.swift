// Which of a delta, a poke or nothing a subscriber gets: protocol.md's "Deltas are a favour", as
// pure functions. Whoever owns the queues performs what they say and then tells the state so.

/// What a subscriber is sent of something new.
public enum Delivery: Equatable, Sendable {
    /// The changes after `News.base`.
    case delta
    /// That there is something new; it will pull.
    case poke
    case nothing
}

/// A run of changes that can be sent as one delta.
public struct News: Equatable, Sendable {
    /// The changes begin behind this cursor.
    public let base: Int
    /// The last change's cursor.
    public let cursor: Int
    /// Bytes of the changes as JSON.
    public let changeBytes: Int

    public init(base: Int, cursor: Int, changeBytes: Int) {
        self.base = base
        self.cursor = cursor
        self.changeBytes = changeBytes
    }
}

/// Whether a connection's send queue takes more (protocol.md: 1 MiB, 256 messages).
public enum QueueRoom: Sendable {
    case free
    /// No more deltas. A poke still goes in: there is at most one for each topic.
    case full
}

extension SubscriptionState {
    /// Says what to send of `news`. Call `note` once it is queued.
    public func delivery(
        of news: News, queue: QueueRoom, limits: LiveLimits = .default
    ) -> Delivery {
        guard news.cursor > sent else { return .nothing }
        // The poke that waits has not been read, so the pull it causes brings this as well. What
        // remains untold is told by `afterDrain`.
        guard !isPokeWaiting else { return .nothing }
        guard mode == .deltas, queue == .free, news.base <= sent,
            news.changeBytes <= limits.deltaBytesMax
        else { return .poke }
        return .delta
    }

    /// Records that `delivery` of changes up to `cursor` was queued.
    public mutating func note(_ delivery: Delivery, upTo cursor: Int) {
        switch delivery {
        case .nothing: break
        case .delta: sent = max(sent, cursor)
        case .poke:
            sent = max(sent, cursor)
            isPokeWaiting = true
        }
    }

    /// Records that the send queue was written to its end.
    /// - Parameter head: where the topic is now.
    /// - Returns: `.poke` if it has moved on since the poke that waited, so that another is due.
    ///   Call `note` once it is queued.
    public mutating func afterDrain(head: Int) -> Delivery {
        guard isPokeWaiting else { return .nothing }
        isPokeWaiting = false
        return head > sent ? .poke : .nothing
    }
}
