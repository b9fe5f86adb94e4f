// Answers that are made while they are sent (`BodyStream`), and large ones that are compressed on
// their way. A turn asks for a slice of work and ends; the next one comes in the next tick, or when
// what waits has gone below half of the window. Until the end nothing else is read from the
// connection, as with a handler that thinks.
//
//   begin ──► pump ──window full──► streamHasRoom ──► pump …      breakStream: reset, maker told
//              └──.later──► resume, by mail ──► pump              endStream: last chunk, then idle

import MizuBytes
import MizuEventLoop
import MizuHTTP

/// An answer under way.
final class OpenStream {
    var reader: BodyStream.Reader
    let stream: BodyStream
    let framing: Framing
    let persistence: ResponseContext.Persistence
    let taker: BodyStream.Taker
    let packer: GzipStream?
    /// Bytes that are still to come, where the length was told.
    var left: Int
    /// Its maker has nothing and will say when.
    var waits = false

    enum Framing { case chunked, length, untilClose }

    static let lineEnd: StaticString = "\r\n"
    static let lastChunk: StaticString = "0\r\n\r\n"

    init(
        _ stream: BodyStream, framing: Framing, persistence: ResponseContext.Persistence,
        packer: GzipStream?, taker: BodyStream.Taker
    ) {
        self.stream = stream
        self.framing = framing
        self.persistence = persistence
        self.packer = packer
        self.taker = taker
        reader = BodyStream.Reader(stream)
        left = stream.count ?? 0
    }
}

/// A worker's answers under way, by slot.
struct StreamTable {
    var open: [Int: OpenStream] = [:]
    var packers = 0

    /// Answers that one worker compresses at a time, 270 KB each; others go as they are.
    static let packersMax = 32
    /// Bytes that wait for a peer before its answer's maker is asked for no more.
    static let windowBytes = 128 * 1024
    /// Bytes that are compressed in one turn: about half a millisecond.
    static let packedTurnBytes = 32 * 1024
    static let plainTurnBytes = 128 * 1024
    /// Units of a tick that compressing a byte takes (`TickBudget`).
    static let packedByte = 16
}

extension Worker {
    /// Compresses an answer that is worth it: a small one at once, a large one while it is sent.
    @inline(__always)
    func pack(
        _ response: inout Response, for request: borrowing Request, _ context: ResponseContext
    ) {
        gzip.encode(&response, for: request)
        guard response.body.weight > GzipEncoder.contentBytesMax else { return }
        packLarge(&response, as: .preferred(by: request), context)
    }

    /// The same for an answer whose request has gone.
    func pack(
        _ response: inout Response, as coding: ContentCoding, _ context: ResponseContext
    ) {
        gzip.encode(&response, as: coding)
        packLarge(&response, as: coding, context)
    }

    private func packLarge(
        _ response: inout Response, as coding: ContentCoding, _ context: ResponseContext
    ) {
        // An HTTP/1.0 client would know the end by the connection's alone: it gets a length.
        guard coding == .gzip, context.minorVersion > 0, GzipEncoder.isForStream(response),
            state.pointee.streams.packers < StreamTable.packersMax, !memory.isHigh
        else { return }
        GzipEncoder.packAsSent(&response)
    }

    /// The head is written; the body follows.
    func begin(
        _ stream: BodyStream, for context: ResponseContext,
        _ persistence: ResponseContext.Persistence, on connection: Connection
    ) {
        guard connection.phase != .closed else { return stream.cancel() }
        var packer: GzipStream?
        if stream.coding == .gzip {
            packer = GzipStream()
            guard packer != nil else {
                stream.cancel()
                return breakStream(of: connection)
            }
            state.pointee.streams.packers += 1
        }
        let framing: OpenStream.Framing =
            stream.count != nil ? .length : context.minorVersion > 0 ? .chunked : .untilClose
        let (workers, worker, token) = (server.workers, index, connection.token)
        let sequence = connection.exchangeSequence
        let taker = BodyStream.Taker {
            workers.perform(on: worker) { $0.resume(token, sequence) }
        }
        state.pointee.streams.open[token.index] = OpenStream(
            stream, framing: framing, persistence: persistence, packer: packer, taker: taker)
        connection.flags.insert([.streams, .holds])
        arm(connection, .handler)
        goOnNextTick(connection)
    }

    /// The maker has something again.
    private func resume(_ token: Token, _ sequence: UInt32) {
        guard let connection = connections[token], connection.flags.contains(.streams),
            connection.exchangeSequence == sequence,
            let open = state.pointee.streams.open[token.index]
        else { return }
        open.waits = false
        goOnNextTick(connection)
    }

    /// The kernel has taken something.
    func streamHasRoom(_ connection: Connection) {
        guard connection.pendingBytes < StreamTable.windowBytes / 2,
            state.pointee.streams.open[connection.token.index]?.waits == false
        else { return }
        goOnNextTick(connection)
    }

    /// What the stream holds beside what waits to be sent.
    func streamBytes(of connection: Connection) -> Int {
        guard let open = state.pointee.streams.open[connection.token.index] else { return 0 }
        return open.reader.heldCount + (open.packer == nil ? 0 : GzipStream.memoryBytes)
    }

    // MARK: A turn

    /// Asks for parts until the turn's work is done or the window is full.
    func pump(_ connection: Connection) {
        guard let open = state.pointee.streams.open[connection.token.index], !open.waits,
            connection.phase == .http
        else { return }
        let isPacked = open.packer != nil
        var turn = isPacked ? StreamTable.packedTurnBytes : StreamTable.plainTurnBytes
        while turn > 0, connection.pendingBytes < StreamTable.windowBytes {
            let part = open.reader.next(
                isPacked ? StreamTable.packedTurnBytes : StreamTable.plainTurnBytes,
                for: open.taker)
            switch part {
            case .bytes(let slice):
                // A part of nothing is some work, too.
                turn -= max(slice.count, 1024)
                budget.spend(slice.count * (isPacked ? StreamTable.packedByte : 1))
                guard send(slice, of: open, to: connection) else {
                    return breakStream(of: connection)
                }
            case .later:
                open.waits = true
                guard flushPacker(of: open, to: connection) else {
                    return breakStream(of: connection)
                }
                return arm(connection, .handler)
            case .end: return endStream(open, of: connection)
            case .failed: return breakStream(of: connection)
            }
        }
        if connection.pendingBytes < StreamTable.windowBytes { goOnNextTick(connection) }
        arm(connection, .handler)
    }

    /// - Returns: false where that cannot be: more than was told, or no memory.
    private func send(_ slice: ByteSlice, of open: OpenStream, to connection: Connection) -> Bool {
        guard !slice.isEmpty else { return true }
        guard open.packer != nil else {
            if open.framing == .length {
                guard slice.count <= open.left else { return false }
                open.left -= slice.count
            }
            enqueue(slice, as: open.framing, to: connection)
            return true
        }
        return slice.withUnsafeBytes { pack($0, .none, of: open, to: connection) }
    }

    private func flushPacker(of open: OpenStream, to connection: Connection) -> Bool {
        guard open.packer?.holdsBack == true else { return true }
        return pack(
            UnsafeRawBufferPointer(start: nil, count: 0), .sync, of: open, to: connection)
    }

    private func pack(
        _ input: UnsafeRawBufferPointer, _ flush: GzipStream.Flush, of open: OpenStream,
        to connection: Connection
    ) -> Bool {
        var output = ByteBuffer(capacity: 1024 + input.count / 4)
        guard open.packer?.append(input, flush, to: &output) == true else { return false }
        if !output.isEmpty {
            let packed = output.takeSlice(leaving: 1)
            enqueue(packed, as: open.framing, to: connection)
        }
        return true
    }

    private func enqueue(
        _ slice: ByteSlice, as framing: OpenStream.Framing, to connection: Connection
    ) {
        guard framing == .chunked else { return enqueue(slice, for: connection) }
        compose(for: connection) {
            $0.append(hexadecimal: UInt64(slice.count))
            $0.append(OpenStream.lineEnd)
        }
        enqueue(slice, for: connection)
        compose(for: connection) { $0.append(OpenStream.lineEnd) }
    }

    // MARK: Ends

    private func endStream(_ open: OpenStream, of connection: Connection) {
        if open.packer != nil {
            let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
            guard pack(nothing, .finish, of: open, to: connection) else {
                return breakStream(of: connection)
            }
        }
        guard open.left == 0 else { return breakStream(of: connection) }
        if open.framing == .chunked {
            compose(for: connection) { $0.append(OpenStream.lastChunk) }
        }
        forgetStream(of: connection)
        if open.persistence == .close || drainDeadline != nil {
            end(connection, because: .finished)
        } else {
            // Until the peer has it all; idle time begins then.
            arm(connection, .writeStall)
        }
        markDirty(connection)
        goOnNextTick(connection)
    }

    /// The body cannot be completed, or nobody takes it: the peer must see that a part is missing.
    func breakStream(of connection: Connection) {
        end(connection, because: .brokenStream)
    }

    /// The connection ends before the answer does; its maker is told.
    func cancelStream(of connection: Connection) {
        let open = state.pointee.streams.open[connection.token.index]
        forgetStream(of: connection)
        open?.stream.cancel()
    }

    private func forgetStream(of connection: Connection) {
        connection.flags.remove(.streams)
        let open = state.pointee.streams.open.removeValue(forKey: connection.token.index)
        if open?.packer != nil { state.pointee.streams.packers -= 1 }
    }
}
