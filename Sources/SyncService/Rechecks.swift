// Which subscriptions are to be asked for again because something that their permission stood on
// has changed: at once when it was quiet, and then a few times a second at most, however often it
// changes. Says what is due and does nothing. Confined to its worker.
//
//   note(basis) ──► due now, or when the interval is over ──► sweep ──► add ──► next ──► finished

import MizuBytes
import MizuEventLoop
import MizuServer

struct Rechecks {
    /// Between two looks through all subscriptions.
    static let intervalMilliseconds: UInt64 = 250
    /// Subscriptions that are asked for in one tick.
    static let tickMax = 256
    /// Of them those that the store is asked about at a time.
    static let underwayMax = 64

    private var noted: Set<PermissionBases.ID> = []
    private var quietUntil: Instant?
    private var waiting = Fifo<Asker.Seat>()
    private var isWaiting: Set<Key> = []
    private(set) var underwayCount = 0

    private struct Key: Hashable {
        let socket: Token
        let topic: ByteSlice

        init(_ seat: Asker.Seat) {
            socket = seat.socket
            topic = seat.topic
        }
    }

    /// What these stand on has changed.
    mutating func note(_ bases: Set<PermissionBases.ID>) { noted.formUnion(bases) }

    /// When something is to be done.
    var work: ServiceWork {
        if !waiting.isEmpty, underwayCount < Self.underwayMax { return .more }
        guard !noted.isEmpty else { return .done }
        return quietUntil.map { .until($0) } ?? .more
    }

    /// The entries whose subscriptions are to be added now; empty if none are.
    mutating func sweep(now: Instant) -> Set<PermissionBases.ID> {
        if let end = quietUntil, now >= end { quietUntil = nil }
        guard !noted.isEmpty, quietUntil == nil else { return [] }
        defer { noted = [] }
        quietUntil = now.adding(milliseconds: Self.intervalMilliseconds)
        return noted
    }

    /// Puts a subscription in line, if it is not there.
    mutating func add(_ seat: Asker.Seat) {
        guard isWaiting.insert(Key(seat)).inserted else { return }
        waiting.append(seat)
    }

    /// The next one; nil where none may be asked for now.
    mutating func next() -> Asker.Seat? {
        guard underwayCount < Self.underwayMax, let seat = waiting.popFirst() else { return nil }
        isWaiting.remove(Key(seat))
        return seat
    }

    /// The store is asked about one.
    mutating func began() { underwayCount += 1 }

    /// It has answered.
    mutating func finished() { underwayCount -= 1 }
}
