// What the kernel knows of a connection beside its bytes: how much of what was written the peer has
// not acknowledged, what has come and is not yet read, and whether the end is to be a reset. The
// same for every kind of transport, because all of it is about the TCP socket; a pipe in memory
// answers for itself. One thread.

import CLinux
import MizuEventLoop

extension Transport {
    /// Has `poller` watch it from now on, edge-triggered; its events carry `data`.
    public func register(in poller: borrowing Poller, data: UInt64) throws(SystemError) {
        switch self {
        case .plain(let descriptor): try poller.register(descriptor, data: data)
        case .tls(let session): try poller.register(session.descriptor, data: data)
        #if DEBUG
            case .memory(let pipe): pipe.register(data)
        #endif
        }
    }

    /// Bytes that were written and that the peer's kernel has not acknowledged (SIOCOUTQ, tcp(7)):
    /// the send buffer would hide a peer that does not read. Our FIN counts as one. 0 where the
    /// socket does not say.
    public var unacknowledgedBytes: Int {
        switch self {
        case .plain(let descriptor): max(0, Int(cl_unacknowledged(descriptor)))
        case .tls(let session): max(0, Int(cl_unacknowledged(session.descriptor)))
        #if DEBUG
            case .memory(let pipe): pipe.unacknowledgedBytes
        #endif
        }
    }

    /// Makes the close of the descriptor drop what is unsent and reset the connection, so that
    /// nothing of it stays with the kernel (SO_LINGER, socket(7)).
    public func resetOnClose() {
        switch self {
        case .plain(let descriptor): _ = cl_reset_on_close(descriptor)
        case .tls(let session): _ = cl_reset_on_close(session.descriptor)
        #if DEBUG
            case .memory(let pipe): pipe.resetOnClose()
        #endif
        }
    }

    /// Copies the bytes that wait in the socket to `room`, and leaves them there (MSG_PEEK).
    public func peek(into room: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        let count: Int
        switch self {
        case .plain(let descriptor): count = cl_peek(descriptor, room.baseAddress, room.count)
        case .tls(let session): count = cl_peek(session.descriptor, room.baseAddress, room.count)
        #if DEBUG
            case .memory(let pipe): return pipe.peek(into: room)
        #endif
        }
        return count > 0 ? .bytes(count, left: .perhaps) : Self.outcome(ofEmpty: count)
    }

    /// Takes `count` bytes, which `peek` has seen, off the socket itself.
    public func drop(_ count: Int) {
        withUnsafeTemporaryAllocation(byteCount: count, alignment: 1) { room in
            switch self {
            case .plain(let descriptor): _ = cl_recv(descriptor, room.baseAddress, room.count)
            case .tls(let session): _ = cl_recv(session.descriptor, room.baseAddress, room.count)
            #if DEBUG
                case .memory(let pipe): pipe.drop(count)
            #endif
            }
        }
    }
}
