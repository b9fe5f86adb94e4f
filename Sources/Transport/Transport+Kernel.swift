// What the kernel knows of a connection beside its bytes: how much of what was written the peer has
// not acknowledged, what has come and is not yet read, and whether the end is to be a reset. The
// same for every kind of transport, because all of it is about the TCP socket. One thread.

import CLinux
import MizuEventLoop

extension Transport {
    /// Bytes that were written and that the peer's kernel has not acknowledged (SIOCOUTQ, tcp(7)):
    /// the send buffer would hide a peer that does not read. Our FIN counts as one. 0 where the
    /// socket does not say.
    public var unacknowledgedBytes: Int { max(0, Int(cl_unacknowledged(descriptor))) }

    /// Makes the close of the descriptor drop what is unsent and reset the connection, so that
    /// nothing of it stays with the kernel (SO_LINGER, socket(7)).
    public func resetOnClose() { _ = cl_reset_on_close(descriptor) }

    /// Copies the bytes that wait in the socket to `room`, and leaves them there (MSG_PEEK).
    public func peek(into room: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        let count = cl_peek(descriptor, room.baseAddress, room.count)
        return count > 0 ? .bytes(count, left: .perhaps) : Self.outcome(ofEmpty: count)
    }

    /// Takes `count` bytes, which `peek` has seen, off the socket itself.
    public func drop(_ count: Int) {
        withUnsafeTemporaryAllocation(byteCount: count, alignment: 1) { room in
            _ = cl_recv(descriptor, room.baseAddress, room.count)
        }
    }
}
