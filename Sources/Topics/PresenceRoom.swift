// Which of one worker's connections watch a topic's presence, and up to which version each was sent
// it. The other half of `PresenceTable`: the table is at the topic's owner, a room at each worker
// that has a watcher. Confined to its worker; knows no socket.
//
// A seat, by `PresenceSeat.state`:
//
//   asked ──list of the owner──► upTo ──message that continues it──► upTo
//     ▲                           │
//     │                           └──queue full, or a gap──► missed
//     └──────────room in the queue: the owner is asked───────┘
//
//   asked:  a list is on its way; messages until then will be in it, so they are skipped
//   upTo:   the connection was sent everything up to this version
//   missed: the connection was sent less than there is; nothing but a whole list helps

import MizuBytes

/// One connection that watches.
public struct PresenceSeat: Sendable {
    public let token: Token
    /// What the client said of itself, for the app to judge again when permissions change.
    public var info: JSONValue?
    /// The member as which it is shown; nil if it is not shown.
    public var entry: PresenceEntry?
    public var state: State

    public enum State: Equatable, Sendable {
        /// The owner is asked for a list, with this number.
        case asked(Int)
        /// All messages up to this version were sent.
        case upTo(Int)
        /// A message was left out; a list is due once there is room.
        case missed
    }

    /// What to do about a message for this seat.
    public enum Step: Equatable, Sendable { case send, skip, askForList }

    public init(token: Token, info: JSONValue?, state: State) {
        self.token = token
        self.info = info
        self.state = state
    }

    /// A message is sent if it continues the last version that was sent, and once; after a gap the
    /// seat needs the whole list.
    public func step(base: Int, version: Int) -> Step {
        switch state {
        case .asked, .missed: .skip
        case .upTo(let sent): sent >= version ? .skip : sent < base ? .askForList : .send
        }
    }
}

/// The seats of one topic. A class, so that a walk can hold it while the table of rooms changes.
public final class PresenceRoom {
    public let topic: ByteSlice
    private var seats: ContiguousArray<PresenceSeat> = []
    private var places: [Token: Int] = [:]

    public init(topic: ByteSlice) { self.topic = topic }

    public var count: Int { seats.count }

    /// The seat of a connection; setting nil takes it away, by a swap with the last. O(1).
    public subscript(token: Token) -> PresenceSeat? {
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
    func token(at position: Int) -> Token { seats[position].token }
}

/// A walk over a room's seats that may pause while they change. It goes from the last to the first,
/// so that no seat that stays is missed. A seat may be met twice, which `PresenceSeat.step` makes
/// harmless.
public struct PresenceWalk {
    public let room: PresenceRoom
    private var remaining: Int

    public init(over room: PresenceRoom) {
        self.room = room
        remaining = room.count
    }

    /// The next connection; nil at the end. O(1).
    public mutating func next() -> Token? {
        remaining = min(remaining, room.count)
        guard remaining > 0 else { return nil }
        remaining -= 1
        return room.token(at: remaining)
    }
}
