// How many bytes of one purpose a process holds, so that there can be a limit for all of them
// together. Any thread; the sum may be some operations old.

import Synchronization

/// A count of bytes that are held. Whoever takes memory adds it, whoever gives it back subtracts.
public final class ByteLedger: Sendable {
    private let sum = Atomic<Int>(0)

    public init() {}

    public func add(_ bytes: Int) { sum.add(bytes, ordering: .relaxed) }
    public func subtract(_ bytes: Int) { sum.subtract(bytes, ordering: .relaxed) }

    /// Bytes that are held.
    public var bytes: Int { sum.load(ordering: .relaxed) }
}
