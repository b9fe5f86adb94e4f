// Rows of one kind by their keys, in the order in which they came: a hash table of places in an
// array. What comes in order is folded in order, and a row is found by one look at eight bytes and
// one at the row. Only the row that came last can go, because only a transaction that is taken back
// lets rows go. A value; knows nothing of what rows mean.

/// A row is a key with a value, or with nil where it is removed from the database.
struct PendingTable<Key: Equatable, Value> {
    struct Row {
        let key: Key
        let hash: Int
        var value: Value?
    }

    private(set) var rows: [Row] = []
    /// For each place: the upper half is a part of the key's hash, the lower half the row's number
    /// from 1; 0 is a free place. As many as a power of two, and at least twice as many as rows.
    private var places: [UInt64] = []

    private static var placesMin: Int { 8 }

    var isEmpty: Bool { rows.isEmpty }

    /// The number of the key's row.
    /// - Parameter hash: of the key, the same in each call; which one is the owner's to say.
    func index(of key: Key, hash: Int) -> Int? {
        guard !places.isEmpty else { return nil }
        var place = hash & (places.count - 1)
        let tag = Self.tag(hash)
        while places[place] != 0 {
            if places[place] & Self.tagMask == tag {
                let index = Self.index(places[place])
                if rows[index].key == key { return index }
            }
            place = (place + 1) & (places.count - 1)
        }
        return nil
    }

    /// Nil for a key without a row, an inner nil for one that is removed.
    func value(of key: Key, hash: Int) -> Value?? {
        index(of: key, hash: hash).map { rows[$0].value }
    }

    /// What `set` has done to which row, as `takeBack` wants it.
    struct Step {
        fileprivate let index: Int
        /// Nil for a row that was not there.
        fileprivate let replaced: Value??

        var isNew: Bool { replaced == nil }
    }

    @discardableResult
    mutating func set(_ value: Value?, for key: Key, hash: Int) -> Step {
        if let index = index(of: key, hash: hash) {
            let replaced = rows[index].value
            rows[index].value = value
            return Step(index: index, replaced: .some(replaced))
        }
        if rows.count * 2 >= places.count { grow() }
        rows.append(Row(key: key, hash: hash, value: value))
        enter(hash, as: rows.count - 1)
        return Step(index: rows.count - 1, replaced: nil)
    }

    /// Undoes the last `set` that is not undone yet.
    mutating func takeBack(_ step: Step) {
        if let replaced = step.replaced {
            rows[step.index].value = replaced
            return
        }
        // It came last, so no other row was put behind its place because that was taken.
        var place = rows.removeLast().hash & (places.count - 1)
        while Self.index(places[place]) != step.index {
            place = (place + 1) & (places.count - 1)
        }
        places[place] = 0
    }

    private mutating func grow() {
        let count = max(Self.placesMin, places.count * 2)
        places = [UInt64](repeating: 0, count: count)
        for index in rows.indices { enter(rows[index].hash, as: index) }
    }

    private mutating func enter(_ hash: Int, as index: Int) {
        var place = hash & (places.count - 1)
        while places[place] != 0 { place = (place + 1) & (places.count - 1) }
        places[place] = Self.tag(hash) | UInt64(truncatingIfNeeded: index + 1)
    }

    private static var tagMask: UInt64 { 0xFFFF_FFFF_0000_0000 }

    private static func tag(_ hash: Int) -> UInt64 {
        UInt64(truncatingIfNeeded: hash) & tagMask
    }

    private static func index(_ place: UInt64) -> Int {
        Int(truncatingIfNeeded: place & 0xFFFF_FFFF) - 1
    }
}
