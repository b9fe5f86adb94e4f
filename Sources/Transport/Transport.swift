// Moves bytes over one connected socket. Plain TCP today; the TLS issue adds a case beside it, and
// `read` and `write` are the only places that will know. Owns the descriptor through its caller:
// the worker closes it when it retires the slot. Non-blocking; one thread.

import CLinux
import MizuBytes
import MizuEventLoop

public enum Transport {
    case plain(Int32)

    public enum ReadOutcome {
        case bytes(Int)
        case wouldBlock
        /// The peer has sent its last byte.
        case ended
        case failed(SystemError)
    }

    public enum WriteOutcome {
        /// The kernel took all that one call can offer.
        case sent(Int)
        /// The kernel took that much and is full: wait for the edge.
        case blocked(Int)
        case failed(SystemError)
    }

    public var descriptor: Int32 {
        switch self {
        case .plain(let descriptor): descriptor
        }
    }

    /// Reads once into `room` (recv(2)).
    @inline(__always)
    public func read(into room: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        switch self {
        case .plain(let descriptor):
            let count = cl_recv(descriptor, room.baseAddress, room.count)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .ended }
            if count == -11 || count == -4 { return .wouldBlock }  // EAGAIN, EINTR
            return .failed(SystemError(call: "recv", errno: Int32(truncatingIfNeeded: -count)))
        }
    }

    /// Writes `first` and then the queue, in one gathered call (sendmsg(2)), at most 64 parts.
    /// Does not change the queue: the caller counts what went.
    @inline(__always)
    public func write(_ first: UnsafeRawBufferPointer, then queue: SendQueue?) -> WriteOutcome {
        switch self {
        case .plain(let descriptor):
            guard let queue, !queue.isEmpty else {
                let sent = cl_send(descriptor, first.baseAddress, first.count)
                return Self.outcome(sent, of: first.count, "send")
            }
            return Self.gather(first, queue, to: descriptor)
        }
    }

    private static func gather(
        _ first: UnsafeRawBufferPointer, _ queue: SendQueue, to descriptor: Int32
    ) -> WriteOutcome {
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: 64) { parts in
            var (count, offered) = (0, first.count)
            if first.count > 0 {
                parts[0] = iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress),
                    iov_len: first.count)
                count = 1
            }
            queue.forEachUnsent { part in
                parts[count] = iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: part.baseAddress),
                    iov_len: part.count)
                count += 1
                offered += part.count
                return count < parts.count
            }
            let sent = cl_sendv(descriptor, parts.baseAddress, Int32(count))
            return outcome(sent, of: offered, "sendmsg")
        }
    }

    private static func outcome(
        _ sent: Int, of offered: Int, _ call: StaticString
    ) -> WriteOutcome {
        if sent == offered { return .sent(sent) }
        if sent >= 0 { return .blocked(sent) }
        if sent == -11 || sent == -4 { return .blocked(0) }  // EAGAIN, EINTR
        return .failed(SystemError(call: call, errno: Int32(truncatingIfNeeded: -sent)))
    }

    /// Says that we send no more; the peer's bytes can still be read (shutdown(2)).
    public func shutdownWrite() {
        _ = cl_shutdown_write(descriptor)
    }
}
