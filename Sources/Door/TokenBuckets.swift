// Token buckets for many keys in memory that never grows: so many a second, and a burst on top.
// A bucket is one number, the time at which it will be full again (the "theoretical arrival time"
// of GCRA, ITU-T I.371 annex A), so a full bucket needs no entry at all: its place is free.
//
// What costs more than a token takes several, or parts of one; what could not be known beforehand
// (bytes that came out of a compressed message) is charged afterwards and may leave a bucket in
// debt, which must be paid back before the next token is given, within a minute at most.
//
// A key hashes to one set of four places. Where all four hold buckets that are not full, the one
// that is nearest to full gives way: whoever brings a crowd of addresses makes the table forget,
// which is a favour to somebody, and never refuses anybody who kept to the rate.
// Sixteen shards with a lock each, held for some twenty nanoseconds; any thread.

import MizuBytes
import MizuEventLoop
import MizuRouting
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
        ASCII.decimal(text).flatMap { (1...max).contains($0) ? $0 : nil }
    }

    public var description: String { "\(perSecond)/s:\(burst)" }

    /// Nanoseconds in which one token comes.
    var interval: UInt64 { 1_000_000_000 / UInt64(perSecond) }
    /// Nanoseconds in which an empty bucket fills.
    var fill: UInt64 { interval * UInt64(burst) }

    /// So many times as much; held to the limits of a rate.
    func multiplied(by factor: Int) -> TokenRate {
        TokenRate(perSecond: perSecond * factor, burst: burst * factor)
    }

    /// Nanoseconds in which `cost` comes.
    func nanoseconds(of cost: RouteCost) -> UInt64 {
        interval * UInt64(cost.parts) / UInt64(RouteCost.partsPerToken)
    }
}

/// What a bucket says.
package enum TokenOutcome: Sendable, Equatable {
    case taken
    /// Empty; a token is there after so many nanoseconds.
    case empty(waitNanoseconds: UInt64)
}

/// Buckets of one rate, by the hash of whatever they belong to.
package final class TokenBuckets: Sendable {
    private let rate: TokenRate
    private let shards: [Shard]

    private static let shardCount = 16
    private static let ways = 4
    /// A debt takes no longer than that to be paid back: who shares an address with somebody who
    /// made one waits no longer.
    static let debtNanosecondsMax: UInt64 = 60_000_000_000

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
    package init(_ rate: TokenRate, placesMax: Int = 8192) {
        self.rate = rate
        var each = Self.ways
        while each * Self.shardCount < placesMax, each < 1 << 20 { each *= 2 }
        shards = (0..<Self.shardCount).map { _ in Shard(count: each) }
    }

    /// Takes `cost` from the bucket of `key`, a hash of 64 well mixed bits, or nothing. What costs
    /// more than a burst takes a full bucket, and makes a debt. O(1).
    package func take(_ key: UInt64, _ cost: RouteCost = .one, now: Instant) -> TokenOutcome {
        let rate = rate
        return withPlace(of: key, now.nanoseconds) { Self.take(&$0, rate, cost, $1) }
    }

    /// Takes `cost` from the bucket of `key`, whatever is in it.
    package func charge(_ key: UInt64, _ cost: RouteCost, now: Instant) {
        let rate = rate
        withPlace(of: key, now.nanoseconds) { Self.charge(&$0, rate, cost, $1) }
    }

    /// What `take` would say now; takes nothing, and no place for a key that has none.
    package func look(_ key: UInt64, _ cost: RouteCost = .one, now: Instant) -> TokenOutcome {
        let (rate, now) = (rate, now.nanoseconds)
        return shard(of: key).places.withLock { places in
            let first = Self.firstPlace(of: key, among: places.count)
            for place in first..<first + Self.ways where places[place].key == key {
                return Self.look(places[place], rate, cost, now)
            }
            return .taken
        }
    }

    private func shard(of key: UInt64) -> Shard { shards[Int(truncatingIfNeeded: key >> 60)] }

    private static func firstPlace(of key: UInt64, among count: Int) -> Int {
        Int(truncatingIfNeeded: (key & 0xFFFF_FFFF) % UInt64(count / ways)) * ways
    }

    private func withPlace<Result>(
        of key: UInt64, _ now: UInt64, _ body: (inout Place, UInt64) -> Result
    ) -> Result {
        shard(of: key).places.withLock { places in
            let first = Self.firstPlace(of: key, among: places.count)
            var found = first
            for place in first..<first + Self.ways {
                if places[place].key == key, places[place].fullAt > now {
                    return body(&places[place], now)
                }
                if places[place].fullAt < places[found].fullAt { found = place }
            }
            // A bucket that has no place is full, or was forgotten.
            places[found] = Place(key: key, fullAt: now)
            return body(&places[found], now)
        }
    }

    // All below is far below 2^63: the clock starts with the machine, a rate has its limits, and so
    // has a cost.

    private static func look(
        _ place: Place, _ rate: TokenRate, _ cost: RouteCost, _ now: UInt64
    ) -> TokenOutcome {
        let needed = min(rate.nanoseconds(of: cost), rate.fill)
        let fullAt = max(place.fullAt, now) + needed
        guard fullAt <= now + rate.fill else {
            return .empty(waitNanoseconds: fullAt - now - rate.fill)
        }
        return .taken
    }

    private static func take(
        _ place: inout Place, _ rate: TokenRate, _ cost: RouteCost, _ now: UInt64
    ) -> TokenOutcome {
        let outcome = look(place, rate, cost, now)
        if outcome == .taken { charge(&place, rate, cost, now) }
        return outcome
    }

    private static func charge(
        _ place: inout Place, _ rate: TokenRate, _ cost: RouteCost, _ now: UInt64
    ) {
        place.fullAt = min(
            max(place.fullAt, now) + rate.nanoseconds(of: cost),
            now + rate.fill + debtNanosecondsMax)
    }
}
