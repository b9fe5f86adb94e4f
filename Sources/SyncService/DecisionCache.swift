// Decisions about permission that are remembered, in a table of a fixed size: no more memory
// however many ask. Each question has four places where it may be; a new one takes the place of one
// that nobody has asked for since it was made, so whoever asks about thousands of scopes displaces
// mostly what they asked themselves. It says what was decided, and not whether that still holds.
// A value behind `AccessControl`'s lock.

import MizuSync

struct DecisionCache {
    /// A question in 128 bits of a hash that is keyed by the process: nobody outside can find two
    /// questions that are the same here.
    struct Key: Hashable, Sendable {
        let high: UInt64
        let low: UInt64

        /// - Parameter action: nil: the question's.
        init(_ question: AccessQuestion, as action: SyncAction? = nil) {
            var hasher = Hasher()
            hasher.combine((action ?? question.action).rawValue)
            if let user = question.user { hasher.combine(user) }
            // No name is empty, so nobody is nobody's name.
            hasher.combine(question.user == nil)
            hasher.combine(question.scope)
            // The names are taken in once. Until it is finalized a hasher is 256 bits of state:
            // two ends of it are two hashes.
            var other = hasher
            other.combine(1 as UInt8)
            high = UInt64(bitPattern: Int64(hasher.finalize()))
            low = UInt64(bitPattern: Int64(other.finalize()))
        }
    }

    struct Decision {
        let level: AccessLevel
        let seen: [AccessPass.Seen]
    }

    private struct Place {
        let key: Key
        let decision: Decision
        /// It was asked for since it was made.
        var isUsed = false
    }

    private static let ways = 4
    private let setCount: Int
    /// Empty until something is to be remembered.
    private var places: ContiguousArray<Place?> = []
    private(set) var count = 0

    init(setCount: Int) { self.setCount = setCount }

    private func set(of key: Key) -> Range<Int> {
        let first = Int(key.low % UInt64(setCount)) * Self.ways
        return first..<first + Self.ways
    }

    /// What was decided; nil if that is not known.
    mutating func find(_ key: Key) -> Decision? {
        guard count > 0 else { return nil }
        for index in set(of: key) {
            guard let place = places[index], place.key == key else { continue }
            if !place.isUsed { places[index]?.isUsed = true }
            return place.decision
        }
        return nil
    }

    /// Remembers a decision in place of an earlier one.
    mutating func keep(_ decision: Decision, as key: Key) {
        if places.isEmpty { places = ContiguousArray(repeating: nil, count: setCount * Self.ways) }
        let set = set(of: key)
        let index =
            set.first { places[$0]?.key == key } ?? set.first { places[$0] == nil }
            ?? set.first { places[$0]?.isUsed == false } ?? renew(set, for: key)
        if places[index] == nil { count += 1 }
        places[index] = Place(key: key, decision: decision)
    }

    /// All of a set were asked for: each has to be asked for again, but for one that gives way.
    private mutating func renew(_ set: Range<Int>, for key: Key) -> Int {
        for index in set { places[index]?.isUsed = false }
        return set.lowerBound + Int(key.high % UInt64(Self.ways))
    }

    /// Forgets a decision that does not hold any more.
    mutating func forget(_ key: Key) {
        guard count > 0 else { return }
        for index in set(of: key) where places[index]?.key == key {
            places[index] = nil
            count -= 1
        }
    }

    mutating func forgetAll() {
        places = []
        count = 0
    }
}
