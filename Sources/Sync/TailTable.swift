// What LogTail's lock protects: which scope has which tail, how many bytes all of them hold, and
// which of them was used longest ago and gives way first. A commit and a read are uses. What only
// readers have brought gives way before what commits have, but for a part that pages may have.
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
    /// Scopes of which only pages are known that readers have read. Those who read much put out
    /// of memory what others have read, and no more of what was written than a part.
    private var paged = Recency()
    /// One part in so many is the pages'. More they have only where there is room.
    private static let pagedPart = 4
    /// Scopes forgotten so far, to tell whether a reader's view may be too old.
    private(set) var evictions = 0
    var byteCount: Int { written.byteCount + learned.byteCount + paged.byteCount }
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
        /// Bytes that they hold.
        var byteCount = 0
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
        slots[place].tail.origin = .commits
        slots[place].tail.append(changes, limits: limits)
        link(place)
        evict()
    }

    /// Begins the scope's tail anew at a head behind which there is no log.
    mutating func note(_ head: ScopeHead, of scope: Name) {
        guard let place = places[scope] else {
            var tail = ScopeTail(head: head, origin: .commits)
            tail.isUnsure = isShared
            return insert(tail, for: scope)
        }
        if isShared, head.cursor < slots[place].tail.head.cursor { return }
        begin(place, anew: head, as: .commits)
        evict()
    }

    /// Begins the scope's tail anew at a head before which something is missing.
    mutating func begin(_ scope: Name, anewAt head: ScopeHead) {
        guard isShared, let place = places[scope],
            head.cursor > slots[place].tail.head.cursor
        else { return }
        begin(place, anew: head, as: originWithoutChanges(place))
    }

    private func originWithoutChanges(_ place: Int) -> ScopeTail.Origin {
        slots[place].tail.origin == .commits ? .commits : .heads
    }

    private mutating func begin(
        _ place: Int, anew head: ScopeHead, as origin: ScopeTail.Origin
    ) {
        unlink(place)
        let (seen, isUnsure) = (
            max(slots[place].tail.seen, slots[place].tail.head.cursor), slots[place].tail.isUnsure
        )
        slots[place].tail = ScopeTail(head: head, origin: origin)
        slots[place].tail.seen = seen
        slots[place].tail.isUnsure = isUnsure
        link(place)
    }

    /// What is known grows by `append` alone; of it a reader can only say that it is not all. Where
    /// nothing but the end of a log is known, and others write to the store, the end moves on; and
    /// there a page can bring what is missing.
    mutating func learn(
        _ head: ScopeHead, of scope: Name, with page: CommittedChanges? = nil,
        since moment: LogTail.Moment
    ) {
        let isRecent = evictions == moment.evictions
        let page = isShared && isRecent ? page : nil
        guard let place = places[scope] else {
            guard isRecent else { return }
            let tail = page.map { ScopeTail(page: $0, limits: limits) } ?? ScopeTail(head: head)
            return insert(tail, for: scope)
        }
        slots[place].tail.seen = max(slots[place].tail.seen, head.cursor)
        if isShared, isRecent { slots[place].tail.isUnsure = false }
        if let page {
            unlink(place)
            slots[place].tail.take(page, limits: limits)
            link(place)
            evict()
        } else if isShared, slots[place].tail.isEmpty,
            head.cursor > slots[place].tail.head.cursor
        {
            begin(place, anew: head, as: originWithoutChanges(place))
        } else {
            touch(place)
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
        while byteCount > limits.tailBytesMax, places.count > 1, let place = next {
            forget(place)
        }
    }

    /// Whose turn it is.
    private var next: Int? {
        paged.byteCount > limits.tailBytesMax / Self.pagedPart
            ? paged.oldest : learned.oldest ?? written.oldest ?? paged.oldest
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
        let (origin, size) = (slots[place].tail.origin, cost(of: place))
        var newest: Int?
        change(origin) { list in
            newest = list.newest
            list.newest = place
            if list.oldest == nil { list.oldest = place }
            list.count += 1
            list.byteCount += size
        }
        slots[place].newer = nil
        slots[place].older = newest
        if let newest { slots[newest].newer = place }
    }

    private mutating func unlink(_ place: Int) {
        let (newer, older) = (slots[place].newer, slots[place].older)
        if let newer { slots[newer].older = older }
        if let older { slots[older].newer = newer }
        let size = cost(of: place)
        change(slots[place].tail.origin) { list in
            if newer == nil { list.newest = older }
            if older == nil { list.oldest = newer }
            list.count -= 1
            list.byteCount -= size
        }
    }

    @inline(__always)
    private mutating func change(_ origin: ScopeTail.Origin, _ body: (inout Recency) -> Void) {
        switch origin {
        case .commits: body(&written)
        case .pages: body(&paged)
        case .heads: body(&learned)
        }
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
