// What LogTail's lock protects: which scope has which tail, how many bytes all of them hold, and
// which of them was used longest ago and gives way first. A commit and a read are uses.
// The count is of what is really held: a segment's whole buffer, its arrays, and what an entry of
// the table takes; so LOG_CACHE is what the process pays.

import MizuBytes

struct TailTable {
    /// Where in `slots` a scope is.
    private var places: [Name: Int] = [:]
    private var slots: [Slot] = []
    /// Places of `slots` that nobody has.
    private var free: [Int] = []
    private var written = Recency()
    /// Scopes of which only the head is known, because a reader told it. They are bounded by
    /// themselves: asking for scopes, which needs no more than their names, puts nobody's changes
    /// out of memory.
    private var learned = Recency()
    /// Scopes forgotten so far, to tell whether a reader's view may be too old.
    private(set) var evictions = 0
    private(set) var byteCount = 0
    var scopeCount: Int { places.count }
    private let limits: SyncLimits
    /// Others write to the store, too: commits may come late, and those of others not at all.
    private let isShared: Bool

    private struct Slot {
        var scope: Name
        var tail: ScopeTail
        /// The neighbours in the order of use.
        var newer: Int?
        var older: Int?
    }

    /// The ends of a list of scopes in the order of use.
    private struct Recency {
        var newest: Int?
        var oldest: Int?
        var count = 0
    }

    init(limits: SyncLimits, isShared: Bool = false) {
        self.limits = limits
        self.isShared = isShared
    }

    // MARK: Using

    /// The scope's tail; nil if nothing is known of it.
    mutating func use(_ scope: Name) -> ScopeTail? {
        guard let place = places[scope] else { return nil }
        touch(place)
        return slots[place].tail
    }

    /// Whether the scope's log ends there; false where that is not known.
    mutating func ends(_ scope: Name, at position: Position) -> Bool {
        guard let place = places[scope] else { return false }
        touch(place)
        return slots[place].tail.isComplete
            && slots[place].tail.head.cursor == position.cursor
            // Cursor 0 is before every epoch.
            && (position.cursor == 0 || slots[place].tail.head.epoch == position.epoch)
    }

    /// Whether each change behind the position is here; false where that is not known.
    mutating func covers(_ scope: Name, from position: Position) -> Bool {
        guard let place = places[scope] else { return false }
        touch(place)
        return slots[place].tail.check(cursor: position.cursor, epoch: position.epoch) == .known
    }

    /// Up to where anybody may have been shown the scope; nil where that is not known.
    mutating func shown(_ scope: Name) -> Position? {
        guard let place = places[scope], !slots[place].tail.isUnsure else { return nil }
        touch(place)
        let tail = slots[place].tail
        return Position(cursor: max(tail.seen, tail.head.cursor), epoch: tail.head.epoch)
    }

    mutating func append(_ changes: CommittedChanges) {
        guard let place = places[changes.scope] else {
            var tail = ScopeTail(base: changes.base)
            tail.append(changes, limits: limits)
            tail.isUnsure = isShared
            return insert(tail, for: changes.scope)
        }
        let head = slots[place].tail.head
        if changes.head.cursor <= head.cursor, !slots[place].tail.isEmpty { return }
        if isShared, changes.head.cursor < head.cursor { return }
        unlink(place)
        let (seen, isUnsure) = (
            max(slots[place].tail.seen, head.cursor), slots[place].tail.isUnsure
        )
        if head != changes.base { slots[place].tail = ScopeTail(base: changes.base) }
        slots[place].tail.seen = seen
        slots[place].tail.isUnsure = isUnsure
        slots[place].tail.isLearned = false
        slots[place].tail.append(changes, limits: limits)
        link(place)
        evict()
    }

    /// Begins the scope's tail anew at a head behind which there is no log.
    mutating func note(_ head: ScopeHead, of scope: Name) {
        guard let place = places[scope] else {
            var tail = ScopeTail(head: head, isLearned: false)
            tail.isUnsure = isShared
            return insert(tail, for: scope)
        }
        if isShared, head.cursor < slots[place].tail.head.cursor { return }
        begin(place, anew: head, isLearned: false)
        evict()
    }

    /// Begins the scope's tail anew at a head before which something is missing.
    mutating func begin(_ scope: Name, anewAt head: ScopeHead) {
        guard isShared, let place = places[scope],
            head.cursor > slots[place].tail.head.cursor
        else { return }
        begin(place, anew: head, isLearned: slots[place].tail.isLearned)
    }

    private mutating func begin(_ place: Int, anew head: ScopeHead, isLearned: Bool) {
        unlink(place)
        let (seen, isUnsure) = (
            max(slots[place].tail.seen, slots[place].tail.head.cursor), slots[place].tail.isUnsure
        )
        slots[place].tail = ScopeTail(head: head, isLearned: isLearned)
        slots[place].tail.seen = seen
        slots[place].tail.isUnsure = isUnsure
        link(place)
    }

    /// What is known grows by `append` alone; of it a reader can only say that it is not all. Where
    /// nothing but the end of a log is known, and others write to the store, the end moves on.
    mutating func learn(_ head: ScopeHead, of scope: Name, since moment: LogTail.Moment) {
        if let place = places[scope] {
            slots[place].tail.seen = max(slots[place].tail.seen, head.cursor)
            if isShared {
                if evictions == moment.evictions { slots[place].tail.isUnsure = false }
                let tail = slots[place].tail
                if tail.isEmpty, head.cursor > tail.head.cursor {
                    return begin(place, anew: head, isLearned: tail.isLearned)
                }
            }
            touch(place)
        } else if evictions == moment.evictions {
            insert(ScopeTail(head: head), for: scope)
        }
    }

    /// Forgets everything; what readers have read until now is not learned from.
    mutating func forgetAll() {
        let evictions = evictions
        self = TailTable(limits: limits, isShared: isShared)
        self.evictions = evictions + 1
    }

    // MARK: Making room

    private mutating func insert(_ tail: ScopeTail, for scope: Name) {
        let slot = Slot(scope: scope, tail: tail)
        let place: Int
        if let reused = free.popLast() {
            place = reused
            slots[place] = slot
        } else {
            place = slots.count
            slots.append(slot)
        }
        places[scope] = place
        link(place)
        while learned.count > limits.tailLearnedMax, let oldest = learned.oldest {
            forget(oldest)
        }
        evict()
    }

    /// Forgets the scopes that were used longest ago until the rest fits; never the last one.
    private mutating func evict() {
        while byteCount > limits.tailBytesMax, places.count > 1,
            let place = learned.oldest ?? written.oldest
        {
            forget(place)
        }
    }

    private mutating func forget(_ place: Int) {
        unlink(place)
        places[slots[place].scope] = nil
        slots[place].tail = ScopeTail(base: .start)
        free.append(place)
        evictions += 1
    }

    // MARK: The order of use

    private mutating func touch(_ place: Int) {
        guard slots[place].newer != nil else { return }
        unlink(place)
        link(place)
    }

    /// Puts a scope at the newest end of its list, and counts what it holds.
    private mutating func link(_ place: Int) {
        let isLearned = slots[place].tail.isLearned
        let newest = isLearned ? learned.newest : written.newest
        slots[place].newer = nil
        slots[place].older = newest
        if let newest { slots[newest].newer = place }
        change(isLearned) { list in
            list.newest = place
            if list.oldest == nil { list.oldest = place }
            list.count += 1
        }
        byteCount += cost(of: place)
    }

    private mutating func unlink(_ place: Int) {
        let (newer, older) = (slots[place].newer, slots[place].older)
        if let newer { slots[newer].older = older }
        if let older { slots[older].newer = newer }
        change(slots[place].tail.isLearned) { list in
            if newer == nil { list.newest = older }
            if older == nil { list.oldest = newer }
            list.count -= 1
        }
        byteCount -= cost(of: place)
    }

    @inline(__always)
    private mutating func change(_ isLearned: Bool, _ body: (inout Recency) -> Void) {
        if isLearned { body(&learned) } else { body(&written) }
    }

    /// Bytes that the scope holds here: its changes, its place, its name and its entry in the
    /// dictionary, which is between half and three quarters full.
    private func cost(of place: Int) -> Int {
        slots[place].tail.byteCount + MemoryLayout<Slot>.stride + slots[place].scope.bytes.count
            + Self.entryBytes
    }

    /// An array's header, and twice a key and a value of the dictionary.
    private static let entryBytes = 64
}
