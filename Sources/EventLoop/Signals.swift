// Signals as something to read (signalfd(2)). Make it on the first thread before any other starts:
// threads inherit the mask, so that no signal interrupts a worker.

import CLinux
import Glibc

/// SIGTERM, SIGINT, SIGHUP and SIGUSR1, blocked and readable; SIGPIPE ignored.
public struct Signals: ~Copyable {
    public enum Signal: Sendable { case terminate, hangUp, user1 }

    private let descriptor: Descriptor

    public init() throws(SystemError) {
        cl_ignore_sigpipe()
        let numbers = [SIGTERM, SIGINT, SIGHUP, SIGUSR1]
        descriptor = Descriptor(
            owning: try SystemError.check(
                "signalfd", cl_signalfd(numbers, Int32(numbers.count))))
    }

    public var pollable: Int32 { descriptor.raw }

    /// The next signal that came, or nil.
    public borrowing func next() -> Signal? {
        switch cl_signalfd_read(descriptor.raw) {
        case SIGTERM, SIGINT: .terminate
        case SIGHUP: .hangUp
        case SIGUSR1: .user1
        default: nil
        }
    }
}
