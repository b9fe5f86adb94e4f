// TLS handshakes at a worker's door: how many are open, how many steps of them a tick takes, and
// who gives way. A step costs far more than a request, so a tick takes a few; the others wait for
// the next one in the order in which they came, and open connections are served in between.
//
//   accept ──► enter ── below the cap, or the oldest has had its grace: it gives way
//                └── wait: nobody is accepted at the TLS listeners; the kernel's queue holds those
//                    who come, until a handshake ends or the oldest has had its grace
//
// Pure; it names connections by token, and is told which of them are still shaking hands.

import MizuBytes
import MizuEventLoop

struct HandshakeGate {
    /// Connections in phase `handshaking`.
    private(set) var open = 0
    /// The cap was reached and clients may stand in the listeners' queues.
    private(set) var listenersWait = false
    /// Steps that this tick may still take.
    private var stepsLeft = 0
    /// Connections in the run-again list that found no step left.
    private var waiting = 0
    /// Some waited when the round over that list began; nil: no such round is under way.
    private var roundBegan: Bool?
    /// Those that began, the oldest first; `first` is where it begins. Some have left since.
    private var begun: [(connection: Token, since: Instant)] = []
    private var first = 0
    private let limits: Limits

    struct Limits {
        /// Handshakes open in one worker.
        var openMax: Int
        /// What the oldest has before it gives way.
        var graceMilliseconds: UInt64
        var tickStepsMax: Int
    }

    enum Verdict: Equatable { case enter, wait }
    enum Turn: Equatable { case now, nextTick }

    init(_ limits: Limits) { self.limits = limits }

    // MARK: The door

    /// Whether one more may be accepted. Room is made only for somebody who is there (`begin`).
    mutating func admit(at now: Instant, where isOpen: (Token) -> Bool) -> Verdict {
        guard open >= limits.openMax, !isOverdue(at: now, where: isOpen) else { return .enter }
        listenersWait = true
        return .wait
    }

    /// Whether those who wait for the cap may come now; they do not wait any more then.
    mutating func admitWaiting(at now: Instant, where isOpen: (Token) -> Bool) -> Verdict {
        guard open < limits.openMax || isOverdue(at: now, where: isOpen) else { return .wait }
        listenersWait = false
        return .enter
    }

    /// A handshake begins.
    /// - Returns: the one that gives way to it: silence at the door keeps nobody out.
    mutating func begin(
        _ connection: Token, at now: Instant, where isOpen: (Token) -> Bool
    ) -> Token? {
        // Asking also forgets those that have left: the list is as long as a few seconds are.
        let isOverdue = isOverdue(at: now, where: isOpen)
        let displaced = isOverdue && open >= limits.openMax ? begun[first].connection : nil
        begun.append((connection, now))
        open += 1
        return displaced
    }

    /// A connection has left its handshake, whatever came of it.
    mutating func left() {
        assert(open > 0, "a handshake that never began has ended")
        open -= 1
    }

    /// When the oldest open handshake has had its grace; nil if none is open. Amortised O(1).
    mutating func graceEnds(where isOpen: (Token) -> Bool) -> Instant? {
        while first < begun.count, !isOpen(begun[first].connection) { first += 1 }
        if first > 1024, first > begun.count / 2 {
            begun.removeFirst(first)
            first = 0
        }
        guard first < begun.count else { return nil }
        return begun[first].since.adding(milliseconds: limits.graceMilliseconds)
    }

    private mutating func isOverdue(at now: Instant, where isOpen: (Token) -> Bool) -> Bool {
        graceEnds(where: isOpen).map { now >= $0 } ?? false
    }

    // MARK: Steps

    mutating func beginTick() { stepsLeft = limits.tickStepsMax }

    /// Whether a handshake may take a step now. Whoever comes new does not overtake those that
    /// wait.
    mutating func takeTurn() -> Turn {
        guard roundBegan != nil || waiting == 0, stepsLeft > 0 else {
            waiting += 1
            return .nextTick
        }
        stepsLeft -= 1
        return .now
    }

    /// Those that wait from earlier ticks are served.
    mutating func beginRound() {
        roundBegan = waiting > 0
        waiting = 0
    }

    /// - Parameter isComplete: nobody of them is left for the next tick.
    mutating func endRound(isComplete: Bool) {
        if !isComplete, roundBegan == true, waiting == 0 { waiting = 1 }
        roundBegan = nil
    }

    /// Nobody waits from an earlier tick.
    @inline(__always)
    mutating func skipRound() { waiting = 0 }
}
