// Counters of one thread: a block of words that one thread writes and any thread reads.
//
// Why no lock and no atomic read-modify-write is needed: each word has one writer, so nobody can
// come between its load and its store, and no count is lost. Both are relaxed atomic operations on
// an aligned word: a reader never sees half of one, and for the compiler and the memory model there
// is no data race. On x86-64 and arm64 such a load and such a store are a plain `mov`, `ldr`, `str`
// (no `lock` prefix, no fence). A reader may see one word a moment older than another; a counter
// that it sees only grows all the same, because the word does (coherence of one location).

import Synchronization

/// Memory of words that begin at 0. One thread writes; any thread reads.
///
/// Unchecked: the pointer is never changed, what it points to are atomics, and the memory lives as
/// long as this object, which every writer and reader holds.
public final class CounterWords: @unchecked Sendable {
    public let count: Int
    private let words: UnsafeMutablePointer<Atomic<UInt64>>

    public init(count: Int) {
        self.count = max(1, count)
        words = .allocate(capacity: self.count)
        for index in 0..<self.count { (words + index).initialize(to: Atomic(0)) }
    }

    deinit {
        words.deinitialize(count: count)
        words.deallocate()
    }

    /// For the one thread that writes; whoever keeps it keeps this object, too.
    public var writer: CounterWriter { CounterWriter(words: words) }

    /// The word's value now; 0 for one that is not there. Any thread.
    public subscript(_ index: Int) -> UInt64 {
        guard index >= 0, index < count else { return 0 }
        return words[index].load(ordering: .relaxed)
    }
}

/// The writer's view of `CounterWords`. One thread's. Indices are the caller's promise.
public struct CounterWriter {
    @usableFromInline let words: UnsafeMutablePointer<Atomic<UInt64>>

    @usableFromInline
    init(words: UnsafeMutablePointer<Atomic<UInt64>>) { self.words = words }

    /// The same for the words from `index` on, which are counted from 0.
    public func from(_ index: Int) -> CounterWriter { CounterWriter(words: words + index) }

    /// Adds to a word; a number below 0 takes away.
    @inlinable @inline(__always)
    public func add(_ count: Int, to index: Int) {
        let sum = words[index].load(ordering: .relaxed) &+ UInt64(truncatingIfNeeded: count)
        words[index].store(sum, ordering: .relaxed)
    }

    @inlinable @inline(__always)
    public func set(_ value: Int, at index: Int) {
        words[index].store(UInt64(truncatingIfNeeded: value), ordering: .relaxed)
    }
}
