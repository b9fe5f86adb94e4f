// Says to those who work on an answer whether anybody still waits for it. The worker that owns the
// connection writes it, once; whoever makes the answer looks at it where stopping is cheap. A
// handler that returns `Response.pending` alone needs none.

import Synchronization

/// One word that a worker and another thread share about one exchange.
public final class ExchangeWatch: Sendable {
    private let gone = Atomic<Bool>(false)

    public init() {}

    /// Whether the connection has broken or ended, so that no answer can arrive. A peer that has
    /// only sent its last byte still reads (RFC 9112 §9.6), and is not gone.
    public var isGone: Bool { gone.load(ordering: .relaxed) }

    /// The exchange is over.
    public func end() { gone.store(true, ordering: .relaxed) }
}
