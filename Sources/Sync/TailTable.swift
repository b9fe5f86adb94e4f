// What LogTail's lock protects: which scope has which tail, how many bytes they have in all, and
// which of them was written to longest ago and gives way first.

import MizuBytes

struct TailTable {
    private(set) var scopes: [Name: ScopeTail] = [:]
    /// Scopes forgotten so far, to tell whether a reader's view may be too old.
    private(set) var evictions = 0
    private(set) var byteCount = 0
    private let limits: SyncLimits
    /// Scopes that were written to, the one written to longest ago first.
    private var written = StampQueue()
    /// Scopes of which only the head is known, because a reader told it. They are bounded by
    /// themselves: asking for scopes, which needs no more than their names, puts nobody's changes
    /// out of memory.
    private var learned = StampQueue()
    private var learnedCount = 0
    private var stamp = 0

    /// What a scope costs without any change, about.
    private static let scopeBytes = 256

    init(limits: SyncLimits) { self.limits = limits }

    mutating func append(_ changes: CommittedChanges) {
        let known = take(changes.scope)
        if let known, changes.head.cursor <= known.head.cursor, !known.segments.isEmpty {
            scopes[changes.scope] = known
            byteCount += known.byteCount + Self.scopeBytes
            return
        }
        var grown = ScopeTail(base: changes.base)
        if let known, known.head == changes.base { grown = known }
        if let known { grown.seen = max(known.seen, known.head.cursor) }
        grown.isLearned = false
        grown.append(changes, limits: limits)
        store(grown, for: changes.scope)
    }

    /// What is known grows by `append` alone; of it a reader can only say that it is not all.
    mutating func learn(_ head: ScopeHead, of scope: Name, since moment: LogTail.Moment) {
        if let known = scopes[scope] {
            scopes[scope]?.seen = max(known.seen, head.cursor)
        } else if evictions == moment.evictions {
            store(ScopeTail(head: head), for: scope)
        }
    }

    /// Forgets everything; what readers have read until now is not learned from.
    mutating func forgetAll() {
        evictions += 1
        scopes.removeAll()
        byteCount = 0
        written = StampQueue()
        learned = StampQueue()
        learnedCount = 0
    }

    private mutating func store(_ tail: ScopeTail, for scope: Name) {
        stamp += 1
        var tail = tail
        tail.stamp = stamp
        byteCount += tail.byteCount + Self.scopeBytes
        scopes[scope] = tail
        if tail.isLearned {
            learnedCount += 1
            learned.append(scope, stamp)
            while learnedCount > limits.tailLearnedMax, let scope = learned.next(in: scopes) {
                forget(scope)
            }
            learned.sweep(scopes)
        } else {
            written.append(scope, stamp)
            evict()
            written.sweep(scopes)
        }
    }

    /// Forgets the scopes written to longest ago until the rest fits; never the last one.
    private mutating func evict() {
        while byteCount > limits.tailBytesMax, scopes.count > 1 {
            guard let scope = learned.next(in: scopes) ?? written.next(in: scopes) else { return }
            forget(scope)
        }
    }

    private mutating func forget(_ scope: Name) {
        guard take(scope) != nil else { return }
        evictions += 1
    }

    private mutating func take(_ scope: Name) -> ScopeTail? {
        guard let tail = scopes.removeValue(forKey: scope) else { return nil }
        byteCount -= tail.byteCount + Self.scopeBytes
        if tail.isLearned { learnedCount -= 1 }
        return tail
    }
}

/// Scopes in the order of their stamps. Only a scope's last stamp counts; older ones are skipped
/// when they come up, and swept when they outnumber the scopes.
private struct StampQueue: Sendable {
    private var order: [(stamp: Int, scope: Name)] = []
    private var start = 0

    mutating func append(_ scope: Name, _ stamp: Int) { order.append((stamp, scope)) }

    /// Takes out the scope with the oldest stamp.
    mutating func next(in scopes: [Name: ScopeTail]) -> Name? {
        while start < order.count {
            let (stamp, scope) = order[start]
            start += 1
            if scopes[scope]?.stamp == stamp { return scope }
        }
        return nil
    }

    mutating func sweep(_ scopes: [Name: ScopeTail]) {
        guard order.count > 2 * scopes.count + 64 else { return }
        order = order[start...].filter { scopes[$0.scope]?.stamp == $0.stamp }
        start = 0
    }
}
