// Until when the connections of one worker may be served: those whose credentials end some time,
// and those that have still to say who they are. Others have no entry and cost nothing. Moments are
// nanoseconds of a clock that does not leap. Says who is due and why; what happens to them is the
// service's. Confined to its worker.
//
// A heap has the moments in order. An entry that was changed or removed stays in it until its turn
// comes or such entries are more than half of it: so memory follows the number of connections,
// however often one of them renews.

import MizuBytes

/// Why a connection is served no longer.
enum CredentialEnd: Sendable {
    /// It never said who it is.
    case unauthenticated
    /// What it said holds no longer.
    case expired
}

/// Moments by connection. One owner, one thread.
struct CredentialTable: ~Copyable {
    private struct Entry {
        let due: UInt64
        let token: Token
        /// Tells this entry from earlier ones of the connection.
        let number: UInt64
    }

    private struct Current {
        let due: UInt64
        let number: UInt64
        let end: CredentialEnd
    }

    private var heap: ContiguousArray<Entry> = []
    private var current: [Token: Current] = [:]
    private var lastNumber: UInt64 = 0
    /// Nobody is due before this moment; `.max` where nobody will be.
    private(set) var next = UInt64.max

    init() {}

    /// Connections that have a moment.
    var count: Int { current.count }

    /// Entries of the heap, those that count no more among them.
    var heapCount: Int { heap.count }

    /// Gives a connection its moment, in place of an earlier one. O(log n).
    mutating func set(_ token: Token, _ end: CredentialEnd, due: UInt64) {
        lastNumber += 1
        current[token] = Current(due: due, number: lastNumber, end: end)
        heap.append(Entry(due: due, token: token, number: lastNumber))
        rise(heap.count - 1)
        if heap.count > 2 * current.count + 16 { rebuild() }
        next = heap.first?.due ?? .max
    }

    /// The connection has gone, or may be served without end.
    mutating func remove(_ token: Token) {
        guard !current.isEmpty else { return }
        current[token] = nil
        if current.isEmpty {
            heap.removeAll(keepingCapacity: heap.capacity <= 1024)
            next = .max
        }
    }

    /// Whether the connection has still to say who it is.
    func isAwaited(_ token: Token) -> Bool {
        current[token]?.end == .unauthenticated
    }

    /// The connection's moment; nil: it has none.
    func due(of token: Token) -> UInt64? { current[token]?.due }

    /// Takes the connection out, if its moment has come.
    mutating func takeDue(_ token: Token, at now: UInt64) -> CredentialEnd? {
        guard let entry = current[token], entry.due <= now else { return nil }
        remove(token)
        return entry.end
    }

    /// Takes out one whose moment has come; nil where there is none. O(log n).
    mutating func takeDue(at now: UInt64) -> (token: Token, end: CredentialEnd)? {
        while let first = heap.first, first.due <= now {
            removeFirst()
            guard let entry = current[first.token], entry.number == first.number else { continue }
            remove(first.token)
            return (first.token, entry.end)
        }
        return nil
    }

    // MARK: The heap

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        sink(0)
        next = heap.first?.due ?? .max
    }

    private mutating func rise(_ start: Int) {
        var index = start
        while index > 0, heap[index].due < heap[(index - 1) / 2].due {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private mutating func sink(_ start: Int) {
        var index = start
        while true {
            var least = index
            for child in 2 * index + 1..<min(2 * index + 3, max(heap.count, 2 * index + 1))
            where heap[child].due < heap[least].due {
                least = child
            }
            guard least != index else { return }
            heap.swapAt(index, least)
            index = least
        }
    }

    private mutating func rebuild() {
        heap.removeAll { current[$0.token]?.number != $0.number }
        for index in (0..<heap.count / 2).reversed() { sink(index) }
    }
}
