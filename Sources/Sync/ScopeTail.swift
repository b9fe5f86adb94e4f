// The tail of one scope's log: immutable segments, each the bytes of neighbouring changes with
// their ends and the borders of mutations. Small neighbours of one epoch are merged, so that many
// small commits do not make a pull of many slices; each byte is copied O(log) times at most.

import MizuBytes

struct ScopeTail: Sendable {
    /// The position before the first change that is kept.
    private(set) var base: Position
    private(set) var head: Position
    /// Of the scope's records at `head`; nil where that is not known.
    private(set) var checksum: ScopeChecksum?
    /// Ascending, without a gap.
    private(set) var segments: [CommittedChanges] = []
    private(set) var byteCount = 0
    /// How far a reader has seen the store's log. Above `head` means that a commit is on its way
    /// here; until it has come, only the store knows where the log ends.
    var seen = 0
    /// Set by `TailTable`: when it was last written to.
    var stamp = 0
    /// Known from a reader alone; no commit has been appended.
    var isLearned = false

    /// What is known of a position.
    enum Standing { case known, epochChanged, unknown }

    init(base: Position) {
        self.base = base
        head = base
    }

    /// Nothing is known but where the log ends.
    init(head: ScopeHead) {
        self.init(base: head.position)
        checksum = head.checksum
        isLearned = true
    }

    /// Adds changes that begin at `head`.
    mutating func append(_ changes: CommittedChanges, limits: SyncLimits) {
        assert(changes.base.cursor == head.cursor, "a gap in the tail")
        segments.append(changes)
        byteCount += Self.cost(changes)
        head = changes.head
        checksum = changes.checksum
        merge(bytesMax: limits.tailSegmentBytesMax)
        var dropped = 0
        while byteCount > limits.tailScopeBytesMax, dropped < segments.count {
            byteCount -= Self.cost(segments[dropped])
            base = segments[dropped].head
            dropped += 1
        }
        segments.removeFirst(dropped)
    }

    /// Merges the last two segments while the older is not much larger: as in a binary counter,
    /// sizes then grow towards the front and each byte moves seldom.
    private mutating func merge(bytesMax: Int) {
        while segments.count >= 2 {
            let (older, newer) = (segments[segments.count - 2], segments[segments.count - 1])
            guard older.head.epoch == newer.head.epoch,
                older.bytes.count <= 2 * newer.bytes.count,
                older.bytes.count + newer.bytes.count < bytesMax
            else { return }
            let merged = older.merged(with: newer)
            byteCount += Self.cost(merged) - Self.cost(older) - Self.cost(newer)
            segments.removeLast(2)
            segments.append(merged)
        }
    }

    private static func cost(_ segment: CommittedChanges) -> Int {
        segment.bytes.count + 8 * (segment.ends.count + segment.borders.count) + 128
    }

    /// Whether nothing has been shown to anybody that is not here.
    var isComplete: Bool { seen <= head.cursor }

    func check(cursor: Int, epoch: Name?) -> Standing {
        guard isComplete, cursor >= base.cursor, cursor <= head.cursor else { return .unknown }
        // Cursor 0 is before every epoch and is not checked.
        guard cursor > 0 else { return .known }
        return self.epoch(at: cursor) == epoch ? .known : .epochChanged
    }

    /// The epoch of the change at `cursor`, nil outside of what is kept.
    func epoch(at cursor: Int) -> Name? {
        if cursor == head.cursor { return head.epoch }
        if cursor == base.cursor { return base.epoch }
        guard cursor > base.cursor, cursor < head.cursor else { return nil }
        return segments[index(of: cursor)].head.epoch
    }

    /// The segments with changes above `cursor`.
    func segments(after cursor: Int) -> ArraySlice<CommittedChanges> {
        guard cursor < head.cursor else { return [] }
        return segments[index(of: cursor + 1)...]
    }

    /// The segment that holds the change at `cursor`: the first that does not end before it.
    private func index(of cursor: Int) -> Int {
        segments.partitioningIndex { $0.head.cursor >= cursor }
    }
}

extension CommittedChanges {
    /// The bytes of the changes above `cursor`, up to and with the one at `end`.
    func slice(after cursor: Int, through end: Int) -> ByteSlice {
        let first = max(0, cursor - base.cursor)
        let last = min(ends.count, end - base.cursor)
        guard first < last else { return .empty }
        // Between two changes stands one comma.
        let start = first == 0 ? 0 : ends[first - 1] + 1
        return bytes[start..<ends[last - 1]]
    }

    /// The last border above `cursor` to which the page can go; `cursor` itself if it is full.
    func cut(after cursor: Int, _ cut: inout PageCut) -> Int {
        var reached = cursor
        var index = borders.partitioningIndex { $0 > cursor }
        while index < borders.count {
            let size = slice(after: reached, through: borders[index]).count
            guard cut.take(changes: borders[index] - reached, bytes: size) else { break }
            reached = borders[index]
            index += 1
        }
        return reached
    }

    /// Both as one; `next` begins where this ends and is of the same epoch.
    func merged(with next: CommittedChanges) -> CommittedChanges {
        let shift = bytes.count + 1
        var buffer = ByteBuffer(capacity: shift + next.bytes.count)
        buffer.append(bytes)
        buffer.append(UInt8(ascii: ","))
        buffer.append(next.bytes)
        return CommittedChanges(
            scope: scope, base: base, head: next.head, bytes: buffer.finish(),
            ends: ends + next.ends.map { $0 + shift }, borders: borders + next.borders,
            checksum: next.checksum, isByReaders: isByReaders && next.isByReaders)
    }
}

extension RandomAccessCollection where Index == Int {
    /// The first index for which `belongs` is true, given that it is false before and true after;
    /// `endIndex` if there is none. O(log n).
    func partitioningIndex(where belongs: (Element) -> Bool) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if belongs(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
