// Who gets a delta, a poke or nothing (protocol.md, "Deltas are a favour"): tables, and a slow
// subscriber who must never hold more than one poke nor stay untold.

import MizuTestSupport
import MizuWire
import Testing

@Suite("Deltas are a favour")
struct SubscriptionStateTests {
    private func state(
        _ mode: SubscriptionMode, sent: Int, isPokeWaiting: Bool = false
    ) -> SubscriptionState {
        var state = SubscriptionState(mode: mode, sent: sent)
        state.isPokeWaiting = isPokeWaiting
        return state
    }

    @Test("each case of the rule")
    func table() {
        let small = ChangeSpan(base: 10, cursor: 12, byteCount: 300)
        let large = ChangeSpan(base: 10, cursor: 12, byteCount: (1 << 20) + 1)
        let cases: [(String, SubscriptionState, ChangeSpan, QueueRoom, Announcement)] = [
            ("in step", state(.deltas, sent: 10), small, .free, .delta),
            ("overlapping", state(.deltas, sent: 11), small, .free, .delta),
            ("told already", state(.deltas, sent: 12), small, .free, .nothing),
            ("ahead", state(.deltas, sent: 13), small, .full, .nothing),
            ("a gap", state(.deltas, sent: 9), small, .free, .poke),
            ("queue full", state(.deltas, sent: 10), small, .full, .poke),
            ("too large", state(.deltas, sent: 10), large, .free, .poke),
            (
                "exactly one delta", state(.deltas, sent: 10),
                ChangeSpan(base: 10, cursor: 12, byteCount: 1 << 20), .free, .delta
            ),
            ("poke waits", state(.deltas, sent: 10, isPokeWaiting: true), small, .free, .nothing),
            (
                "poke waits, full", state(.deltas, sent: 9, isPokeWaiting: true), small, .full,
                .nothing
            ),
            ("pokes", state(.pokes, sent: 10), small, .free, .poke),
            ("pokes, full", state(.pokes, sent: 10), small, .full, .poke),
            ("pokes, told", state(.pokes, sent: 12), small, .free, .nothing),
            ("pokes, waits", state(.pokes, sent: 10, isPokeWaiting: true), small, .free, .nothing),
        ]
        for (name, state, span, queue, expected) in cases {
            #expect(state.announcement(of: span, queue: queue) == expected, "\(name)")
        }
    }

    @Test("what was queued is remembered")
    func record() {
        var subscriber = state(.deltas, sent: 10)
        subscriber.record(.nothing, upTo: 20)
        #expect(subscriber == state(.deltas, sent: 10))
        subscriber.record(.delta, upTo: 12)
        #expect(subscriber == state(.deltas, sent: 12))
        subscriber.record(.poke, upTo: 15)
        #expect(subscriber == state(.deltas, sent: 15, isPokeWaiting: true))
        subscriber.record(.delta, upTo: 3)
        #expect(subscriber.sent == 15, "a cursor never goes back")
    }

    @Test("once drained, a topic that moved on behind the waiting poke is told once more")
    func drained() {
        var behind = state(.deltas, sent: 15, isPokeWaiting: true)
        #expect(behind.drained(head: 18) == .poke)
        #expect(!behind.isPokeWaiting)
        var level = state(.pokes, sent: 15, isPokeWaiting: true)
        #expect(level.drained(head: 15) == .nothing)
        #expect(level == state(.pokes, sent: 15))
        var idle = state(.deltas, sent: 15)
        #expect(idle.drained(head: 18) == .nothing, "its delta is still to come")
    }

    @Test("a slow subscriber holds one poke at most, and is told of everything in the end")
    func slowSubscriber() {
        for seed in UInt64(1)...50 {
            var chance = SeededGenerator(seed: seed)
            var subscriber = state(Bool.random(using: &chance) ? .deltas : .pokes, sent: 0)
            var (head, pokes) = (0, 0)
            func queue(_ announcement: Announcement, upTo cursor: Int) {
                if announcement == .poke { pokes += 1 }
                subscriber.record(announcement, upTo: cursor)
                #expect(pokes <= 1)
            }
            func drain() {
                pokes = 0
                queue(subscriber.drained(head: head), upTo: head)
            }
            for _ in 0..<200 {
                if Int.random(in: 0..<3, using: &chance) > 0 {
                    let base = head
                    head += Int.random(in: 1...3, using: &chance)
                    let span = ChangeSpan(base: base, cursor: head, byteCount: 100)
                    let room: QueueRoom = Bool.random(using: &chance) ? .free : .full
                    queue(subscriber.announcement(of: span, queue: room), upTo: head)
                } else {
                    drain()
                }
            }
            drain()
            #expect(subscriber.sent == head, "seed \(seed)")
        }
    }
}
