// The order in which passwords are hashed, as a value: no thread, no clock. A hash costs tens of
// milliseconds, so a storm of sign-ins must neither wait for ever nor eat memory: so many wait, and
// the rest is told to come again. Sources (addresses) take turns, so whoever asks a thousand times
// waits behind themselves. If all places are taken and a source comes that has fewer than the one
// with the most, the last of that one gives way: a storm of one address never locks others out.

/// Work that waits, by source.
struct HashQueue<Work> {
    /// Places for all together; a place holds one password and a closure.
    let waitingMax: Int
    /// Places of one source.
    let sourceMax: Int
    private var lanes: [UInt64: [Work]] = [:]
    /// Sources with something waiting, each once, the next in turn first.
    private var order: [UInt64] = []
    private(set) var waiting = 0

    init(waitingMax: Int, sourceMax: Int) {
        self.waitingMax = max(1, waitingMax)
        self.sourceMax = max(1, sourceMax)
    }

    enum Acceptance {
        case taken
        /// Taken in the place of this one, which is to be refused.
        case takenInPlace(of: Work)
        case refused
    }

    /// Puts `work` behind that of its source. O(sources) if all places are taken, else O(1).
    mutating func add(_ work: Work, from source: UInt64) -> Acceptance {
        let own = lanes[source]?.count ?? 0
        guard own < sourceMax else { return .refused }
        var displaced: Work?
        if waiting >= waitingMax {
            guard let longest = lanes.max(by: { $0.value.count < $1.value.count }),
                longest.value.count > own + 1
            else { return .refused }
            // It keeps at least one, so it keeps its place in the order.
            displaced = lanes[longest.key]?.popLast()
            waiting -= 1
        }
        if own == 0 { order.append(source) }
        lanes[source, default: []].append(work)
        waiting += 1
        if let displaced { return .takenInPlace(of: displaced) }
        return .taken
    }

    /// The next in turn; nil if nobody waits. O(sources), which are fewer than the places.
    mutating func next() -> Work? {
        guard !order.isEmpty else { return nil }
        let source = order.removeFirst()
        guard var lane = lanes.removeValue(forKey: source), !lane.isEmpty else { return nil }
        let work = lane.removeFirst()
        waiting -= 1
        if !lane.isEmpty {
            lanes[source] = lane
            order.append(source)
        }
        return work
    }
}
