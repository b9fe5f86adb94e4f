// Moves bytes over one connected socket, plain or through TLS, or over a pipe in memory that a test
// holds; `read`, `write` and the end are the only places that know which. Owns the descriptor
// through its caller: the worker calls `close` when it retires the slot. Non-blocking; one thread.

import CLinux
import Glibc
import MizuBytes
import MizuEventLoop

public enum Transport {
    case plain(Int32)
    case tls(TLSSession)
    #if DEBUG
        /// No socket at all: a test holds the other end. In debug builds alone: with a third case
        /// each plain GET would take some 20 instructions more, of 2,760.
        case memory(MemoryPipe)
    #endif

    public enum ReadOutcome {
        /// That many bytes, and whether more may wait. Through TLS it may be none at all: a part of
        /// a record, or of the handshake.
        case bytes(Int, left: Leftover)
        case wouldBlock
        /// The peer has sent its last byte.
        case ended
        case failed(SystemError)
    }

    public enum Leftover: Sendable {
        /// The socket was emptied; the next bytes bring an edge.
        case none
        case perhaps
    }

    public enum WriteOutcome {
        /// The kernel took all that one call can offer, which may be less than there is.
        case sent(Int)
        /// The kernel took that much and is full: wait for the edge. Through TLS it is what was
        /// encrypted; see `unsentBytes`.
        case blocked(Int)
        case failed(SystemError)
    }

    public var isSecure: Bool {
        switch self {
        case .plain: false
        case .tls: true
        #if DEBUG
            case .memory: false
        #endif
        }
    }

    /// Bytes that count as written and that the kernel has not taken; `write` sends them first.
    @inline(__always)
    public var unsentBytes: Int {
        switch self {
        case .plain: 0
        case .tls(let session): session.unsentBytes
        #if DEBUG
            case .memory: 0
        #endif
        }
    }

    /// Bytes of memory that hold what came and cannot be handed on yet: a part of a record.
    public var heldBytes: Int {
        switch self {
        case .plain: 0
        case .tls(let session): session.unread?.bytes.capacity ?? 0
        #if DEBUG
            case .memory: 0
        #endif
        }
    }

    /// Reads once into `room` (recv(2)).
    @inline(__always)
    public func read(into room: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        switch self {
        case .plain(let descriptor):
            let count = cl_recv(descriptor, room.baseAddress, room.count)
            if count > 0 { return .bytes(count, left: count < room.count ? .none : .perhaps) }
            return Self.outcome(ofEmpty: count)
        case .tls(let session): return session.read(into: room)
        #if DEBUG
            case .memory(let pipe): return pipe.read(into: room)
        #endif
        }
    }

    /// The outcome of recv(2) if it gives no byte.
    static func outcome(ofEmpty count: Int) -> ReadOutcome {
        if count == 0 { return .ended }
        if isFull(count) { return .wouldBlock }
        return .failed(SystemError(call: "recv", errno: Int32(truncatingIfNeeded: -count)))
    }

    /// Whether a call was refused only for now: EAGAIN, or EINTR.
    static func isFull(_ result: Int) -> Bool { result == -Int(EAGAIN) || result == -Int(EINTR) }

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
        case .tls(let session): return session.write(first, then: queue)
        #if DEBUG
            case .memory(let pipe): return pipe.write(first, then: queue)
        #endif
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
        if isFull(sent) { return .blocked(0) }
        return .failed(SystemError(call: call, errno: Int32(truncatingIfNeeded: -sent)))
    }

    /// Says that we send no more; the peer's bytes can still be read (shutdown(2)).
    public func shutdownWrite() {
        switch self {
        case .plain(let descriptor): _ = cl_shutdown_write(descriptor)
        case .tls(let session): session.shutdownWrite()
        #if DEBUG
            case .memory(let pipe): pipe.shutdownWrite()
        #endif
        }
    }

    /// Closes the descriptor (close(2)), once: nothing may be asked of it afterwards.
    public func close() {
        switch self {
        case .plain(let descriptor): _ = cl_close(descriptor)
        case .tls(let session): _ = cl_close(session.descriptor)
        #if DEBUG
            case .memory(let pipe): pipe.closeServer()
        #endif
        }
    }
}
