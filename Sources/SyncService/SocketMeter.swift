// What is counted of one socket (protocol.md, "When the answer is no"): each message takes a token
// of its address and one of its user before it is looked at, bytes that come in take more, and so
// do those that come out of a compressed message; all from the buckets from which requests take.
// Messages that come too soon are passed over unread; the socket is sent an error now and then, and
// closed when it goes on regardless. Says what is to be done, and does nothing.
//
//   message ──takeTurn──► taken: it is read
//                    └──► wait: it is passed over ──passOver──► report ─┐ at most once a second
//                                                          └──► quiet   │
//                                                          └──► close ◄─┘ more than 200 in a row

import MizuDoor
import MizuEventLoop
import MizuRouting
import MizuServer

/// How a socket that speaks too much is treated.
enum SocketMeterLimits {
    /// The shortest time between two errors that say so.
    static let reportMilliseconds: UInt64 = 1_000
    /// Messages that may be passed over in a row; with the next one the socket is closed with 1008.
    static let passedMax = 200
    /// A longer pause than this between two messages that are passed over ends the row.
    static let passedMilliseconds: UInt64 = 10_000
}

/// A class, because most rows of sockets have none. One owner, one thread.
final class SocketMeter {
    private let limiter: RateLimiter
    private let address: RateLimiter.Asker
    private var unpaidBytes = 0
    private var passed = 0
    private var lastPassed: Instant?
    private var lastReport: Instant?

    init(_ address: RateLimiter.Asker, of limiter: RateLimiter) {
        self.address = address
        self.limiter = limiter
    }

    /// Whether a message may be read.
    enum Turn: Equatable {
        case taken
        case wait(seconds: Int)
    }

    /// Takes the token of one message.
    func takeTurn(user: String?, now: Instant) -> Turn {
        limiter.wait(address, user: user, now: now).map { .wait(seconds: $0) } ?? .taken
    }

    /// What is to be done beside passing over the message.
    enum Refusal: Equatable {
        case report
        /// The socket was sent an error a moment ago.
        case quiet
        case close
    }

    /// Counts a message that came too soon.
    func passOver(now: Instant) -> Refusal {
        let pause = lastPassed.map { now.milliseconds(since: $0) } ?? 0
        if pause > SocketMeterLimits.passedMilliseconds { passed = 0 }
        lastPassed = now
        passed += 1
        guard passed <= SocketMeterLimits.passedMax else { return .close }
        if let lastReport,
            now.milliseconds(since: lastReport) < SocketMeterLimits.reportMilliseconds
        {
            return .quiet
        }
        lastReport = now
        return .report
    }

    /// Counts bytes that came in, or out of a compressed message.
    /// - Returns: what is to be charged now; nil while they are few: most messages are small, and
    ///   cost no more than the token they began with.
    func took(_ byteCount: Int) -> RouteCost? {
        // A read and a message have their limits, far below an overflow.
        unpaidBytes += byteCount
        guard unpaidBytes >= RatePrice.tokenBytes else { return nil }
        defer { unpaidBytes = 0 }
        return .bytes(unpaidBytes)
    }

    /// Takes what is known only now; the next message waits for it.
    func charge(_ cost: RouteCost, user: String?, now: Instant) {
        limiter.charge(address, user: user, cost, now: now)
    }
}
