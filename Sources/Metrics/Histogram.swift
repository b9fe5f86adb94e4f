// Observations by size: bounds, and where their counts lie among a thread's words. A histogram with
// n bounds takes n + 2 words: one for each bound, one for what is larger, and the sum. Counts are
// of one bucket each; whoever writes them out adds them up (`MetricsText`).

import Synchronization

/// The layout of a histogram. A value; any thread.
public struct HistogramBounds: Sendable {
    /// Upper bounds, which belong to their buckets, in the unit that is recorded; ascending.
    public let bounds: [UInt64]
    /// What a bound is divided by when it is written, so that nanoseconds become seconds.
    public let divisor: Double

    public init(_ bounds: [UInt64], divisor: Double = 1) {
        self.bounds = bounds
        self.divisor = divisor
    }

    /// Words that it takes.
    public var wordCount: Int { bounds.count + 2 }

    /// From 0.1 ms to 10 s, recorded in nanoseconds, written in seconds.
    public static let seconds = HistogramBounds(
        [
            100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000,
            50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000,
            5_000_000_000, 10_000_000_000,
        ], divisor: 1e9)

    /// From 1 to 100,000 of something.
    public static let counts = HistogramBounds([
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000,
    ])

    /// The place of the bucket that `value` falls into.
    @inlinable
    public func bucket(of value: UInt64) -> Int {
        // Nearly all observations are small: they end with the first looks.
        var place = 0
        while place < bounds.count, bounds[place] < value { place += 1 }
        return place
    }
}

/// Counts by size, as a reader has summed them.
public struct HistogramSample: Sendable, Equatable {
    /// Of each bucket alone; the last is of what is larger than all bounds.
    public private(set) var counts: [UInt64]
    public private(set) var sum: UInt64 = 0

    public init(_ bounds: HistogramBounds) {
        counts = Array(repeating: 0, count: bounds.bounds.count + 1)
    }

    /// Adds what one thread has recorded at word `first` and behind.
    public mutating func add(_ words: CounterWords, at first: Int) {
        for place in counts.indices { counts[place] &+= words[first + place] }
        sum &+= words[first + counts.count]
    }
}

extension CounterWriter {
    /// Records `times` observations of `value` at word `first` and behind.
    @inlinable
    public func record(
        _ value: UInt64, times: Int = 1, in layout: HistogramBounds, at first: Int
    ) {
        add(times, to: first + layout.bucket(of: value))
        let weight = value &* UInt64(truncatingIfNeeded: times)
        add(Int(truncatingIfNeeded: weight), to: first + layout.bounds.count + 1)
    }
}
