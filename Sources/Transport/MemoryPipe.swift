// A connection without a socket: both ends in one process, for tests that step a worker by hand.
// It behaves as a TCP connection of Linux does where a server can tell: buffers have ends, a peer
// that does not read leaves bytes unacknowledged, closing with unread bytes resets, bytes that
// arrived before a reset can still be read, and readiness comes as edges.
//
//   peer ──send──► arriving ──read──► server
//   server ──write──► leaving ──(while there is room)──► delivered ──receive──► peer
//
//   arriving:  the server's receive buffer        leaving: its send buffer, unacknowledged
//   delivered: the peer's receive buffer, acknowledged
//
// It has no time of its own: what one side does, the other finds at once. One thread; in debug
// builds alone (`Transport.memory`).

#if DEBUG
    import CLinux
    import MizuBytes
    import MizuEventLoop

    /// Two ends of a connection in memory. The server's is `Transport.memory`; the peer's is this.
    public final class MemoryPipe {
        /// Bytes that each buffer holds.
        public struct Capacities: Sendable {
            public var arriving = 64 * 1024
            public var leaving = 64 * 1024
            public var delivered = 64 * 1024

            public init() {}
        }

        /// How the peer sees the end: after an orderly close, or a reset.
        public enum Ending: Sendable { case closed, reset }

        private enum Side { case open, finished, closed }

        private let capacities: Capacities
        private var arriving = ByteBuffer(capacity: 256)
        private var leaving = ByteBuffer(capacity: 256)
        private var delivered = ByteBuffer(capacity: 256)
        private var server = Side.open
        private var peer = Side.open
        private var isReset = false
        private var resetsOnClose = false
        /// A write came up short: room that comes is an edge.
        private var wantsRoom = false
        /// Something has changed that the server's poller would report.
        private var hasEdge = false
        private var data: UInt64?

        public init(_ capacities: Capacities = Capacities()) { self.capacities = capacities }

        // MARK: The peer's end

        /// Sends as much of `bytes` as the server's buffer has room for.
        /// - Returns: how many were taken; 0 after the end.
        @discardableResult
        public func send(_ bytes: UnsafeRawBufferPointer) -> Int {
            guard peer == .open, !isReset else { return 0 }
            guard server != .closed else {
                // Nobody is there any more: the answer to these bytes is a reset.
                reset()
                return bytes.count
            }
            let count = min(bytes.count, capacities.arriving - arriving.count)
            guard count > 0 else { return 0 }
            arriving.append(bytes.part(..<count))
            hasEdge = true
            return count
        }

        /// Takes at most `countMax` bytes that have come.
        public func receive(_ countMax: Int = .max) -> [UInt8] {
            let count = min(countMax, delivered.count)
            let bytes = [UInt8](delivered.readable[..<count])
            delivered.consume(count)
            deliver()
            return bytes
        }

        /// Bytes that `receive` would give now.
        public var receivableBytes: Int { delivered.count }

        /// The end, once everything before it was received; nil while more may come.
        public var ending: Ending? {
            guard delivered.count == 0 else { return nil }
            if isReset { return .reset }
            return server != .open && leaving.count == 0 ? .closed : nil
        }

        /// Sends no more; receives on (shutdown(2)).
        public func finish() {
            guard peer == .open else { return }
            peer = .finished
            hasEdge = true
        }

        /// Closes; with unread bytes that is a reset.
        public func close() {
            guard peer != .closed else { return }
            if delivered.count > 0 { reset() }
            peer = .closed
            hasEdge = true
        }

        /// Breaks the connection (RST, RFC 9293 §3.5.2).
        public func reset() {
            isReset = true
            leaving.removeAll()
            hasEdge = true
        }

        // MARK: The server's poller

        /// The event that epoll would report since the last call, edge-triggered; nil: nothing.
        public func takeEvent() -> Readiness? {
            guard hasEdge, server != .closed, let data else { return nil }
            hasEdge = false
            var bits: Int = 0
            if arriving.count > 0 || peer != .open || isReset { bits |= Int(CL_IN) }
            if leaving.count < capacities.leaving || isReset { bits |= Int(CL_OUT) }
            if peer != .open || isReset { bits |= Int(CL_RDHUP) }
            if isReset || peer != .open && server != .open { bits |= Int(CL_HUP) }
            if isReset { bits |= Int(CL_ERR) }
            return Readiness(data: data, bits: UInt32(bits))
        }

        /// Whether `takeEvent` has one.
        public var hasEvent: Bool { hasEdge && server != .closed && data != nil }

        /// Both ends are closed: nothing comes of it any more.
        public var isOver: Bool { server == .closed && peer == .closed }

        func register(_ data: UInt64) {
            self.data = data
            hasEdge = true
        }

        // MARK: The server's end

        func read(into room: UnsafeMutableRawBufferPointer) -> Transport.ReadOutcome {
            let outcome = peek(into: room)
            guard case .bytes(let count, _) = outcome else { return outcome }
            arriving.consume(count)
            return .bytes(count, left: count < room.count ? .none : .perhaps)
        }

        func peek(into room: UnsafeMutableRawBufferPointer) -> Transport.ReadOutcome {
            guard arriving.count > 0 else {
                if isReset { return .failed(SystemError(call: "recv", errno: 104)) }  // ECONNRESET
                return peer == .open ? .wouldBlock : .ended
            }
            let count = min(room.count, arriving.count)
            room.copyMemory(from: arriving.readable.part(..<count))
            return .bytes(count, left: .perhaps)
        }

        func drop(_ count: Int) { arriving.consume(min(count, arriving.count)) }

        func write(
            _ first: UnsafeRawBufferPointer, then queue: SendQueue?
        ) -> Transport.WriteOutcome {
            guard !isReset, server == .open else {
                return .failed(SystemError(call: "send", errno: 32))  // EPIPE
            }
            var (offered, taken, parts) = (first.count, take(first), 1)
            queue?.forEachUnsent { part in
                offered += part.count
                taken += take(part)
                parts += 1
                return parts < 64
            }
            guard taken < offered else { return .sent(taken) }
            wantsRoom = true
            return .blocked(taken)
        }

        private func take(_ bytes: UnsafeRawBufferPointer) -> Int {
            if peer == .closed {
                // The first write to a peer that has gone is taken, and answered with a reset.
                if bytes.count > 0 { reset() }
                return bytes.count
            }
            var taken = 0
            while true {
                let count = min(bytes.count - taken, capacities.leaving - leaving.count)
                guard count > 0 else { return taken }
                leaving.append(bytes.part(taken..<taken + count))
                taken += count
                // Room that this makes is used at once: afterwards, only the peer makes some.
                deliver()
            }
        }

        /// Moves what the peer's buffer has room for.
        private func deliver() {
            let count = min(leaving.count, capacities.delivered - delivered.count)
            guard count > 0 else { return }
            delivered.append(leaving.readable.part(..<count))
            leaving.consume(count)
            if wantsRoom {
                wantsRoom = false
                hasEdge = true
            }
        }

        /// Our FIN waits behind the bytes, and counts as one.
        var unacknowledgedBytes: Int {
            leaving.count == 0 ? 0 : leaving.count + (server == .open ? 0 : 1)
        }

        func resetOnClose() { resetsOnClose = true }

        func shutdownWrite() { if server == .open { server = .finished } }

        func closeServer() {
            guard server != .closed else { return }
            if arriving.count > 0 || resetsOnClose { reset() }
            server = .closed
        }
    }
#endif
