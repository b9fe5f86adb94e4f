// Whether writes can be made, as the committer's last transaction showed: for `/readyz`, and so
// that a fault that every push meets is a line in the log once, not once for each push.

import MizuEventLoop
import Synchronization

/// Written by the committer, read by any thread.
final class StoreHealth: Sendable {
    /// A fault that stays the same is said again after that long.
    static let repeatMilliseconds: UInt64 = 60_000

    private struct State {
        var obstacle: String?
        var saidAt = Instant.now
    }
    private let state = Mutex(State())

    /// Why nothing can be written, nil where it can.
    var obstacle: String? { state.withLock { $0.obstacle } }

    /// Takes in why a transaction failed.
    /// - Returns: whether to say so in the log.
    func failed(_ message: String, now: Instant) -> Bool {
        state.withLock { state in
            let isKnown = state.obstacle == message
            state.obstacle = message
            if isKnown, now < state.saidAt.adding(milliseconds: Self.repeatMilliseconds) {
                return false
            }
            state.saidAt = now
            return true
        }
    }

    /// Takes in that something was written.
    /// - Returns: whether that is news.
    func worked() -> Bool {
        state.withLock { state in state.obstacle.take() != nil }
    }
}
