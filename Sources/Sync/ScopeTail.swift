// The tail of one scope's log: immutable segments, each the bytes of neighbouring changes with
// their ends and the borders of mutations. Small neighbours of one epoch are joined, four of a kind
// at a time, so that many small commits do not make a pull of many slices; each byte is copied
// O(log) times at most.

import MizuBytes

struct ScopeTail: Sendable {
    /// The position before the first change that is kept.
    private(set) var base: Position
    private(set) var head: Position
    /// Of the scope's records at `head`; nil where that is not known.
    private(set) var checksum: ScopeChecksum?
    /// Ascending, without a gap.
    private(set) var segments: [CommittedChanges] = []
    /// How often the bytes of each segment were copied.
    private var levels: [UInt8] = []
    /// Bytes of memory that the segments hold.
    private(set) var byteCount = 0
    /// How far a reader has seen the store's log. Above `head` means that a commit is on its way
    /// here; until it has come, only the store knows where the log ends.
    var seen = 0
    /// By whom what is here is known.
    var origin = Origin.commits
    /// Begun by a commit, in a store that others write to as well: what is known may be older than
    /// what somebody was shown before it was forgotten here. Until a reader has looked, only the
    /// store knows where the log ends.
    var isUnsure = false

    /// It says whose turn it is to give way (`TailTable`).
    enum Origin {
        /// Commits were appended.
        case commits
        /// From pages that readers have read; no commit was appended since.
        case pages
        /// From a reader, and nothing but where the log ends.
        case heads
    }

    /// What is known of a position.
    enum Standing { case known, epochChanged, unknown }

    init(base: Position) {
        self.base = base
        head = base
    }

    /// Nothing is known but where the log ends.
    init(head: ScopeHead, origin: Origin = .heads) {
        self.init(base: head.position)
        checksum = head.checksum
        self.origin = origin
    }

    /// A page of a reader's is all that is known.
    init(page: CommittedChanges, limits: SyncLimits) {
        self.init(base: page.base)
        append(page, limits: limits)
        origin = .pages
    }

    /// Adds changes that begin at `head`.
    mutating func append(_ changes: CommittedChanges, limits: SyncLimits) {
        assert(changes.base.cursor == head.cursor, "a gap in the tail")
        segments.append(changes)
        levels.append(0)
        byteCount += Self.cost(changes)
        head = changes.head
        checksum = changes.checksum
        join(bytesMax: limits.tailSegmentBytesMax)
        let bytesMax = limits.tailScopeBytesMax ?? limits.tailBytesMax / 8
        var dropped = 0
        while byteCount > bytesMax, dropped < segments.count {
            byteCount -= Self.cost(segments[dropped])
            base = segments[dropped].head
            dropped += 1
        }
        guard dropped > 0 else { return }
        segments.removeFirst(dropped)
        levels.removeFirst(dropped)
    }

    /// Takes in what a reader's page, which goes to the end of the log, has beyond what is known:
    /// at the end, where others have committed, or before the beginning.
    mutating func take(_ page: CommittedChanges, limits: SyncLimits) {
        if page.head == head {
            guard page.base.cursor < base.cursor else { return }
        } else if page.head.cursor > head.cursor {
            if !isEmpty, let rest = page.rest(after: head),
                origin == .commits || byteCount + rest.bytes.count <= limits.tailSegmentBytesMax
            {
                return append(rest, limits: limits)
            }
        } else {
            return
        }
        var anew = ScopeTail(page: page, limits: limits)
        anew.seen = seen
        anew.isUnsure = isUnsure
        if origin == .commits { anew.origin = .commits }
        self = anew
    }

    /// That many neighbours are joined at a time: with more, bytes are copied less often and a pull
    /// has more slices.
    private static let joinedCount = 4

    /// Joins the last segments while enough of them were copied equally often: as in a counter to
    /// base four, sizes then grow towards the front and each byte moves seldom.
    private mutating func join(bytesMax: Int) {
        while let level = levelToJoin(bytesMax: bytesMax) {
            let joined = CommittedChanges(joining: segments.suffix(Self.joinedCount))
            for segment in segments.suffix(Self.joinedCount) { byteCount -= Self.cost(segment) }
            byteCount += Self.cost(joined)
            segments.removeLast(Self.joinedCount)
            segments.append(joined)
            levels.removeLast(Self.joinedCount)
            levels.append(level + 1)
        }
    }

    /// How often the last segments were copied, if they are to be joined. Nothing of them is held
    /// when they are taken out, which would copy all that are before them.
    private func levelToJoin(bytesMax: Int) -> UInt8? {
        let count = segments.count
        guard count >= Self.joinedCount else { return nil }
        let level = levels[count - 1]
        var size = 0
        for index in count - Self.joinedCount..<count {
            guard levels[index] == level, segments[index].head.epoch == head.epoch else {
                return nil
            }
            size += segments[index].bytes.count + 1
        }
        return size <= bytesMax ? level : nil
    }

    /// Bytes of memory: the whole buffer that the segment keeps alive, both arrays, and the places
    /// of all these in the tail and on the heap.
    private static func cost(_ segment: CommittedChanges) -> Int {
        segment.bytes.owner.count + 8 * (segment.ends.capacity + segment.borders.capacity)
            + MemoryLayout<CommittedChanges>.stride + objectBytes
    }

    /// A shared buffer's object, two arrays' headers, and what malloc adds to four blocks.
    private static let objectBytes = 80 + 2 * 32 + 4 * 16

    /// Whether no changes are known.
    var isEmpty: Bool { segments.isEmpty }

    /// Whether nothing has been shown to anybody that is not here.
    var isComplete: Bool { seen <= head.cursor && !isUnsure }

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

    /// What is behind a position, in memory of its own; nil where it does not stand in here.
    fileprivate func rest(after position: Position) -> CommittedChanges? {
        let count = position.cursor - base.cursor
        guard count >= 0, count < ends.count,
            position.epoch == (count == 0 ? base.epoch : head.epoch)
        else { return nil }
        let start = count == 0 ? 0 : ends[count - 1] + 1
        return CommittedChanges(
            scope: scope, base: position, head: head,
            bytes: bytes[start..<bytes.count].compacted,
            ends: ends[count...].map { $0 - start },
            borders: borders.filter { $0 > position.cursor }, checksum: checksum,
            isByReaders: isByReaders)
    }

    /// How many bytes `slice` has.
    private func byteCount(after cursor: Int, through end: Int) -> Int {
        let first = max(0, cursor - base.cursor)
        let last = min(ends.count, end - base.cursor)
        guard first < last else { return 0 }
        return ends[last - 1] - (first == 0 ? 0 : ends[first - 1] + 1)
    }

    /// The last border above `cursor` to which the page can go; `cursor` itself if it is full.
    /// O(mutations of the page); O(1) where all of them fit.
    func cut(after cursor: Int, _ cut: inout PageCut) -> Int {
        let end = head.cursor
        if cut.takeWhole(changes: end - cursor, bytes: byteCount(after: cursor, through: end)) {
            return end
        }
        var reached = cursor
        var index = borders.partitioningIndex { $0 > cursor }
        while index < borders.count {
            let size = byteCount(after: reached, through: borders[index])
            guard cut.take(changes: borders[index] - reached, bytes: size) else { break }
            reached = borders[index]
            index += 1
        }
        return reached
    }

    /// All of `parts` as one, in memory of exactly its size; each begins where the one before ends,
    /// all are of one epoch, and there is at least one.
    init(joining parts: ArraySlice<CommittedChanges>) {
        let (first, last) = (parts[parts.startIndex], parts[parts.endIndex - 1])
        var buffer = ByteBuffer(capacity: parts.reduce(-1) { $0 + $1.bytes.count + 1 })
        var (ends, borders): ([Int], [Int]) = ([], [])
        ends.reserveCapacity(last.head.cursor - first.base.cursor)
        borders.reserveCapacity(parts.reduce(0) { $0 + $1.borders.count })
        for part in parts {
            if buffer.count > 0 { buffer.append(UInt8(ascii: ",")) }
            let shift = buffer.count
            buffer.append(part.bytes)
            for end in part.ends { ends.append(end + shift) }
            borders.append(contentsOf: part.borders)
        }
        self.init(
            scope: first.scope, base: first.base, head: last.head, bytes: buffer.finish(),
            ends: ends, borders: borders, checksum: last.checksum,
            isByReaders: parts.allSatisfy(\.isByReaders))
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
