// What waits to be sent to one peer, in three levels that leave in this order:
//
//   unsent       the transport's own, through TLS: written first by `Transport.write`
//   tick part    a range of the worker's arena, or the number of a frame there that others send too
//   queue        slices that wait since an earlier tick, or are too large to be copied
//
//   nothing ──compose, append──► range ──append, while others compose──► range, then queue
//      └────share──► frame ──compose, append──► range (a small frame is copied), or queue
//   range, frame ──endTick──► queue                a range is whole again in each tick
//
// Truth between two calls: the tick part is empty, or it comes before the queue. Knows no worker,
// no socket and no limit; the owner asks how much waits.

import MizuBytes
import MizuTransport

/// One connection's output.
struct Outbox {
    /// Shared bytes up to here are copied to where the rest stands: cheaper than a reference.
    static let copiedBytesMax = 4096

    private(set) var queue: SendQueue?
    /// Where the tick part begins in the arena, or the number of its frame. Means nothing while
    /// there is no tick part.
    private var start: Int32 = 0
    private(set) var tickBytes: Int32 = 0
    /// WebSocket messages in the tick part; does not count beyond what it holds.
    private(set) var tickMessages: UInt16 = 0
    /// The tick part is a frame that others send, too.
    private(set) var sharesFrame = false

    /// Nothing waits, at either level.
    @inline(__always)
    var isEmpty: Bool { queue == nil && tickBytes == 0 }
    /// All that waits was written in this tick.
    @inline(__always)
    var isTickOnly: Bool { queue == nil && tickBytes > 0 }
    /// Bytes that the transport has not been given.
    var byteCount: Int { Int(tickBytes) + (queue?.bytes ?? 0) }
    /// Messages that wait; those that one short write left behind count as one.
    var messageCount: Int { Int(tickMessages) + (queue?.count ?? 0) }
    /// Bytes that are held for this peer alone.
    var ownBytes: Int { queue?.ownBytes ?? 0 }

    /// What is true between two calls.
    var isConsistent: Bool {
        tickBytes >= 0 && start >= 0 && (!sharesFrame || tickBytes > 0)
            && (queue == nil || !queueIsEmpty || tickBytes == 0)
    }
    private var queueIsEmpty: Bool { queue?.isEmpty ?? true }

    // MARK: More

    /// Appends what `write` composes.
    /// - Parameter ledger: where copies that wait are counted; nil: as what the connection holds.
    @inline(__always)
    mutating func compose(
        in arena: inout OutputArena, charging ledger: @autoclosure () -> ByteLedger?,
        _ write: (inout ByteBuffer) -> Void
    ) {
        if sharesFrame { moveFrame(in: &arena, ledger()) }
        if mayExtend(arena) {
            if tickBytes == 0 { start = Int32(arena.count) }
            write(&arena.bytes)
            tickBytes = Int32(arena.count) - start
        } else {
            var scratch = ByteBuffer(capacity: 256)
            write(&scratch)
            ensureQueue(ledger()).append(scratch.takeSlice(leaving: 1, charging: ledger()))
        }
    }

    /// Appends shared bytes: large ones by reference, small ones by copy, which is cheaper.
    mutating func append(
        _ slice: ByteSlice, tag: SendQueue.Tag, in arena: inout OutputArena,
        charging ledger: ByteLedger?
    ) {
        if sharesFrame { moveFrame(in: &arena, ledger) }
        if slice.count <= Self.copiedBytesMax, mayExtend(arena) {
            compose(in: &arena, charging: ledger) { $0.append(slice) }
        } else {
            ensureQueue(ledger).append(slice, tag: tag)
        }
    }

    /// Makes a frame that many send the tick part, without a copy, if nothing else waits.
    /// - Returns: whether that was so; if not, nothing has changed.
    mutating func share(
        _ frame: ByteSlice, tag: SendQueue.Tag, in arena: inout OutputArena
    ) -> Bool {
        guard isEmpty, !frame.isEmpty, let number = arena.number(of: frame, tag) else {
            return false
        }
        sharesFrame = true
        start = number
        tickBytes = Int32(truncatingIfNeeded: frame.count)
        tickMessages = 1
        return true
    }

    /// What was just added was a message. Those in the queue count themselves.
    mutating func countMessage() {
        if queue == nil, tickMessages < .max { tickMessages += 1 }
    }

    private func mayExtend(_ arena: borrowing OutputArena) -> Bool {
        guard queue == nil, arena.count < OutputArena.bytesEnd else { return false }
        return tickBytes == 0 || Int(start) + Int(tickBytes) == arena.count
    }

    private mutating func ensureQueue(_ ledger: ByteLedger?) -> SendQueue {
        if let queue { return queue }
        let fresh = SendQueue(ledger: ledger)
        queue = fresh
        return fresh
    }

    /// More is to follow the frame that is shared: it takes a place of its own.
    private mutating func moveFrame(in arena: inout OutputArena, _ ledger: ByteLedger?) {
        let frame = arena.frames[Int(start)]
        sharesFrame = false
        tickBytes = 0
        if frame.slice.count <= Self.copiedBytesMax, mayExtend(arena) {
            start = Int32(arena.count)
            arena.bytes.append(frame.slice)
            tickBytes = Int32(arena.count) - start
        } else {
            tickMessages = 0
            ensureQueue(ledger).append(frame.slice, tag: frame.tag)
        }
    }

    // MARK: Less

    /// The tick part; valid until the arena next changes.
    func tickPart(in arena: borrowing OutputArena) -> UnsafeRawBufferPointer {
        guard tickBytes > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        if sharesFrame {
            // The list keeps the frame until the tick's last flush.
            return arena.frames[Int(start)].slice.withUnsafeBytes { $0 }
        }
        return UnsafeRawBufferPointer(
            rebasing: arena.bytes.readable[Int(start)..<Int(start) + Int(tickBytes)])
    }

    /// All of the tick part is with the transport.
    @inline(__always)
    mutating func tickPartIsSent() {
        tickBytes = 0
        tickMessages = 0
        sharesFrame = false
    }

    /// The transport took `count` bytes, at most `byteCount`. What it did not take of a shared
    /// frame waits in the queue as a reference to it.
    mutating func sent(
        _ count: Int, in arena: borrowing OutputArena, charging ledger: ByteLedger?
    ) {
        precondition(count <= byteCount, "Outbox.sent past its end: \(count) > \(byteCount)")
        var rest = count
        if sharesFrame, count < Int(tickBytes) {
            keepFrame(in: arena, ledger)
        } else if tickBytes > 0 {
            let fromTick = min(count, Int(tickBytes))
            rest -= fromTick
            if fromTick == Int(tickBytes) {
                tickPartIsSent()
            } else {
                start += Int32(fromTick)
                tickBytes -= Int32(fromTick)
            }
        }
        if rest > 0 { queue?.advance(sent: rest) }
    }

    /// The arena is used anew in the next tick: what stands there moves to the queue.
    /// - Parameter part: `.rest` if some of the tick part was sent.
    mutating func endTick(
        in arena: borrowing OutputArena, as part: SendQueue.Part, charging ledger: ByteLedger?
    ) {
        guard tickBytes > 0 else { return }
        if sharesFrame { return keepFrame(in: arena, ledger) }
        let rest = ByteSlice(copying: tickPart(in: arena), charging: ledger)
        tickPartIsSent()
        ensureQueue(ledger).prepend(rest, as: part)
    }

    private mutating func keepFrame(in arena: borrowing OutputArena, _ ledger: ByteLedger?) {
        let frame = arena.frames[Int(start)]
        tickPartIsSent()
        ensureQueue(ledger).prepend(frame.slice, as: .whole, tag: frame.tag)
    }

    /// Drops what stands in the queue and of which no byte was sent.
    func dropUnbegun() { queue?.dropUnbegun() }

    /// The same for what has that tag.
    /// - Returns: how many messages were dropped.
    func dropUnbegun(tag: SendQueue.Tag) -> Int { queue?.dropUnbegun(tag: tag) ?? 0 }

    /// Nothing waits any more, sent or not.
    mutating func removeAll() {
        queue = nil
        tickPartIsSent()
    }
}
