// One connection's state: where it is in its life, what it waits for, what it has still to send.
// It holds no buffer while it waits, and it does nothing: the worker reads, parses and writes.
// `Connection.Phase` draws its life.
//
// One worker's thread.

import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuTransport
import MizuWebSocket

/// A buffer that is lent to a connection while bytes of an incomplete request wait.
final class LentBuffer {
    var bytes: ByteBuffer
    init(capacity: Int) { bytes = ByteBuffer(capacity: capacity) }
}

/// A request whose head is complete and whose body is still arriving. The head is kept as bytes and
/// parsed once more when the body is there: that is cheaper than a table for each connection.
final class IncompleteRequest {
    let headBytes: ByteSlice
    var bodyReader: BodyReader
    var body: ByteBuffer
    /// Of decoded bytes: what frames them is no progress.
    var rate: TransferRate

    init(headBytes: ByteSlice, bodyReader: BodyReader, capacity: Int, rate: TransferRate) {
        self.headBytes = headBytes
        self.bodyReader = bodyReader
        body = ByteBuffer(capacity: capacity)
        self.rate = rate
    }
}

/// A worker's reference to a connection: a pointer, which nobody counts. Dereference it with the
/// connection's properties (`connection.phase`).
///
/// Why that is sound: the memory is freed in `closeRetired` alone, at the end of a tick, after the
/// connection has left the slot table and every list of the worker; other threads and services
/// know tokens, never this.
struct Connection {
    let state: UnsafeMutablePointer<ConnectionState>

    struct Flags: OptionSet {
        let rawValue: UInt16
        /// The kernel may hold bytes for us: no read has come up short since the last edge.
        static let mayRead = Flags(rawValue: 1 << 0)
        /// The peer has sent its last byte, or the connection broke: read until the end is seen.
        static let hungUp = Flags(rawValue: 1 << 1)
        /// The last write came up short; wait for the edge.
        static let writeBlocked = Flags(rawValue: 1 << 2)
        /// Stands in the worker's list of connections with output.
        static let dirty = Flags(rawValue: 1 << 3)
        /// Stands in the worker's list of connections to go on with in the next tick.
        static let again = Flags(rawValue: 1 << 4)
        /// Nothing more is read as requests; when all output is out, the connection ends.
        static let closeAfterFlush = Flags(rawValue: 1 << 5)
        /// The send queue reached its limit and is not yet below it again.
        static let queueFull = Flags(rawValue: 1 << 6)
        /// Bytes have arrived that belong to a request whose head is not complete.
        static let inHead = Flags(rawValue: 1 << 7)
        /// A write came up short since the output was last all out.
        static let wasBlocked = Flags(rawValue: 1 << 8)
        /// A WebSocket message or frame has begun to arrive and is not complete.
        static let inMessage = Flags(rawValue: 1 << 9)
        /// Something of its is held, or may be; see `Worker+Memory`.
        static let holds = Flags(rawValue: 1 << 10)
        /// Its body or message stands still until there is memory again.
        static let heldBack = Flags(rawValue: 1 << 11)
        /// Its answer is being made as it is taken; see `Worker+Streams`.
        static let streams = Flags(rawValue: 1 << 12)
        /// Stands in the worker's list of those whose peers have gone.
        static let leaving = Flags(rawValue: 1 << 15)
        /// A request was handed to a handler which answers later; see `OwedExchange`.
        static let awaited = Flags(rawValue: 1 << 13)
    }

    /// How it came in.
    struct Arrival: OptionSet {
        let rawValue: UInt8
        /// Counted as one of its address's connections.
        static let addressCounted = Arrival(rawValue: 1 << 0)
        /// Was not let in: only its refusal is sent.
        static let turnedAway = Arrival(rawValue: 1 << 1)
        /// Comes from a trusted proxy, whose X-Forwarded fields are believed.
        static let viaProxy = Arrival(rawValue: 1 << 2)
        /// The client came to the proxy by TLS, as the PROXY header says.
        static let viaSecureProxy = Arrival(rawValue: 1 << 3)
    }

    init(token: Token, transport: Transport, peer: PeerAddress) {
        state = .allocate(capacity: 1)
        state.initialize(to: ConnectionState(token: token, transport: transport, peer: peer))
    }

    /// Frees the memory. Nobody may hold the connection any more.
    func deallocate() {
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Its deadline is about what it has not taken.
    @inline(__always)
    var isDeliveryWatched: Bool { state.pointee.timer.isDeliveryWatched }
    /// Whether it speaks WebSocket and neither side has said close.
    @inline(__always)
    var isOpenSocket: Bool { phase == .webSocket && closing.isOpen }
    /// Whether a handler has its request and answers later.
    @inline(__always)
    var isAwaited: Bool { flags.contains(.awaited) }
    /// Whether it came through TLS.
    var isSecure: Bool { self.transport.isSecure }

    /// Bytes that wait to be sent.
    var pendingBytes: Int { outbox.byteCount + self.transport.unsentBytes }

    /// What must be true whenever the worker has done something with a connection.
    var isConsistent: Bool { timer.deadline.belongs(in: phase) && outbox.isConsistent }
}
