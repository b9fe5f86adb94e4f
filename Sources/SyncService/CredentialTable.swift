// Until when the connections of one worker may be served: those whose credentials end some time,
// and those that have still to say who they are. Others have no entry and cost nothing. Moments are
// nanoseconds of a clock that does not leap. Says who is due and why; what happens to them is the
// service's. Confined to its worker.
//
// A heap has the slots in the order of their moments, and each slot knows its place in it: so one
// that renews or leaves moves in the heap, and nothing of what was stays behind. Twenty bytes for a
// connection: everybody who is signed in has an entry.

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
    private struct Place {
        var due: UInt64 = 0
        /// Of the connection whose moment it is: a later one in the slot has none yet.
        var generation: UInt32 = 0
        /// Where in the heap it is, from 1; 0: nowhere.
        var position: UInt32 = 0
    }

    /// A slot of the heap, and in the bit above why its connection ends.
    private struct Entry {
        private let bits: UInt32

        init(_ slot: Int, _ end: CredentialEnd) {
            bits = UInt32(truncatingIfNeeded: slot) & 0x7FFF_FFFF | (end == .expired ? 1 << 31 : 0)
        }

        var slot: Int { Int(bits & 0x7FFF_FFFF) }
        var end: CredentialEnd { bits >> 31 == 1 ? .expired : .unauthenticated }
    }

    private var places: ContiguousArray<Place> = []
    private var heap: ContiguousArray<Entry> = []
    /// Nobody is due before this moment; `.max` where nobody will be.
    private(set) var next = UInt64.max

    init() {}

    /// Connections that have a moment.
    var count: Int { heap.count }

    /// Gives a connection its moment, in place of an earlier one. O(log n).
    mutating func set(_ token: Token, _ end: CredentialEnd, due: UInt64) {
        let slot = token.index
        if slot >= places.count {
            places.append(contentsOf: repeatElement(Place(), count: slot + 1 - places.count))
        }
        take(slot)
        places[slot] = Place(due: due, generation: token.generation)
        heap.append(Entry(slot, end))
        rise(heap.count - 1)
        next = firstDue
    }

    /// The connection has gone, or may be served without end. O(log n).
    mutating func remove(_ token: Token) {
        guard entry(of: token) != nil else { return }
        take(token.index)
        if heap.isEmpty {
            heap.removeAll(keepingCapacity: heap.capacity <= 1024)
            places.removeAll(keepingCapacity: places.capacity <= 1024)
        }
        next = firstDue
    }

    /// Whether the connection has still to say who it is.
    func isAwaited(_ token: Token) -> Bool {
        entry(of: token)?.end == .unauthenticated
    }

    /// The connection's moment; nil: it has none.
    func due(of token: Token) -> UInt64? {
        entry(of: token).map { places[$0.slot].due }
    }

    /// Takes the connection out, if its moment has come.
    mutating func takeDue(_ token: Token, at now: UInt64) -> CredentialEnd? {
        guard let entry = entry(of: token), places[token.index].due <= now else { return nil }
        remove(token)
        return entry.end
    }

    /// Takes out one whose moment has come; nil where there is none. O(log n).
    mutating func takeDue(at now: UInt64) -> (token: Token, end: CredentialEnd)? {
        guard let first = heap.first, next <= now else { return nil }
        let token = Token(index: first.slot, generation: places[first.slot].generation)
        remove(token)
        return (token, first.end)
    }

    private func entry(of token: Token) -> Entry? {
        guard token.index < places.count else { return nil }
        let place = places[token.index]
        guard place.generation == token.generation, place.position > 0 else { return nil }
        return heap[Int(place.position) - 1]
    }

    // MARK: The heap

    private var firstDue: UInt64 { heap.first.map { places[$0.slot].due } ?? .max }

    private func due(_ index: Int) -> UInt64 { places[heap[index].slot].due }

    private mutating func put(_ entry: Entry, at index: Int) {
        heap[index] = entry
        places[entry.slot].position = UInt32(truncatingIfNeeded: index + 1)
    }

    /// Takes what a slot has out of the heap.
    private mutating func take(_ slot: Int) {
        guard places[slot].position > 0 else { return }
        let index = Int(places[slot].position) - 1
        places[slot].position = 0
        let last = heap.removeLast()
        if index < heap.count {
            put(last, at: index)
            rise(index)
            sink(Int(places[last.slot].position) - 1)
        }
    }

    private mutating func rise(_ start: Int) {
        let entry = heap[start]
        let moment = places[entry.slot].due
        var index = start
        while index > 0, moment < due((index - 1) / 2) {
            put(heap[(index - 1) / 2], at: index)
            index = (index - 1) / 2
        }
        put(entry, at: index)
    }

    private mutating func sink(_ start: Int) {
        let entry = heap[start]
        let moment = places[entry.slot].due
        var index = start
        while 2 * index + 1 < heap.count {
            var child = 2 * index + 1
            if child + 1 < heap.count, due(child + 1) < due(child) { child += 1 }
            guard due(child) < moment else { break }
            put(heap[child], at: index)
            index = child
        }
        put(entry, at: index)
    }
}
