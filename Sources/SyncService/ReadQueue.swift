// The order in which reads are taken, as a value: no thread, no clock, no store. Sources take
// turns, and so do the scopes of one source, so that whoever asks for much waits behind themselves.
// Each source has so many reads at a time and never all threads; who has left, or has waited too
// long, is dropped when the turn comes, which costs nothing. It does not know what a read does.

import MizuEventLoop
import MizuHTTP
import MizuSync

struct ReadQueue<Work: Sendable>: Sendable {
    struct Read: Sendable {
        let work: Work
        let asker: ReadAsker
        let scope: Name
        /// When it has waited too long.
        let end: Instant

        var hasLeft: Bool { asker.watch?.isGone == true }
    }

    enum Acceptance: Sendable {
        case taken, sourceFull, full
        /// Nothing is read any more.
        case closed
    }

    enum Reason: Sendable { case left, late, closed }

    enum Turn: Sendable {
        /// Run it, and say `finished` afterwards.
        case run(Read)
        /// Answer it with a refusal; it was not begun.
        case drop(Read, Reason)
    }

    /// What one source has asked for.
    private struct Lane: Sendable {
        var scopes: [Name: Fifo<Read>] = [:]
        /// Scopes with something waiting, each once.
        var order = Fifo<Name>()
        var waiting = 0
        var running = 0
        /// Whether the source stands in the order of sources.
        var isOrdered = false
    }

    private let limits: ReadLimits
    private var lanes: [ReadSource: Lane] = [:]
    /// Sources with something waiting, each once.
    private var order = Fifo<ReadSource>()
    private(set) var waiting = 0
    private var isClosed = false

    init(_ limits: ReadLimits) { self.limits = limits }

    /// Sources that have a read waiting or under way.
    var sourceCount: Int { lanes.count }

    // MARK: Coming

    /// Puts a read behind those of its source and scope.
    /// - Returns: whether it may wait, and those of its source that have left meanwhile, which make
    ///   room for it: answer them.
    mutating func add(
        _ work: Work, for asker: ReadAsker, of scope: Name, now: Instant
    ) -> (acceptance: Acceptance, left: [Read]) {
        guard !isClosed else { return (.closed, []) }
        guard waiting < limits.waitingMax else { return (.full, []) }
        var left: [Read] = []
        var lane = lanes.removeValue(forKey: asker.source) ?? Lane()
        defer { if lane.waiting + lane.running > 0 { lanes[asker.source] = lane } }
        if let max = countMax(asker), lane.waiting + lane.running >= max {
            left = sweep(&lane)
            guard lane.waiting + lane.running < max else { return (.sourceFull, left) }
        }
        if lane.scopes[scope] == nil { lane.order.append(scope) }
        lane.scopes[scope, default: Fifo()].append(
            Read(
                work: work, asker: asker, scope: scope,
                end: now.adding(milliseconds: limits.waitMilliseconds)))
        lane.waiting += 1
        waiting += 1
        if !lane.isOrdered { order.append(asker.source) }
        lane.isOrdered = true
        return (.taken, left)
    }

    private func countMax(_ asker: ReadAsker) -> Int? {
        guard !asker.source.isExempt, let max = limits.sourceMax else { return nil }
        return asker.kind == .socket ? max * limits.socketFactor : max
    }

    /// Takes those who have left out of a lane that is full. The lane keeps its place in the order
    /// of sources.
    private mutating func sweep(_ lane: inout Lane) -> [Read] {
        var (left, kept) = ([Read](), Lane())
        (kept.running, kept.isOrdered) = (lane.running, lane.isOrdered)
        while let scope = lane.order.popFirst() {
            var stays = Fifo<Read>()
            while let read = lane.scopes[scope]?.popFirst() {
                if read.hasLeft { left.append(read) } else { stays.append(read) }
            }
            guard !stays.isEmpty else { continue }
            kept.order.append(scope)
            kept.waiting += stays.count
            kept.scopes[scope] = stays
        }
        lane = kept
        waiting -= left.count
        return left
    }

    // MARK: Going

    /// The next read in turn; nil where none may run now. O(threads).
    mutating func next(now: Instant) -> Turn? {
        for _ in 0..<order.count {
            guard let source = order.popFirst(), var lane = lanes.removeValue(forKey: source)
            else { continue }
            defer { lanes[source] = lane.waiting + lane.running > 0 ? lane : nil }
            guard lane.running < runningMax(source) else {
                order.append(source)
                continue
            }
            lane.isOrdered = false
            guard let read = popFirst(&lane) else { continue }
            if lane.waiting > 0 {
                order.append(source)
                lane.isOrdered = true
            }
            if read.hasLeft { return .drop(read, .left) }
            if now >= read.end { return .drop(read, .late) }
            lane.running += 1
            return .run(read)
        }
        return nil
    }

    /// One thread stays for the others.
    private func runningMax(_ source: ReadSource) -> Int {
        source.isExempt ? limits.threads : max(1, limits.threads - 1)
    }

    private mutating func popFirst(_ lane: inout Lane) -> Read? {
        guard let scope = lane.order.popFirst(), let read = lane.scopes[scope]?.popFirst() else {
            return nil
        }
        if lane.scopes[scope]?.isEmpty == false {
            lane.order.append(scope)
        } else {
            lane.scopes[scope] = nil
        }
        lane.waiting -= 1
        waiting -= 1
        return read
    }

    /// Takes nothing more.
    /// - Returns: all that wait, in no order: answer them. Those that run are not among them.
    mutating func close() -> [Read] {
        var left: [Read] = []
        for (source, var lane) in lanes {
            for scope in lane.scopes.keys {
                while let read = lane.scopes[scope]?.popFirst() { left.append(read) }
            }
            (lane.scopes, lane.order, lane.waiting, lane.isOrdered) = ([:], Fifo(), 0, false)
            lanes[source] = lane.running > 0 ? lane : nil
        }
        (order, waiting, isClosed) = (Fifo(), 0, true)
        return left
    }

    /// A read that was run is over.
    mutating func finished(_ read: Read) {
        guard var lane = lanes.removeValue(forKey: read.asker.source) else { return }
        lane.running -= 1
        if lane.waiting + lane.running > 0 { lanes[read.asker.source] = lane }
    }
}

/// First in, first out. Each element moves at most twice.
struct Fifo<Element: Sendable>: Sendable {
    /// Nil where one has been taken: what it held is let go at once.
    private var items: [Element?] = []
    private var first = 0

    var count: Int { items.count - first }
    var isEmpty: Bool { first == items.count }

    mutating func append(_ element: Element) { items.append(element) }

    mutating func popFirst() -> Element? {
        guard first < items.count else { return nil }
        let element = items[first].take()
        first += 1
        if first >= 32, first * 2 >= items.count {
            items.removeFirst(first)
            first = 0
        }
        return element
    }
}
