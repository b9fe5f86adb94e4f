// Which descriptors are ready (epoll(7), edge-triggered). A descriptor is registered once and never
// modified. `wait` fills a batch and calls nobody. One thread.

import CLinux

/// An epoll instance and its batch of events.
public struct Poller: ~Copyable {
    public static let batchMax = 512

    private let epoll: Descriptor
    private let events: UnsafeMutablePointer<cl_event>
    public private(set) var count = 0

    public init() throws(SystemError) {
        epoll = Descriptor(owning: try SystemError.check("epoll_create1", cl_epoll_create()))
        // Not initialised: the kernel fills the first `count`, which alone are read, and pages that
        // a small process never needs stay untouched.
        events = .allocate(capacity: Self.batchMax)
    }

    deinit { events.deallocate() }

    /// Registers `descriptor` for input, output and hang-up, edge-triggered. Its events carry
    /// `data`. Closing the descriptor takes it out.
    public borrowing func register(_ descriptor: Int32, data: UInt64) throws(SystemError) {
        let interest = UInt32(CL_IN | CL_OUT | CL_RDHUP)
        try SystemError.check(
            "epoll_ctl", cl_epoll_add_edge(epoll.raw, descriptor, interest, data))
    }

    /// Registers a descriptor for input only: listeners, eventfds, signalfds.
    public borrowing func registerInput(
        _ descriptor: Int32, data: UInt64
    ) throws(SystemError) {
        try SystemError.check(
            "epoll_ctl", cl_epoll_add_edge(epoll.raw, descriptor, UInt32(CL_IN), data))
    }

    /// Registers a listener that several pollers watch: a connection wakes one of them that
    /// waits, not all (EPOLLEXCLUSIVE).
    public borrowing func registerShared(
        _ descriptor: Int32, data: UInt64
    ) throws(SystemError) {
        try SystemError.check("epoll_ctl", cl_epoll_add_shared(epoll.raw, descriptor, data))
    }

    /// Takes `descriptor` out without closing it.
    public borrowing func unregister(_ descriptor: Int32) {
        _ = cl_epoll_delete(epoll.raw, descriptor)
    }

    /// Waits for events, at most `milliseconds` (nil: without end). The batch is valid until the
    /// next call. A signal ends the wait early with an empty batch. A busy loop sets an `Alarm`
    /// instead of a time-out.
    public mutating func wait(milliseconds: Int?) throws(SystemError) {
        let timeout = milliseconds.map { Int32(clamping: $0) } ?? -1
        count = Int(
            try SystemError.check(
                "epoll_wait",
                cl_epoll_wait(epoll.raw, events, Int32(Self.batchMax), timeout)))
    }

    #if DEBUG
        /// Adds what another source than the kernel has to report (a pipe in memory) to the batch.
        public mutating func append(_ event: Readiness) {
            precondition(count < Self.batchMax, "Poller.append: the batch is full")
            events[count].data = event.data
            events[count].events = event.bits
            count += 1
        }
    #endif

    /// Event `index` of the batch.
    public subscript(index: Int) -> Readiness {
        precondition(index < count, "Poller: event \(index) of \(count)")
        return Readiness(data: events[index].data, bits: events[index].events)
    }
}

/// One descriptor's event, as epoll reported it.
public struct Readiness: Sendable {
    public let data: UInt64
    /// EPOLLIN and the like (epoll_ctl(2)).
    public let bits: UInt32

    public init(data: UInt64, bits: UInt32) {
        self.data = data
        self.bits = bits
    }

    /// A read will not block: bytes, end of stream or an error is there.
    public var isReadable: Bool {
        bits & UInt32(CL_IN | CL_RDHUP | CL_HUP | CL_ERR) != 0
    }
    /// A write will not block, or will say the error.
    public var isWritable: Bool {
        bits & UInt32(CL_OUT | CL_HUP | CL_ERR) != 0
    }
    /// The connection is over in both directions: it was reset, or has failed.
    public var isBroken: Bool {
        bits & UInt32(CL_HUP | CL_ERR) != 0
    }
    /// The peer has sent its last byte, or the connection is broken: the next read sees the end.
    public var isHungUp: Bool {
        bits & UInt32(CL_RDHUP | CL_HUP | CL_ERR) != 0
    }
}
