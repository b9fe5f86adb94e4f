// What a connection has still to send and the kernel did not take: counted references to bytes that
// others may share. It exists only while something waits, so an idle connection pays one pointer.
// Limits belong to the owner; the queue only counts. One thread.

import MizuBytes

/// Byte slices in order, the first perhaps sent in part.
public final class SendQueue {
    private var slices: [ByteSlice] = []
    private var head = 0
    private var headSent = 0
    /// Bytes not yet sent.
    public private(set) var bytes = 0
    /// Slices not yet sent whole.
    public var count: Int { slices.count - head }
    public var isEmpty: Bool { head == slices.count }

    public init() {}

    public func append(_ slice: ByteSlice) {
        guard !slice.isEmpty else { return }
        slices.append(slice)
        bytes += slice.count
    }

    /// Puts `slice` before everything that waits. The first slice must not be sent in part.
    public func prepend(_ slice: ByteSlice) {
        precondition(headSent == 0, "SendQueue.prepend behind a part that is already sent")
        guard !slice.isEmpty else { return }
        if head > 0 {
            head -= 1
            slices[head] = slice
        } else {
            slices.insert(slice, at: 0)
        }
        bytes += slice.count
    }

    /// Calls `body` for the unsent part of each slice, in order, until it returns false. The
    /// pointers are valid until the queue changes, because the queue keeps their owners.
    func forEachUnsent(_ body: (UnsafeRawBufferPointer) -> Bool) {
        for index in head..<slices.count {
            let slice = slices[index]
            let skip = index == head ? headSent : 0
            let part = UnsafeRawBufferPointer(
                start: slice.owner.base + slice.offset + skip, count: slice.count - skip)
            if !body(part) { return }
        }
    }

    /// Counts `sent` bytes as gone and lets go of the slices that are sent whole.
    public func advance(sent: Int) {
        precondition(sent <= bytes, "SendQueue.advance past its end: \(sent) > \(bytes)")
        bytes -= sent
        var rest = sent
        while rest > 0 {
            let left = slices[head].count - headSent
            if rest < left {
                headSent += rest
                return
            }
            rest -= left
            slices[head] = .empty
            head += 1
            headSent = 0
        }
        if head == slices.count {
            slices.removeAll(keepingCapacity: false)
            head = 0
        } else if head > 64 && head > slices.count / 2 {
            slices.removeFirst(head)
            head = 0
        }
    }
}
