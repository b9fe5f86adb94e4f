// Who of one worker's connections watches a topic's presence, and how far each has been told. The
// other half of `PresenceTable`: that one is at the topic's owner, a room at each worker that has
// somebody to tell. Confined to its worker; knows no socket.

import MizuBytes

/// One connection that watches.
public struct PresenceSeat: Sendable {
    public let token: UInt64
    /// What the client gave of itself, for the app to judge again when permissions change.
    public var info: JSONValue?
    /// As whom it is shown; nil where it is not.
    public var entry: PresenceEntry?
    public var told: Told

    public enum Told: Equatable, Sendable {
        /// The owner is asked for a list, with this number; what is news meanwhile will be in it.
        case asked(Int)
        /// All messages up to this version.
        case upTo(Int)
        /// Its queue was full; a list is due once that has room.
        case missed
    }

    /// What to do with news for this seat.
    public enum Step: Equatable, Sendable { case send, skip, askForList }

    public init(token: UInt64, info: JSONValue?, told: Told) {
        self.token = token
        self.info = info
        self.told = told
    }

    /// Where news continues what was told it is sent, once; where something lies between, only a
    /// whole list helps.
    public func step(base: Int, version: Int) -> Step {
        switch told {
        case .asked, .missed: .skip
        case .upTo(let sent): sent >= version ? .skip : sent < base ? .askForList : .send
        }
    }
}

/// The seats of one topic. A class, so that a walk can hold it while the table of rooms changes.
public final class PresenceRoom {
    public let topic: ByteSlice
    private var seats: ContiguousArray<PresenceSeat> = []
    private var places: [UInt64: Int] = [:]

    public init(topic: ByteSlice) { self.topic = topic }

    public var count: Int { seats.count }

    /// The seat of a connection; setting nil takes it away, by a swap with the last. O(1).
    public subscript(token: UInt64) -> PresenceSeat? {
        get { places[token].map { seats[$0] } }
        set {
            switch (places[token], newValue) {
            case (let place?, let seat?): seats[place] = seat
            case (nil, let seat?):
                places[token] = seats.count
                seats.append(seat)
            case (let place?, nil):
                places[token] = nil
                let last = seats.removeLast()
                if place < seats.count {
                    seats[place] = last
                    places[last.token] = place
                }
            case (nil, nil): break
            }
        }
    }

    /// The token at a position, for a walk.
    func token(at position: Int) -> UInt64 { seats[position].token }
}

/// A walk over a room's seats that may pause while they change: from the last to the first, so that
/// nobody who stays is missed. Somebody may be met twice, which `PresenceSeat.step` makes harmless.
public struct PresenceWalk {
    public let room: PresenceRoom
    private var remaining: Int

    public init(over room: PresenceRoom) {
        self.room = room
        remaining = room.count
    }

    /// The next connection; nil at the end. O(1).
    public mutating func next() -> UInt64? {
        remaining = min(remaining, room.count)
        guard remaining > 0 else { return nil }
        remaining -= 1
        return room.token(at: remaining)
    }
}
