// Deadlines: never early, at most a tick late, cheap to move. The clock is passed in.

import MizuEventLoop
import MizuTestSupport
import Testing

@Suite("Timer wheel") struct TimerWheelTests {
    private let start = Instant(nanoseconds: 5_000_000_000)

    private func expired(_ wheel: inout TimerWheel, at milliseconds: UInt64) -> [Int] {
        var slots: [Int] = []
        wheel.advance(to: start.adding(milliseconds: milliseconds), expired: &slots)
        return slots.sorted()
    }

    @Test("a deadline fires once, not before its time and within one tick after it")
    func once() {
        var wheel = TimerWheel(now: start)
        wheel.set(3, deadline: start.adding(milliseconds: 1000))
        #expect(expired(&wheel, at: 999) == [])
        #expect(expired(&wheel, at: 1033) == [3])
        #expect(expired(&wheel, at: 5000) == [])
        #expect(wheel.count == 0)
    }

    @Test("moving a deadline later or earlier counts, whichever was set last")
    func moving() {
        var wheel = TimerWheel(now: start)
        wheel.set(0, deadline: start.adding(milliseconds: 100))
        wheel.set(0, deadline: start.adding(milliseconds: 900))
        #expect(expired(&wheel, at: 500) == [])
        wheel.set(0, deadline: start.adding(milliseconds: 600))
        #expect(expired(&wheel, at: 640) == [0])
    }

    @Test("a cancelled deadline never fires; cancelling twice is harmless")
    func cancelling() {
        var wheel = TimerWheel(now: start)
        wheel.set(1, deadline: start.adding(milliseconds: 50))
        wheel.cancel(1)
        wheel.cancel(1)
        wheel.cancel(99)
        #expect(expired(&wheel, at: 1000) == [])
    }

    @Test("deadlines beyond the wheel's horizon of 65 s fire at their time")
    func beyondHorizon() {
        var wheel = TimerWheel(now: start)
        wheel.set(2, deadline: start.adding(milliseconds: 300_000))
        for second in stride(from: UInt64(1), to: 300, by: 1) {
            #expect(expired(&wheel, at: second * 1000) == [])
        }
        #expect(expired(&wheel, at: 300_033) == [2])
    }

    @Test("after a stall of ten minutes everything that is due fires at once")
    func stall() {
        var wheel = TimerWheel(now: start)
        for slot in 0..<100 {
            wheel.set(slot, deadline: start.adding(milliseconds: UInt64(slot) * 1000 + 1))
        }
        wheel.set(100, deadline: start.adding(milliseconds: 700_000))
        #expect(expired(&wheel, at: 600_000) == Array(0..<100))
        #expect(expired(&wheel, at: 700_033) == [100])
    }

    @Test("the time to wait never skips a deadline and is nil for an empty wheel")
    func waiting() {
        var wheel = TimerWheel(now: start)
        #expect(wheel.next == nil)
        wheel.set(0, deadline: start.adding(milliseconds: 500))
        var now = start
        var rounds = 0
        var slots: [Int] = []
        while slots.isEmpty, let next = wheel.next, rounds < 100 {
            #expect(next > now)
            now = next
            wheel.advance(to: now, expired: &slots)
            rounds += 1
        }
        #expect(slots == [0])
        #expect((500...600).contains(now.milliseconds(since: start)))
    }

    @Test("a seeded run of sets, moves and cancels agrees with a table of deadlines")
    func model() {
        var random = SeededGenerator(seed: 11)
        var wheel = TimerWheel(now: start)
        var model: [Int: UInt64] = [:]
        var time: UInt64 = 0
        for _ in 0..<5_000 {
            let slot = Int.random(in: 0..<200, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                wheel.cancel(slot)
                model[slot] = nil
            case 1...6:
                let due = time + UInt64.random(in: 1...90_000, using: &random)
                wheel.set(slot, deadline: start.adding(milliseconds: due))
                model[slot] = due
            default:
                time += UInt64.random(in: 0...3_000, using: &random)
                for fired in expired(&wheel, at: time) {
                    guard let due = model.removeValue(forKey: fired) else {
                        Issue.record("slot \(fired) fired without a deadline")
                        continue
                    }
                    #expect(due <= time)
                }
                for (_, due) in model { #expect(due + 64 > time) }
            }
        }
    }
}
