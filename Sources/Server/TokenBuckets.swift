// Token buckets for many keys in memory that never grows: so many a second, and a burst on top.
// A bucket is one number, the time at which it will be full again (the "theoretical arrival time"
// of GCRA, ITU-T I.371 annex A), so a full bucket needs no entry at all: its place is free.
//
// A key hashes to one set of four places. Where all four hold buckets that are not full, the one
// that is nearest to full gives way: whoever brings a crowd of addresses makes the table forget,
// which is a favour to somebody, and never refuses anybody who kept to the rate.
// Sixteen shards with a lock each, held for some twenty nanoseconds; any thread.

import MizuEventLoop
import Synchronization

/// So many a second, and so many at once.
public struct TokenRate: Sendable, Equatable, CustomStringConvertible {
    /// 1 to 1,000,000.
    public let perSecond: Int
    /// What may come at once after a pause; at least 1, at most an hour's worth.
    public let burst: Int

    public init(perSecond: Int, burst: Int) {
        self.perSecond = min(max(1, perSecond), 1_000_000)
        self.burst = min(max(1, burst), self.perSecond * 3600)
    }

    /// Parses `N/s` or `N/s:BURST`; without a burst it is ten seconds' worth.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts[0].hasSuffix("/s"),
            let perSecond = TokenRate.number(parts[0].dropLast(2), max: 1_000_000)
        else { return nil }
        var burst = perSecond * 10
        if parts.count == 2 {
            guard let number = TokenRate.number(parts[1], max: perSecond * 3600) else {
                return nil
            }
            burst = number
        }
        self.init(perSecond: perSecond, burst: burst)
    }

    private static func number(_ text: some StringProtocol, max: Int) -> Int? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text),
            (1...max).contains(number)
        else { return nil }
        return number
    }

    public var description: String { "\(perSecond)/s:\(burst)" }

    /// Nanoseconds in which one token comes.
    var interval: UInt64 { 1_000_000_000 / UInt64(perSecond) }
    /// Nanoseconds in which an empty bucket fills.
    var fill: UInt64 { interval * UInt64(burst) }
}

/// What a bucket says.
public enum TokenOutcome: Sendable, Equatable {
    case taken
    /// Empty; a token is there after so many nanoseconds.
    case empty(waitNanoseconds: UInt64)
}

/// Buckets of one rate, by the hash of whatever they belong to.
public final class TokenBuckets: Sendable {
    private let rate: TokenRate
    private let shards: [Shard]

    private static let shardCount = 16
    private static let ways = 4

    /// A lock and the places behind it: (key, full at) side by side.
    private final class Shard: Sendable {
        let places: Mutex<ContiguousArray<Place>>
        init(count: Int) {
            places = Mutex(ContiguousArray(repeating: Place(key: 0, fullAt: 0), count: count))
        }
    }

    private struct Place {
        var key: UInt64
        /// Nanoseconds of the monotonic clock.
        var fullAt: UInt64
    }

    /// - Parameter placesMax: buckets that are kept at a time, 16 bytes each; rounded up to a
    ///   power of two, at least 64.
    public init(_ rate: TokenRate, placesMax: Int = 8192) {
        self.rate = rate
        var each = Self.ways
        while each * Self.shardCount < placesMax, each < 1 << 20 { each *= 2 }
        shards = (0..<Self.shardCount).map { _ in Shard(count: each) }
    }

    /// Takes a token from the bucket of `key`, a hash of 64 well mixed bits. O(1).
    public func take(_ key: UInt64, now: Instant) -> TokenOutcome {
        let shard = shards[Int(truncatingIfNeeded: key >> 60)]
        let (rate, now) = (rate, now.nanoseconds)
        return shard.places.withLock { places in
            let sets = UInt64(places.count / Self.ways)
            let first = Int(truncatingIfNeeded: (key & 0xFFFF_FFFF) % sets) * Self.ways
            var found = first
            for place in first..<first + Self.ways {
                if places[place].key == key, places[place].fullAt > now {
                    return Self.take(&places[place], rate, now)
                }
                if places[place].fullAt < places[found].fullAt { found = place }
            }
            // A bucket that has no place is full, or was forgotten.
            places[found] = Place(key: key, fullAt: now)
            return Self.take(&places[found], rate, now)
        }
    }

    private static func take(_ place: inout Place, _ rate: TokenRate, _ now: UInt64) -> TokenOutcome
    {
        // Both are far below 2^63: the clock starts with the machine, and a rate has its limits.
        let fullAt = max(place.fullAt, now) + rate.interval
        guard fullAt <= now + rate.fill else {
            return .empty(waitNanoseconds: fullAt - now - rate.fill)
        }
        place.fullAt = fullAt
        return .taken
    }
}
