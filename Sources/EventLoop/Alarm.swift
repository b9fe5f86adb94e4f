// Wakes a loop at a moment (timerfd(2)). A time-out of epoll_wait does the same, but sets up and
// takes down a kernel timer in every wait, which cost a busy server a twentieth of its time; this
// one is touched only where the next deadline comes earlier than what is set. One thread.

import CLinux

/// A descriptor that becomes readable once at the moment that was set last.
public struct Alarm: ~Copyable {
    private let timer: Descriptor
    /// Nil: nothing is set, or it has gone off.
    private var due: Instant?

    public init() throws(SystemError) {
        timer = Descriptor(owning: try SystemError.check("timerfd_create", cl_timerfd()))
    }

    /// To be registered for input; it need not be read.
    public var pollable: Int32 { timer.raw }

    /// Makes sure that it goes off at `instant` or before. What was set for earlier stays: the
    /// loop then wakes once for nothing and asks again.
    public mutating func ring(by instant: Instant) throws(SystemError) {
        if let due, due <= instant { return }
        try SystemError.check("timerfd_settime", cl_timerfd_arm(timer.raw, instant.nanoseconds))
        due = instant
    }

    /// Call it when its event has come.
    public mutating func rang() { due = nil }
}
