// What LogTail's lock protects: which scope has which tail, how many bytes they have in all, and
// which of them was written to longest ago and gives way first.

import MizuBytes

struct TailTable {
    private(set) var scopes: [Name: ScopeTail] = [:]
    /// Scopes forgotten so far, to tell whether a reader's view may be too old.
    private(set) var evictions = 0
    private(set) var byteCount = 0
    private let limits: SyncLimits
    /// Stamps of writes, the oldest first. Only a scope's last one counts; older ones are skipped
    /// when they come up, and swept when they outnumber the scopes.
    private var order: [(stamp: Int, scope: Name)] = []
    private var orderStart = 0
    private var stamp = 0

    /// What a scope costs without any change, about.
    private static let scopeBytes = 256

    init(limits: SyncLimits) { self.limits = limits }

    mutating func append(_ changes: CommittedChanges) {
        let known = scopes.removeValue(forKey: changes.scope)
        if let known, changes.head.cursor <= known.head.cursor, !known.segments.isEmpty {
            scopes[changes.scope] = known
            return
        }
        byteCount -= known.map { $0.byteCount + Self.scopeBytes } ?? 0
        var grown = ScopeTail(base: changes.base)
        if let known, known.head == changes.base { grown = known }
        if let known { grown.seen = max(known.seen, known.head.cursor) }
        grown.append(changes, limits: limits)
        store(grown, for: changes.scope)
    }

    /// What is known grows by `append` alone; of it a reader can only say that it is not all.
    mutating func learn(_ head: Position, of scope: Name, since moment: LogTail.Moment) {
        if let known = scopes[scope] {
            scopes[scope]?.seen = max(known.seen, head.cursor)
        } else if evictions == moment.evictions {
            store(ScopeTail(base: head), for: scope)
        }
    }

    private mutating func store(_ tail: ScopeTail, for scope: Name) {
        stamp += 1
        var tail = tail
        tail.stamp = stamp
        byteCount += tail.byteCount + Self.scopeBytes
        scopes[scope] = tail
        order.append((stamp, scope))
        evict()
        if order.count > 2 * scopes.count + 64 { sweep() }
    }

    /// Forgets the scopes written to longest ago until the rest fits; never the last one.
    private mutating func evict() {
        while byteCount > limits.tailBytesMax, scopes.count > 1, orderStart < order.count {
            let (stamp, scope) = order[orderStart]
            orderStart += 1
            guard let tail = scopes[scope], tail.stamp == stamp else { continue }
            scopes[scope] = nil
            byteCount -= tail.byteCount + Self.scopeBytes
            evictions += 1
        }
    }

    private mutating func sweep() {
        order = order[orderStart...].filter { scopes[$0.scope]?.stamp == $0.stamp }
        orderStart = 0
    }
}
