// Latencies in memory of a fixed size: 128 steps for each power of two, so that a value is known to
// within 0.8 % from one nanosecond to centuries. Recording is an addition; nothing is ever sorted.

/// Counts of values in log-linear buckets.
public struct Histogram: Sendable {
    private static let stepBits = 7
    private static let steps = 1 << stepBits

    private var buckets = [UInt64](repeating: 0, count: (64 - stepBits + 1) * steps)
    public private(set) var count: UInt64 = 0
    public private(set) var max: UInt64 = 0
    private var sum = 0.0

    public init() {}

    /// Values below 128 have a bucket each; above, an octave is cut into 128 equal steps.
    @inline(__always)
    static func bucket(of value: UInt64) -> Int {
        guard value >= UInt64(steps) else { return Int(truncatingIfNeeded: value) }
        let shift = 63 - value.leadingZeroBitCount - stepBits
        return (shift + 1) * steps + Int(truncatingIfNeeded: value >> UInt64(shift)) & (steps - 1)
    }

    /// The middle of a bucket.
    static func value(ofBucket index: Int) -> UInt64 {
        guard index >= steps else { return UInt64(index) }
        let shift = UInt64(index / steps - 1)
        let low = UInt64(steps + index % steps) << shift
        return low + (UInt64(1) << shift) / 2
    }

    @inline(__always)
    public mutating func record(_ value: UInt64) {
        buckets[Self.bucket(of: value)] &+= 1
        count &+= 1
        sum += Double(value)
        if value > max { max = value }
    }

    public mutating func merge(_ other: Histogram) {
        for index in buckets.indices { buckets[index] &+= other.buckets[index] }
        count &+= other.count
        sum += other.sum
        max = Swift.max(max, other.max)
    }

    public var mean: Double { count > 0 ? sum / Double(count) : 0 }

    /// The smallest value that at least the part `part` (0 to 1) of all values does not pass;
    /// within 0.8 %. 0 if nothing was recorded.
    public func quantile(_ part: Double) -> UInt64 {
        let wanted = UInt64((part * Double(count)).rounded(.up))
        guard count > 0, wanted < count else { return max }
        var seen: UInt64 = 0
        for (index, bucket) in buckets.enumerated() {
            seen += bucket
            if seen >= Swift.max(wanted, 1) { return min(Self.value(ofBucket: index), max) }
        }
        return max
    }
}
