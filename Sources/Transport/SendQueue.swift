// What a connection has still to send and the kernel did not take: counted references to bytes that
// others may share. It exists only while something waits, so an idle connection pays one pointer.
// Limits belong to the owner; the queue only counts. One thread.

import MizuBytes

/// Byte slices in order, the first perhaps sent in part.
public final class SendQueue {
    // Unchecked, because checks of exclusive access would cost a seventh of what a file's answer
    // costs in this process: one thread owns the queue, and no method that changes it calls back.
    @exclusivity(unchecked) private var entries: [Entry] = []
    @exclusivity(unchecked) private var head = 0
    @exclusivity(unchecked) private var headSent = 0
    /// The first slice is the rest of something that was sent in part before it stood here.
    @exclusivity(unchecked) private var headPart = Part.whole
    /// Counts the queue's own memory, beside that of the slices.
    private let ledger: ByteLedger?
    /// Bytes not yet sent.
    @exclusivity(unchecked) public private(set) var bytes = 0
    /// Bytes held for the queue alone that no ledger counts: slices until they are sent whole,
    /// because a part sent frees nothing.
    @exclusivity(unchecked) public private(set) var ownBytes = 0
    /// Slices not yet sent whole.
    public var count: Int { entries.count - head }
    public var isEmpty: Bool { head == entries.count }

    /// A slice's part in what its owner sends as one, a message or an answer.
    public enum Part: Sendable { case whole, rest }

    /// Names what may be dropped together before it is sent; 0 is never dropped so.
    public typealias Tag = UInt32

    private struct Entry {
        var slice: ByteSlice
        var tag: Tag
    }

    public init(ledger: ByteLedger? = nil) { self.ledger = ledger }

    deinit { count(entries.count, 0) }

    public func append(_ slice: ByteSlice, tag: Tag = 0) {
        guard !slice.isEmpty else { return }
        entries.append(Entry(slice: slice, tag: tag))
        count(0, 1)
        bytes += slice.count
        ownBytes += Self.own(slice)
    }

    /// Puts `slice` before everything that waits. The first slice must not be sent in part.
    public func prepend(_ slice: ByteSlice, as part: Part, tag: Tag = 0) {
        precondition(headSent == 0, "SendQueue.prepend behind a part that is already sent")
        guard !slice.isEmpty else { return }
        headPart = part
        let entry = Entry(slice: slice, tag: tag)
        if head > 0 {
            head -= 1
            entries[head] = entry
        } else {
            entries.insert(entry, at: 0)
            count(0, 1)
        }
        bytes += slice.count
        ownBytes += Self.own(slice)
    }

    private static func own(_ slice: ByteSlice) -> Int {
        slice.owner.isUncounted ? slice.count : 0
    }

    /// Drops every slice of which no byte was sent. What was begun must go on: the peer would take
    /// whatever came next for the rest of it.
    public func dropUnbegun() {
        drop { _ in true }
    }

    /// Drops the slices with that tag that have not begun. O(count).
    /// - Returns: how many were dropped.
    @discardableResult
    public func dropUnbegun(tag: Tag) -> Int {
        drop { $0.tag == tag }
    }

    @discardableResult
    private func drop(where isUnwanted: (Entry) -> Bool) -> Int {
        guard !isEmpty else { return 0 }
        let isBegun = headSent > 0 || headPart == .rest
        let first = isBegun ? head + 1 : head
        let before = entries.count
        var kept = first
        for index in first..<before {
            if isUnwanted(entries[index]) {
                bytes -= entries[index].slice.count
                ownBytes -= Self.own(entries[index].slice)
            } else {
                entries.swapAt(kept, index)
                kept += 1
            }
        }
        entries.removeSubrange(kept...)
        count(before, entries.count)
        return before - kept
    }

    /// Calls `body` for the unsent part of each slice, in order, until it returns false. The
    /// pointers are valid until the queue changes, because the queue keeps their owners.
    func forEachUnsent(_ body: (UnsafeRawBufferPointer) -> Bool) {
        for index in head..<entries.count {
            let slice = entries[index].slice
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
            let left = entries[head].slice.count - headSent
            if rest < left {
                headSent += rest
                return
            }
            rest -= left
            ownBytes -= Self.own(entries[head].slice)
            entries[head].slice = .empty
            head += 1
            headSent = 0
            headPart = .whole
        }
        let before = entries.count
        if head == before {
            entries.removeAll(keepingCapacity: false)
            head = 0
        } else if head > 64 && head > before / 2 {
            entries.removeFirst(head)
            head = 0
        }
        count(before, entries.count)
    }

    private func count(_ before: Int, _ after: Int) {
        guard before != after else { return }
        ledger?.add((after - before) * MemoryLayout<Entry>.stride)
    }
}
