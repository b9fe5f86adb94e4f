// Roles that a batch has left behind, each with the position of its scope: if the scope stands
// there still, nothing was written in between, so no grant was either, and the next batch asks the
// store for nothing. A position names one state of a scope for ever: if an older state was put
// back, the epoch is another one. What a batch has read is kept only once it is durable. A value of
// fixed size; one entry gives way to the next that falls into its place. The committer's.

struct RecentRoles {
    private struct Entry {
        let scope: Name
        let user: Name
        let position: Position
        let role: KnownRoles.Role
    }

    /// Empty before the first; then of this many places.
    private var places: ContiguousArray<Entry?> = []
    private static let placesBits: UInt64 = 10

    /// What `user` is in `scope` where that stands at `position`; nil where it is not known.
    func role(of user: Name, in scope: Name, at position: Position) -> KnownRoles.Role? {
        guard !places.isEmpty, let entry = places[Self.place(of: user, in: scope)],
            entry.position.cursor == position.cursor, entry.user == user, entry.scope == scope,
            entry.position.epoch == position.epoch
        else { return nil }
        return entry.role
    }

    /// Keeps what was known of whoever wrote first in each scope of a batch that is durable.
    mutating func keep(_ turns: [ScopeTurn]) {
        for turn in turns {
            guard let (user, role) = turn.knownRoles.first else { continue }
            if places.isEmpty {
                places = ContiguousArray(repeating: nil, count: 1 << Int(Self.placesBits))
            }
            places[Self.place(of: user, in: turn.scope)] = Entry(
                scope: turn.scope, user: user, position: turn.state.head, role: role)
        }
    }

    /// The last bytes of a name are those that differ most. Names that are chosen so that they fall
    /// into one place cost each other a read.
    private static func place(of user: Name, in scope: Name) -> Int {
        let mixed = (bits(of: scope) &* 0x9E37_79B9_7F4A_7C15) ^ bits(of: user)
        return Int(truncatingIfNeeded: (mixed &* 0x9E37_79B9_7F4A_7C15) >> (64 - placesBits))
    }

    private static func bits(of name: Name) -> UInt64 {
        name.withUnsafeBytes { bytes in
            bytes.suffix(8).reduce(UInt64(bytes.count)) { $0 &* 257 &+ UInt64($1) }
        }
    }
}
