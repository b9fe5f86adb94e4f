// What the connections of one tick send: small things one behind the other in one buffer, frames of
// a fan-out once for all. Emptied when the tick has sent it; whatever does not leave moves to the
// connection's own queue (`Outbox`). One worker's thread.

import MizuBytes
import MizuTransport

/// One worker's output of one tick.
struct OutputArena: ~Copyable {
    /// Beyond it what is ready is sent before the tick goes on: a tick of many loud connections
    /// must not gather all their answers.
    static let bytesMax = 1 << 20
    /// Beyond it nothing is composed here: a range is 32 bits wide, and far below that the rest
    /// goes to queues of its own.
    static let bytesEnd = 1 << 28

    var bytes = ByteBuffer(capacity: 64 * 1024)
    /// Frames that many connections send in this tick, by number.
    private(set) var frames: ContiguousArray<Frame> = []

    /// A frame and what may be dropped with it.
    struct Frame {
        let slice: ByteSlice
        let tag: SendQueue.Tag
    }

    var count: Int {
        @inline(__always) get { bytes.count }
    }

    /// A frame's place in this tick's list. Nearly always it was added a moment ago.
    mutating func number(of frame: ByteSlice, _ tag: SendQueue.Tag) -> Int32? {
        guard frame.count <= Int32.max else { return nil }
        var place = frames.count - 1
        while place >= 0, place >= frames.count - 4 {
            if frames[place].slice.owner === frame.owner, frames[place].tag == tag {
                return Int32(truncatingIfNeeded: place)
            }
            place -= 1
        }
        frames.append(Frame(slice: frame, tag: tag))
        return Int32(truncatingIfNeeded: frames.count - 1)
    }

    /// All is sent, or stands in queues.
    @inline(__always)
    mutating func removeAll() {
        bytes.removeAll()
        if !frames.isEmpty { frames.removeAll(keepingCapacity: true) }
    }

    /// Memory that one large answer needed is not kept.
    mutating func releaseLargeMemory() {
        if bytes.capacity > 1 << 20 { bytes = ByteBuffer(capacity: 64 * 1024) }
    }
}
