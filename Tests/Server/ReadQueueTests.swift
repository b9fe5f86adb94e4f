// The order of reads, without a thread: turns of sources and scopes, bounds, who has left, who has
// waited too long. The queue is a value, so each test is a list of steps.

import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuServer
import MizuSync
import Testing

@testable import MizuSyncService

@Suite("The order of reads") struct ReadQueueTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    private func limits(_ change: (inout ReadLimits) -> Void = { _ in }) -> ReadLimits {
        var limits = ReadLimits()
        limits.exempt = AddressRanges()
        limits.sourceMax = 4
        change(&limits)
        return limits
    }

    private func asker(
        _ number: UInt32, _ watch: ExchangeWatch? = nil, _ kind: ReadAsker.Kind = .request,
        exempt: AddressRanges = AddressRanges()
    ) -> ReadAsker {
        ReadAsker(
            source: ReadSource(.v4(address: number, port: 1), exempt: exempt), kind: kind,
            watch: watch)
    }

    /// Runs all that waits, one at a time; `-` before what was dropped.
    private func all(_ queue: inout ReadQueue<String>, at now: Instant) -> [String] {
        var order: [String] = []
        while let turn = queue.next(now: now) {
            switch turn {
            case .run(let read):
                order.append(read.work)
                queue.finished(read)
            case .drop(let read, _): order.append("-" + read.work)
            }
        }
        return order
    }

    @Test("sources take turns, and the scopes of a source do, each first come first served")
    func turns() {
        var queue = ReadQueue<String>(limits { $0.sourceMax = 100 })
        for number in 1...3 { _ = queue.add("a\(number)", for: asker(1), of: "x", now: start) }
        _ = queue.add("a4", for: asker(1), of: "y", now: start)
        _ = queue.add("b1", for: asker(2), of: "x", now: start)
        _ = queue.add("c1", for: asker(3), of: "x", now: start)
        #expect(all(&queue, at: start) == ["a1", "b1", "c1", "a4", "a2", "a3"])
        #expect(queue.waiting == 0 && queue.sourceCount == 0)
    }

    @Test("whoever asks once waits behind one read of a source that asked for a hundred")
    func fair() {
        var queue = ReadQueue<String>(limits { $0.sourceMax = 100 })
        for number in 0..<100 { _ = queue.add("a\(number)", for: asker(1), of: "x", now: start) }
        _ = queue.add("b", for: asker(2), of: "x", now: start)
        #expect(all(&queue, at: start).firstIndex(of: "b") == 1)
    }

    @Test("a source has so many reads waiting and under way; others are not touched by that")
    func bound() {
        var queue = ReadQueue<String>(limits())
        for number in 1...4 {
            #expect(queue.add("\(number)", for: asker(1), of: "x", now: start).acceptance == .taken)
        }
        #expect(queue.add("5", for: asker(1), of: "y", now: start).acceptance == .sourceFull)
        #expect(queue.add("6", for: asker(2), of: "x", now: start).acceptance == .taken)
        // One that runs still counts.
        guard case .run(let first) = queue.next(now: start) else {
            Issue.record("the first did not run")
            return
        }
        #expect(queue.add("7", for: asker(1), of: "x", now: start).acceptance == .sourceFull)
        queue.finished(first)
        #expect(queue.add("8", for: asker(1), of: "x", now: start).acceptance == .taken)
        // Sockets of the same source have ten times as many.
        #expect(
            queue.add("9", for: asker(1, nil, .socket), of: "x", now: start).acceptance == .taken)
    }

    @Test("an exempt source is not bounded and may have all threads")
    func exempt() {
        var queue = ReadQueue<String>(limits { $0.sourceMax = 1 })
        let ranges = AddressRanges("0.0.0.0/0") ?? AddressRanges()
        for number in 0..<50 {
            let entry = queue.add(
                "\(number)", for: asker(1, exempt: ranges), of: "x", now: start
            ).acceptance
            #expect(entry == .taken)
        }
        for _ in 0..<2 {
            guard case .run = queue.next(now: start) else {
                Issue.record("a thread idles")
                return
            }
        }
    }

    @Test("one source never has all threads, so that who comes next need not wait for it")
    func oneThreadStays() {
        var queue = ReadQueue<String>(limits())
        _ = queue.add("a1", for: asker(1), of: "x", now: start)
        _ = queue.add("a2", for: asker(1), of: "y", now: start)
        guard case .run(let first) = queue.next(now: start) else {
            Issue.record("the first did not run")
            return
        }
        #expect(queue.next(now: start) == nil)
        _ = queue.add("b1", for: asker(2), of: "x", now: start)
        guard case .run(let other) = queue.next(now: start) else {
            Issue.record("the other source did not run")
            return
        }
        #expect(other.work == "b1")
        queue.finished(first)
        guard case .run(let second) = queue.next(now: start) else {
            Issue.record("the second did not run")
            return
        }
        #expect(second.work == "a2")
    }

    @Test("a read whose client has left is dropped in its turn, without a thread's time")
    func left() {
        var queue = ReadQueue<String>(limits())
        let watches = (0..<3).map { _ in ExchangeWatch() }
        for (number, watch) in watches.enumerated() {
            _ = queue.add("\(number)", for: asker(1, watch), of: "x", now: start)
        }
        watches[0].end()
        watches[2].end()
        #expect(all(&queue, at: start) == ["-0", "1", "-2"])
    }

    @Test("those who have left make room in a source that is full, and are given back")
    func roomOfTheGone() {
        var queue = ReadQueue<String>(limits())
        let watch = ExchangeWatch()
        for number in 1...3 {
            _ = queue.add("\(number)", for: asker(1, watch), of: "x", now: start)
        }
        _ = queue.add("4", for: asker(1), of: "y", now: start)
        watch.end()
        let (entry, left) = queue.add("5", for: asker(1), of: "z", now: start)
        #expect(entry == .taken)
        #expect(left.map(\.work) == ["1", "2", "3"])
        #expect(queue.waiting == 2)
        #expect(all(&queue, at: start) == ["4", "5"])
    }

    @Test("after a sweep a source still has one place in the order")
    func onePlace() {
        var queue = ReadQueue<String>(limits { $0.sourceMax = 2 })
        let watch = ExchangeWatch()
        for number in 1...2 {
            _ = queue.add("\(number)", for: asker(1, watch), of: "x", now: start)
        }
        watch.end()
        for number in 3...4 { _ = queue.add("\(number)", for: asker(1), of: "x", now: start) }
        for number in 1...2 { _ = queue.add("b\(number)", for: asker(2), of: "x", now: start) }
        #expect(all(&queue, at: start) == ["3", "b1", "4", "b2"])
    }

    @Test("a read that has waited longer than its time is dropped, not begun")
    func late() {
        var queue = ReadQueue<String>(limits { $0.waitMilliseconds = 10_000 })
        _ = queue.add("old", for: asker(1), of: "x", now: start)
        let later = start.adding(milliseconds: 9_000)
        _ = queue.add("new", for: asker(1), of: "x", now: later)
        #expect(all(&queue, at: start.adding(milliseconds: 10_000)) == ["-old", "new"])
    }

    @Test("beyond the total nobody may wait")
    func total() {
        var queue = ReadQueue<String>(limits { $0.waitingMax = 3 })
        for number in 1...3 {
            _ = queue.add("\(number)", for: asker(UInt32(number)), of: "x", now: start)
        }
        #expect(queue.add("4", for: asker(4), of: "x", now: start).acceptance == .full)
    }

    @Test("an IPv6 site is one source, whatever addresses it has; IPv4 addresses are one each")
    func sources() {
        let none = AddressRanges()
        let site: UInt64 = 0x2001_0DB8_0001_0000
        let first = ReadSource(.v6(high: site | 1, low: 5, port: 1), exempt: none)
        #expect(first == ReadSource(.v6(high: site | 0xFFFF, low: 9, port: 2), exempt: none))
        #expect(first != ReadSource(.v6(high: site + 0x1_0000, low: 5, port: 1), exempt: none))
        #expect(
            ReadSource(.v4(address: 1, port: 1), exempt: none)
                != ReadSource(.v4(address: 2, port: 1), exempt: none))
    }

    @Test("whatever comes in whatever order, each read is run or dropped once, and nothing is kept")
    func conservation() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var queue = ReadQueue<String>(limits())
            var (owed, running, now) = (Set<String>(), [ReadQueue<String>.Read](), start)
            var watches: [ExchangeWatch] = []
            for step in 0..<100 {
                now = now.adding(milliseconds: UInt64.random(in: 0...500, using: &random))
                switch Int.random(in: 0..<5, using: &random) {
                case 0, 1:
                    let watch = ExchangeWatch()
                    watches.append(watch)
                    let source = UInt32.random(in: 1...3, using: &random)
                    let scope: Name = Bool.random(using: &random) ? "x" : "y"
                    let result = queue.add(
                        "\(step)", for: asker(source, watch), of: scope, now: now)
                    if result.acceptance == .taken { owed.insert("\(step)") }
                    for read in result.left { #expect(owed.remove(read.work) != nil) }
                case 2:
                    switch queue.next(now: now) {
                    case .run(let read):
                        #expect(owed.remove(read.work) != nil)
                        running.append(read)
                    case .drop(let read, _): #expect(owed.remove(read.work) != nil)
                    case nil: break
                    }
                case 3: if let read = running.popLast() { queue.finished(read) }
                default: watches.randomElement(using: &random)?.end()
                }
            }
            for read in running { queue.finished(read) }
            for name in all(&queue, at: now) {
                #expect(owed.remove(name.hasPrefix("-") ? String(name.dropFirst()) : name) != nil)
            }
            #expect(owed.isEmpty && queue.waiting == 0 && queue.sourceCount == 0)
        }
    }
}
