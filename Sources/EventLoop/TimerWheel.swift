// One deadline for each slot, in a hashed wheel. A connection's deadline moves later with each
// request; that is only a store, because an entry found too early is filed again (the lazy scheme
// of Varghese and Lauck's hashed wheels). Due times are ticks of 2^25 ns (33.6 ms): a deadline is
// met at most one tick late, never early. Costs 16 bytes a slot. One thread.

public struct TimerWheel: ~Copyable {
    public static let tickNanoseconds: UInt64 = 1 << 25
    private static let bucketCount = 2048  // a horizon of 68 s; beyond it an entry is refiled

    /// An intrusive list for each bucket; -1 ends it.
    private var heads: ContiguousArray<Int32>
    /// One bit for each bucket that holds something, so that the next one is found in a few words.
    private var occupied: ContiguousArray<UInt64>
    /// One for each slot below `entryCount`; memory of our own, because arrays check on each access
    /// what `set`, `cancel` and `isSet` check once: list links are made here alone.
    private var entries: UnsafeMutablePointer<Entry>
    private var entryCount = 0
    private var currentTick: UInt32
    /// No bucket that holds something has its turn before this tick: a tick of the loop that is
    /// earlier has nothing to look for.
    private var earliestTick = UInt32.max {
        didSet { dueNanoseconds = nanoseconds(at: earliestTick) }
    }
    /// The first moment of `earliestTick`.
    @usableFromInline var dueNanoseconds = UInt64.max
    private let origin: UInt64
    public private(set) var count = 0

    private struct Entry {
        var next: Int32 = -1
        var previous: Int32 = -1
        var due: UInt32 = 0
        var bucket: Int32 = -1  // -1: not filed
    }

    public init(now: Instant) {
        heads = ContiguousArray(repeating: -1, count: Self.bucketCount)
        occupied = ContiguousArray(repeating: 0, count: Self.bucketCount / 64)
        entries = .allocate(capacity: 0)
        origin = now.nanoseconds
        currentTick = 0
    }

    deinit { entries.deallocate() }

    /// Makes room for slot `index`; `Entry` is trivial.
    private mutating func grow(for index: Int) {
        let grown = max(index + 1, entryCount * 2, 64)
        let memory = UnsafeMutablePointer<Entry>.allocate(capacity: grown)
        memory.initialize(repeating: Entry(), count: grown)
        memory.update(from: entries, count: entryCount)
        entries.deallocate()
        entries = memory
        entryCount = grown
    }

    private func tick(at instant: Instant, rounding extra: UInt64) -> UInt32 {
        guard instant.nanoseconds > origin else { return 0 }
        let (sum, carry) = (instant.nanoseconds - origin).addingReportingOverflow(extra)
        return carry ? .max : UInt32(clamping: sum / Self.tickNanoseconds)
    }

    /// Sets or moves the deadline of slot `index`. O(1).
    public mutating func set(_ index: Int, deadline: Instant) {
        precondition(index >= 0, "a slot has an index from 0")
        if index >= entryCount { grow(for: index) }
        let due = max(tick(at: deadline, rounding: Self.tickNanoseconds - 1), currentTick &+ 1)
        if entries[index].bucket >= 0 {
            let isLater = due >= entries[index].due
            entries[index].due = due
            if isLater { return }
            unlink(index)
        } else {
            entries[index].due = due
        }
        link(index)
    }

    /// Whether slot `index` has a deadline that has not been reported.
    public func isSet(_ index: Int) -> Bool {
        index < entryCount && entries[index].bucket >= 0
    }

    /// Removes the deadline of slot `index`, if it has one.
    public mutating func cancel(_ index: Int) {
        guard index < entryCount, entries[index].bucket >= 0 else { return }
        unlink(index)
    }

    /// Whether a deadline may have passed. Cheap, for a loop that asks in each turn; where it is
    /// false `advance` need not be called.
    @inlinable
    public func isDue(at now: Instant) -> Bool { now.nanoseconds >= dueNanoseconds }

    /// Appends to `expired` every slot whose deadline has passed; each is taken off the wheel.
    public mutating func advance(to now: Instant, expired: inout [Int]) {
        let target = tick(at: now, rounding: 0)
        guard target > currentTick else { return }
        guard target >= earliestTick else {
            currentTick = target
            return
        }
        // After a long stall one turn of the wheel meets every entry.
        let steps = min(target - currentTick, UInt32(Self.bucketCount))
        for step in 0..<steps {
            let tick = target - steps + 1 + step
            var index = heads[Int(tick) % Self.bucketCount]
            while index >= 0 {
                let slot = Int(index)
                index = entries[slot].next
                unlink(slot)
                if entries[slot].due <= target {
                    expired.append(slot)
                } else {
                    currentTick = tick
                    link(slot)
                }
            }
        }
        currentTick = target
        earliestTick = count > 0 ? target &+ UInt32(ticksToNextBucket()) : .max
    }

    /// The first moment at which a deadline can have passed; nil when the wheel is empty.
    public var next: Instant? {
        count > 0 ? Instant(nanoseconds: dueNanoseconds) : nil
    }

    private func nanoseconds(at tick: UInt32) -> UInt64 {
        tick == .max ? .max : origin + UInt64(tick) * Self.tickNanoseconds
    }

    /// Ticks from the current one to the next bucket that holds something, 1 to `bucketCount`; some
    /// bucket does.
    private func ticksToNextBucket() -> Int {
        let start = (Int(currentTick) + 1) % Self.bucketCount
        let words = occupied.count
        for step in 0...words {
            let index = (start / 64 + step) % words
            var word = occupied[index]
            // In the first word what lies before the start comes last, after a whole turn.
            if step == 0 { word &= ~0 << UInt64(start % 64) }
            if word != 0 {
                let bucket = index * 64 + word.trailingZeroBitCount
                return (bucket - start + Self.bucketCount) % Self.bucketCount + 1
            }
        }
        return Self.bucketCount
    }

    private mutating func link(_ index: Int) {
        let ahead = min(entries[index].due &- currentTick, UInt32(Self.bucketCount - 1))
        let bucket = Int(currentTick &+ max(1, ahead)) % Self.bucketCount
        let head = heads[bucket]
        entries[index].next = head
        entries[index].previous = -1
        entries[index].bucket = Int32(bucket)
        if head >= 0 { entries[Int(head)].previous = Int32(index) }
        heads[bucket] = Int32(index)
        occupied[bucket / 64] |= 1 << UInt64(bucket % 64)
        earliestTick = min(earliestTick, currentTick &+ max(1, ahead))
        count += 1
    }

    private mutating func unlink(_ index: Int) {
        let entry = entries[index]
        if entry.previous >= 0 {
            entries[Int(entry.previous)].next = entry.next
        } else {
            heads[Int(entry.bucket)] = entry.next
            if entry.next < 0 {
                occupied[Int(entry.bucket) / 64] &= ~(1 << UInt64(entry.bucket % 64))
            }
        }
        if entry.next >= 0 { entries[Int(entry.next)].previous = entry.previous }
        entries[index].next = -1
        entries[index].previous = -1
        entries[index].bucket = -1
        count -= 1
    }
}
