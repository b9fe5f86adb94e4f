// How much a worker does before it looks at everything else again. Work is counted in units, about
// a nanosecond of a CPU each: bytes that were read, bytes that came out of compression, messages
// and requests that were handled. A connection that has used its share goes on in the next tick. A
// stretch of work ends when its time is over, whoever is left; the clock is read only after so many
// units, because reading it at each request would cost what a twentieth of a request costs.
//
// A tick has three stretches (who is ready, who waits from before, answers of other threads), and
// mail, timers and new connections come between ticks. So none of them waits longer than three
// stretches and the one piece of work that each of them ends with.
// Pure: it is told the time. It knows no connection, and stops nobody: its owner asks.

import MizuEventLoop

/// What one tick takes.
public struct TickLimits: Sendable {
    /// Units of one connection in one tick; beyond it the others go first.
    public var shareUnits = 512 * 1024
    /// Nanoseconds of a stretch of work; beyond it whoever is left waits for the next tick.
    public var stretchNanoseconds: UInt64 = 2_000_000
    /// Units between two looks at the clock.
    public var lookUnits = 32 * 1024
    /// Connections that are accepted in one tick; the others wait in the kernel's queue.
    public var acceptsMax = 128

    public init() {}
}

struct TickBudget {
    /// Units of what comes in pieces; bytes count themselves.
    enum Price {
        /// A request: its head, its handler, its answer.
        static let request = 2_048
        /// A message or control frame of a socket.
        static let message = 512
        /// A byte that was inflated, checked and parsed.
        static let inflatedByte = 3
        /// A step of a TLS handshake.
        static let handshakeStep = 200_000
        /// A read that brought little or nothing.
        static let read = 256
    }

    private let limits: TickLimits
    private var shareLeft = 0
    private var unitsToLook = 0
    private var ends = Instant(nanoseconds: 0)
    /// The stretch's time is over.
    private(set) var isOver = false

    init(_ limits: TickLimits) { self.limits = limits }

    /// A stretch of work begins.
    mutating func begin(at now: Instant) {
        // The clock starts with the machine.
        ends = Instant(nanoseconds: now.nanoseconds &+ limits.stretchNanoseconds)
        isOver = false
        unitsToLook = limits.lookUnits
    }

    /// Another connection's turn.
    @inline(__always)
    mutating func beginShare() { shareLeft = limits.shareUnits }

    /// So much was done.
    @inline(__always)
    mutating func spend(_ units: Int) {
        // What one step can do is bounded by the largest message, far below an overflow.
        shareLeft &-= units
        unitsToLook &-= units
    }

    /// Whether the clock should be told (`look`) before anything else is begun.
    @inline(__always)
    var wantsClock: Bool { unitsToLook <= 0 }

    @inline(never)
    mutating func look(at now: Instant) {
        unitsToLook = limits.lookUnits
        if now >= ends { isOver = true }
    }

    /// Whether the connection whose turn it is should let the others go first.
    @inline(__always)
    var isSpent: Bool { isOver || shareLeft <= 0 }
}

extension Worker {
    var budget: TickBudget {
        @inline(__always) _read { yield state.pointee.budget }
        @inline(__always) _modify { yield &state.pointee.budget }
    }

    /// Whether another connection may be begun with in this stretch.
    @inline(__always)
    func mayBegin() -> Bool {
        if state.pointee.budget.wantsClock { state.pointee.budget.look(at: clock.monotonic) }
        return !state.pointee.budget.isOver
    }

    /// Whether the connection whose turn it is may go on.
    @inline(__always)
    func mayGoOn() -> Bool {
        if state.pointee.budget.wantsClock { state.pointee.budget.look(at: clock.monotonic) }
        return !state.pointee.budget.isSpent
    }
}
