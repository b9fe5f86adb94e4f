// What is counted of one socket (protocol.md, "When the answer is no"): bytes that are not yet paid
// for, and messages that came too soon. Those are passed over unread; the socket is told so now and
// then, and closed when it goes on regardless. Pure: says what is to be done, and does nothing.

import MizuDoor
import MizuEventLoop
import MizuRouting
import MizuServer

/// How a socket that speaks too much is treated.
enum SocketMeterLimits {
    /// A socket that is refused is told so at most once in that time.
    static let tellMilliseconds: UInt64 = 1_000
    /// Messages that may be passed over within `passedMilliseconds`; with the next one the socket
    /// is closed with 1008.
    static let passedMax = 200
    /// As long as no longer than that is between two messages that are passed over, they are
    /// counted together.
    static let passedMilliseconds: UInt64 = 10_000
}

struct SocketMeter {
    let asker: RateLimiter.Asker
    private var unpaidBytes = 0
    private var passed = 0
    private var passedLast: Instant?
    private var told: Instant?

    init(_ asker: RateLimiter.Asker) { self.asker = asker }

    /// What is to be done beside passing over the message.
    enum Refusal: Equatable {
        case tell
        /// It was told a moment ago.
        case quiet
        case close
    }

    /// A message came too soon.
    mutating func refused(at now: Instant) -> Refusal {
        let pause = passedLast.map { now.milliseconds(since: $0) } ?? 0
        if pause > SocketMeterLimits.passedMilliseconds { passed = 0 }
        passedLast = now
        passed += 1
        guard passed <= SocketMeterLimits.passedMax else { return .close }
        if let told, now.milliseconds(since: told) < SocketMeterLimits.tellMilliseconds {
            return .quiet
        }
        told = now
        return .tell
    }

    /// Bytes came in, or out of a compressed message.
    /// - Returns: what is to be paid now; nil while they are few: most messages are small, and cost
    ///   no more than the token they began with.
    mutating func took(_ byteCount: Int) -> RouteCost? {
        // A read and a message have their limits, far below an overflow.
        unpaidBytes += byteCount
        guard unpaidBytes >= RatePrice.tokenBytes else { return nil }
        let cost = RouteCost.bytes(unpaidBytes)
        unpaidBytes = 0
        return cost
    }
}
