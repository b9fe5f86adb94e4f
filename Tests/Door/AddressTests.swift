// The tables behind the door, with a clock that is passed in: networks, counts for each address,
// token buckets, windows of a transfer.

import MizuEventLoop
import MizuHTTP
import MizuRouting
import Testing

@testable import MizuDoor

private func peer(_ text: String) -> PeerAddress { PeerAddress(address: text) ?? .local }

private func at(_ milliseconds: UInt64) -> Instant {
    Instant(nanoseconds: 1_000_000_000_000).adding(milliseconds: milliseconds)
}

@Suite("Networks of addresses")
struct AddressRangesTests {
    @Test("an address is in a network by its first bits, IPv4 and IPv6 apart")
    func contains() throws {
        let ranges = try #require(AddressRanges("10.0.0.0/8, 192.0.2.7,2001:db8::/33,::1"))
        for inside in ["10.0.0.0", "10.255.255.255", "192.0.2.7", "2001:db8:7fff::1", "::1"] {
            #expect(ranges.contains(peer(inside)), "\(inside)")
        }
        for outside in ["11.0.0.0", "192.0.2.6", "2001:db8:8000::", "::2", "a00::", "0.0.0.1"] {
            #expect(!ranges.contains(peer(outside)), "\(outside)")
        }
        #expect(ranges.contains(peer("::ffff:10.1.2.3")), "an IPv4 peer of a dual-stack socket")
        #expect(!ranges.contains(.local))
        let all = try #require(AddressRanges("0.0.0.0/0,::/0"))
        #expect(all.contains(peer("1.2.3.4")) && all.contains(peer("ffff::")))
        #expect(AddressRanges.loopback.contains(peer("127.9.9.9")))
        #expect(AddressRanges.loopback.contains(peer("::1")))
    }

    @Test(
        "a list with one slip in it is no list",
        arguments: [
            "", ",", "10.0.0.0/8,", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8",
            "10.0.0.1/8", "::1/64", "::/129", "localhost", "10.0.0.0/+8", "10.0.0.0 /8",
        ])
    func slips(text: String) {
        #expect(AddressRanges(text) == nil)
    }
}

@Suite("Connections of an address")
struct AddressTableTests {
    private func limits(_ connectionsMax: Int?) -> AddressLimits {
        var limits = AddressLimits()
        limits.connectionsMax = connectionsMax
        return limits
    }

    @Test("so many and not one more, IPv6 by /64, and none of them is remembered")
    func counts() {
        let table = AddressTable(limits(2))
        for one in ["192.0.2.1", "2001:db8::1"] {
            #expect(table.enter(peer(one)) == .counted)
            #expect(table.enter(peer(one)) == .counted)
            #expect(table.enter(peer(one)) == .refused)
        }
        #expect(table.enter(peer("2001:db8::ffff:1")) == .refused, "the same /64")
        #expect(table.enter(peer("2001:db8:0:1::1")) == .counted)
        #expect(table.addressCount == 4, "and a /48")
        table.leave(peer("192.0.2.1"))
        #expect(table.enter(peer("192.0.2.1")) == .counted)
        for one in ["192.0.2.1", "192.0.2.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::9"] {
            table.leave(peer(one))
        }
        #expect(table.addressCount == 0)
    }

    @Test("a /48 has some times what a /64 has, however many of those there are")
    func networks() {
        let table = AddressTable(limits(2))
        let all = 2 * AddressLimits.networkMultiple
        func one(_ number: Int, _ network: UInt64 = 0x2001_0DB8_0001) -> PeerAddress {
            .v6(high: network << 16 | UInt64(number), low: 1, port: 1)
        }
        for number in 0..<all { #expect(table.enter(one(number)) == .counted) }
        #expect(table.enter(one(all)) == .refused)
        #expect(table.enter(one(0, 0x2001_0DB8_0002)) == .counted, "another /48")
        #expect(table.enter(peer("192.0.2.1")) == .counted)
        table.leave(one(3))
        #expect(table.enter(one(all)) == .counted)
        #expect(table.enter(one(3)) == .refused, "the refused one was not counted")
        for number in 0...all where number != 3 { table.leave(one(number)) }
        table.leave(one(0, 0x2001_0DB8_0002))
        table.leave(peer("192.0.2.1"))
        #expect(table.addressCount == 0)
    }

    @Test("handshakes of a /48 have a multiple of the rate of a /64")
    func networkHandshakes() {
        var limits = AddressLimits()
        limits.handshakes = TokenRate(perSecond: 1, burst: 2)
        let table = AddressTable(limits)
        let admitted = (0..<1000 as Range<UInt64>).count { number in
            table.admitHandshake(
                .v6(high: 0x2001_0DB8_0001_0000 | number, low: 1, port: 1), now: at(0))
        }
        #expect(admitted == 2 * AddressLimits.networkMultiple)
        #expect(table.admitHandshake(peer("2001:db8:2::1"), now: at(0)))
    }

    @Test("exempt addresses are not counted, and neither is anybody without a limit")
    func exempt() {
        let table = AddressTable(limits(1))
        for _ in 0..<5 { #expect(table.enter(peer("127.0.0.1")) == .free) }
        for _ in 0..<5 { #expect(table.enter(.local) == .free) }
        let free = AddressTable(limits(nil))
        for _ in 0..<5 { #expect(free.enter(peer("192.0.2.1")) == .free) }
        #expect(table.addressCount == 0 && free.addressCount == 0)
    }

    @Test("a million addresses that come and go leave nothing")
    func crowd() {
        let table = AddressTable(limits(1))
        for number in 0..<1_000_000 as Range<UInt64> {
            let one = PeerAddress.v6(high: 0x2001_0DB8 << 32 | number, low: 1, port: 1)
            guard table.enter(one) == .counted else {
                Issue.record("refused")
                return
            }
            table.leave(one)
        }
        #expect(table.addressCount == 0)
    }

    @Test("handshakes have a burst and a rate")
    func handshakes() {
        var limits = AddressLimits()
        limits.handshakes = TokenRate(perSecond: 10, burst: 3)
        let table = AddressTable(limits)
        let one = peer("192.0.2.1")
        #expect((0..<5).map { _ in table.admitHandshake(one, now: at(0)) }.filter { $0 }.count == 3)
        #expect(table.admitHandshake(peer("192.0.2.2"), now: at(0)))
        #expect(!table.admitHandshake(one, now: at(99)))
        #expect(table.admitHandshake(one, now: at(100)))
        #expect(!table.admitHandshake(one, now: at(100)))
        for _ in 0..<9 { #expect(table.admitHandshake(peer("127.0.0.1"), now: at(0))) }
    }
}

@Suite("Token buckets")
struct TokenBucketsTests {
    @Test("a bucket gives its burst, then its rate, and is full again after a pause")
    func rate() {
        let buckets = TokenBuckets(TokenRate(perSecond: 4, burst: 8))
        for _ in 0..<8 { #expect(buckets.take(1, now: at(0)) == .taken) }
        #expect(buckets.take(1, now: at(0)) == .empty(waitNanoseconds: 250_000_000))
        #expect(buckets.take(1, now: at(100)) == .empty(waitNanoseconds: 150_000_000))
        #expect(buckets.take(1, now: at(250)) == .taken)
        #expect(buckets.take(1, now: at(250)) != .taken)
        for _ in 0..<8 { #expect(buckets.take(1, now: at(10_000)) == .taken) }
        #expect(buckets.take(1, now: at(10_000)) != .taken)
        #expect(buckets.take(2, now: at(10_000)) == .taken, "another key")
    }

    @Test("what costs more takes more, parts of a token too, and a cost above the burst all of it")
    func costs() {
        let buckets = TokenBuckets(TokenRate(perSecond: 1, burst: 8))
        #expect(buckets.take(1, 5, now: at(0)) == .taken)
        #expect(buckets.take(1, 5, now: at(0)) == .empty(waitNanoseconds: 2_000_000_000))
        for _ in 0..<24 { #expect(buckets.take(1, .file, now: at(0)) == .taken) }
        #expect(buckets.take(1, .file, now: at(0)) == .empty(waitNanoseconds: 125_000_000))
        #expect(buckets.take(2, 20, now: at(0)) == .taken)
        #expect(
            buckets.take(2, now: at(0)) == .empty(waitNanoseconds: 13_000_000_000),
            "it made a debt of 12")
        #expect(buckets.take(3, now: at(0)) == .taken)
        #expect(buckets.take(3, 20, now: at(0)) != .taken, "the bucket is not full")
    }

    @Test("a charge is never refused, and its debt is paid back within a minute")
    func debt() {
        let buckets = TokenBuckets(TokenRate(perSecond: 10, burst: 20))
        buckets.charge(1, 30, now: at(0))
        #expect(buckets.look(1, now: at(0)) == .empty(waitNanoseconds: 1_100_000_000))
        #expect(buckets.look(1, now: at(1100)) == .taken)
        buckets.charge(1, RouteCost(integerLiteral: .max), now: at(1100))
        #expect(buckets.take(1, now: at(1100)) != .taken)
        #expect(buckets.take(1, now: at(1100 + 60_000)) != .taken)
        #expect(buckets.take(1, now: at(1100 + 60_100)) == .taken)
    }

    @Test("a look takes nothing")
    func look() {
        let buckets = TokenBuckets(TokenRate(perSecond: 1, burst: 1), placesMax: 64)
        for _ in 0..<9 { #expect(buckets.look(1, now: at(0)) == .taken) }
        #expect(buckets.take(1, now: at(0)) == .taken)
        #expect(buckets.look(1, now: at(0)) == .empty(waitNanoseconds: 1_000_000_000))
    }

    @Test("a crowd of keys never makes a full bucket say no")
    func crowd() {
        let buckets = TokenBuckets(TokenRate(perSecond: 1, burst: 1), placesMax: 64)
        for key in 1...10_000 as ClosedRange<UInt64> {
            let mixed = key &* 0x9E37_79B9_7F4A_7C15
            #expect(buckets.take(mixed, now: at(0)) == .taken)
        }
    }

    @Test("a bucket that is not full keeps its place while others are full")
    func place() {
        let buckets = TokenBuckets(TokenRate(perSecond: 1, burst: 1), placesMax: 64)
        #expect(buckets.take(8, now: at(0)) == .taken)
        // Same set; each of them is full again before the next one comes.
        for step in 1...20 as ClosedRange<UInt64> {
            #expect(buckets.take(8 + 64 * step, now: at(step * 10)) == .taken)
            if step < 3 { #expect(buckets.take(8, now: at(step * 10)) != .taken) }
        }
    }

    @Test("rates as people write them")
    func text() {
        #expect(TokenRate("5/s") == TokenRate(perSecond: 5, burst: 50))
        #expect(TokenRate("5/s:7") == TokenRate(perSecond: 5, burst: 7))
        for bad in [
            "", "5", "/s", "0/s", "5/s:", "5/s:0", "-5/s", "5/s:1:2", "5/m", "1e3/s", "x/s",
        ] {
            #expect(TokenRate(bad) == nil, "\(bad)")
        }
        #expect(TokenRate("1000001/s") == nil && TokenRate("1/s:3601") == nil)
    }

    @Test("an asker is limited by address and by user, and exempt ones by neither")
    func limiter() {
        let limiter = RateLimiter(TokenRate(perSecond: 1, burst: 2))
        let (one, two) = (limiter.asker(peer("192.0.2.1")), limiter.asker(peer("192.0.2.2")))
        #expect(limiter.wait(one, user: "ann", now: at(0)) == nil)
        #expect(limiter.wait(two, user: "ann", now: at(0)) == nil)
        #expect(limiter.wait(two, user: "ann", now: at(0)) == 1, "the user's bucket is empty")
        #expect(limiter.wait(one, user: "ben", now: at(0)) == nil)
        #expect(limiter.wait(one, user: "cat", now: at(0)) == 1, "the address's is empty")
        #expect(limiter.asker(peer("127.0.0.1")) == nil && limiter.asker(.local) == nil)
        for _ in 0..<9 { #expect(limiter.wait(nil, user: "ann", now: at(0)) == nil) }
    }

    @Test("a /48 has a multiple of a /64, and one that has nothing left forgets nobody else")
    func networks() {
        let limiter = RateLimiter(TokenRate(perSecond: 1, burst: 2))
        let debtor = limiter.asker(peer("192.0.2.1"))
        limiter.charge(debtor, user: nil, 4, now: at(0))
        var passed = 0
        for number in 0..<65_536 as Range<UInt64> {
            let one = PeerAddress.v6(high: 0x2001_0DB8_0001_0000 | number, low: 1, port: 1)
            if limiter.wait(limiter.asker(one), user: nil, now: at(0)) == nil { passed += 1 }
        }
        #expect(passed == 2 * AddressLimits.networkMultiple)
        #expect(limiter.wait(debtor, user: nil, now: at(0)) == 3, "its debt is remembered")
        #expect(limiter.wait(limiter.asker(peer("2001:db8:2::1")), user: nil, now: at(0)) == nil)
    }

    @Test("a push costs by its mutations beyond the first, and whatever comes in by its bytes")
    func prices() {
        #expect(RouteCost.mutations(0) == .free && RouteCost.mutations(1) == .free)
        #expect(RouteCost.mutations(5) == 1)
        #expect(RouteCost.mutations(101) == 25)
        #expect(RouteCost.bytes(0) == .free && RouteCost.bytes(16 * 1024) == 1)
        #expect(RouteCost.bytes(1 << 20) == 64)
        #expect(RouteCost.bytes(-1) == .free && RouteCost.mutations(.max).parts > 0)
        #expect(RouteCost(integerLiteral: -1) == .free && RouteCost(parts: -1) == .free)
    }
}

@Suite("The pace of a transfer")
struct TransferRateTests {
    private let pace = TransferPace()

    /// Seconds after which a sender of `bytes(second)` in all is too slow; nil within an hour.
    private func end(_ bytes: (Int) -> Int) -> Int? {
        var rate = TransferRate(0, pace, now: at(0))
        for second in 1...3600 {
            let now = at(UInt64(second) * 1000)
            guard now >= rate.end else { continue }
            if rate.windowEnded(bytes(second), pace, now: now) == .tooSlow { return second }
        }
        return nil
    }

    @Test("who keeps the pace goes on, and every slow one is gone within 30 s")
    func slow() {
        #expect(end { 500 * $0 } == nil)
        #expect(end { $0 > 4 ? 600 * ($0 - 4) : 0 } == nil, "four seconds of grace")
        #expect(end { _ in 0 } == 15)
        for bytesPerSecond in [1, 10, 100, 300, 400, 499] {
            let end = end { bytesPerSecond * $0 } ?? .max
            #expect(end <= 25, "\(bytesPerSecond)")
        }
        // Much at first buys no time.
        #expect((end { _ in 10_000_000 } ?? .max) == 25)
        for stop in 1...100 {
            let end = end { 100_000 * min($0, stop) } ?? .max
            #expect(end > stop && end <= stop + 25, "stopped after \(stop) s")
        }
    }

    @Test("who has taken all that there was is not slow, however little it was")
    func owed() {
        var rate = TransferRate(0, pace, now: at(0))
        #expect(rate.windowEnded(300, of: 300, pace, now: at(15_000)) == .goOn)
        #expect(rate.windowEnded(310, of: 10, pace, now: at(25_000)) == .goOn)
        #expect(rate.windowEnded(5310, of: 1_000_000, pace, now: at(35_000)) == .goOn)
        #expect(rate.windowEnded(5319, of: 10, pace, now: at(45_000)) == .tooSlow)
    }

    @Test("a count that jumps or runs over is no trap")
    func extremes() {
        var rate = TransferRate(.min, pace, now: at(0))
        #expect(rate.windowEnded(.max, pace, now: at(1)) == .goOn)
        #expect(rate.windowEnded(.min, pace, now: at(2)) == .goOn)
        var backwards = TransferRate(5, pace, now: at(0))
        #expect(backwards.windowEnded(4, pace, now: at(1)) == .tooSlow)
        let large = TransferPace(windowMilliseconds: .max, bytesPerSecondMin: .max)
        #expect(large.windowBytesMin == .max)
    }
}
