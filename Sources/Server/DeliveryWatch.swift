// Whether a peer takes what it was sent. The kernel's send buffer takes megabytes from us that the
// peer never reads, so what counts is what the peer's kernel has acknowledged: bytes given to the
// kernel less those that it still holds. A delivery is watched from the first short write, or from
// a large answer on, until all is acknowledged. It is judged once in each window, so a trickle
// stretches nothing, and a large answer to a peer that keeps the pace goes on for as long as it
// takes.
//
//   begin ──► watching ──windowEnded──► goOn: the next window begins
//               ▲  │                    delivered: the peer has all
//               └──┘ took               tooSlow: it took too little of what there was to take
//
// Pure; the clock is passed in. What follows a verdict is for the owner to decide.

import MizuDoor
import MizuEventLoop

/// One connection's output under watch.
struct DeliveryWatch: Equatable {
    /// Bytes given to the transport since the watch began.
    private var sentBytes = 0
    /// What there was to take when the window began. A peer that has taken all of that is not slow,
    /// even if more was queued since.
    private var owedBytes: Int
    private var rate: TransferRate

    /// A connection's output at one moment.
    struct Output: Equatable {
        /// Bytes not yet handed to the transport.
        var unencryptedBytes = 0
        /// Handed over and not yet with the peer: what its kernel has not acknowledged and, through
        /// TLS, what ours has not taken.
        var onTheWayBytes = 0
        var isSecure = false
        /// The kernel has not taken all.
        var waits = false
        /// Our FIN may be on its way; it counts as a byte.
        var endIsSent = false

        /// What the peer must take in a window at least, if it takes all that it can. Bytes are
        /// counted before they are encrypted and on their way after that, so records get some
        /// slack.
        var owedBytes: Int {
            let slack = isSecure ? 1_024 + onTheWayBytes / 16 : 0
            return unencryptedBytes + max(0, onTheWayBytes - slack)
        }

        /// Whether the peer's kernel has all of it.
        var isDelivered: Bool { !waits && onTheWayBytes <= (endIsSent ? 1 : 0) }
    }

    enum Verdict: Equatable { case goOn, delivered, tooSlow }

    init(_ output: Output, _ pace: TransferPace, now: Instant) {
        owedBytes = output.owedBytes
        rate = TransferRate(-output.onTheWayBytes, pace, now: now)
    }

    /// When the window under way ends: judge it then.
    var windowEnds: Instant { rate.end }

    /// The transport took so many bytes.
    mutating func took(_ byteCount: Int) { sentBytes += byteCount }

    /// A window has ended; unless all is over, the next one begins.
    mutating func windowEnded(_ output: Output, _ pace: TransferPace, now: Instant) -> Verdict {
        guard !output.isDelivered else { return .delivered }
        let arrived = sentBytes - output.onTheWayBytes
        switch rate.windowEnded(arrived, of: owedBytes, pace, now: now) {
        case .tooSlow: return .tooSlow
        case .goOn:
            owedBytes = output.owedBytes
            return .goOn
        }
    }
}
