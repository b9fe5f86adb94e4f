// The pieces of permission as values: the table of decisions, the clock of grants, messages that
// wait, what subscriptions stand on, and when they are asked for again.

import MizuBytes
import MizuEventLoop
import MizuSync
import Testing

@testable import MizuSyncService

@Suite("Pieces of permission")
struct AccessPieceTests {
    private func question(_ user: Int, _ scope: Int) throws -> AccessQuestion {
        let (user, scope): (Name, Name) = (
            try #require(Name("u\(user)")), try #require(Name("s\(scope)"))
        )
        return AccessQuestion(user: user, scope: scope, action: .pull)
    }

    private let yes = DecisionCache.Decision(level: .write, seen: [])

    @Test("the table has a fixed size, and keeps what is asked for while somebody asks for much")
    func decisions() throws {
        var cache = DecisionCache(setCount: 64)
        let mine = DecisionCache.Key(try question(0, 0))
        cache.keep(yes, as: mine)
        for scope in 0..<5_000 {
            let found = cache.find(mine)
            #expect(found != nil, "after \(scope)")
            cache.keep(yes, as: DecisionCache.Key(try question(1, scope)))
        }
        #expect(cache.count <= 256)
        cache.forget(mine)
        let forgotten = cache.find(mine)
        #expect(forgotten == nil)
        cache.forgetAll()
        #expect(cache.count == 0)
        cache.keep(yes, as: mine)
        let again = cache.find(mine)
        #expect(again?.level == .write)
    }

    @Test("questions differ by user, scope and action, and nobody is nobody's name")
    func keys() throws {
        var keys: Set<DecisionCache.Key> = []
        for user in ["a", "ab", nil] as [Name?] {
            for scope in ["b", "c", "bc"] as [Name] {
                for action in SyncAction.allCases {
                    keys.insert(
                        DecisionCache.Key(
                            AccessQuestion(user: user, scope: scope, action: action)))
                }
            }
        }
        #expect(keys.count == 36)
    }

    @Test("a grant that was looked at holds until it is changed")
    func clock() {
        var clock = GrantClock()
        let hand = GrantClock.hand(of: "ann", in: "s")
        clock.move(hand)
        let mark = GrantMark(hand: hand, time: clock.now)
        #expect(clock.holds(mark))
        clock.move(hand &+ 1)
        #expect(clock.holds(mark))
        clock.move(hand)
        #expect(!clock.holds(mark))
    }

    @Test("a socket's messages wait behind each other within their bounds")
    func lines() {
        var lines = HeldLines()
        let (one, two) = (Token(index: 1, generation: 1), Token(index: 2, generation: 1))
        func message(_ socket: Token, bytes: Int = 10) -> HeldMessage {
            HeldMessage(
                request: .ping, byteCount: bytes,
                question: Question(socket: socket, ref: nil, topic: .empty))
        }
        let early = lines.add(message(one))
        #expect(!lines.isHeld(one) && !early)
        lines.hold(one)
        lines.hold(one)
        #expect(lines.isHeld(one) && !lines.isHeld(two))
        var added = 0
        while lines.add(message(one)) { added += 1 }
        #expect(added == HeldLines.messagesMax)
        lines.hold(two)
        let large = lines.add(message(two, bytes: HeldLines.bytesMax + 1))
        #expect(!large)
        lines.release(one)
        let tooSoon = lines.next(one)
        #expect(tooSoon == nil, "one is awaited yet")
        lines.release(one)
        var count = 0
        while lines.next(one) != nil { count += 1 }
        #expect(count == HeldLines.messagesMax && !lines.isHeld(one) && lines.byteCount == 0)
        let small = lines.add(message(two))
        #expect(small)
        lines.remove(two)
        #expect(lines.count == 0 && lines.byteCount == 0)
    }

    @Test("subscriptions that stand on the same share an entry, which goes with the last of them")
    func bases() throws {
        var bases = PermissionBases()
        let at = Position(cursor: 1, epoch: "e")
        let pass = AccessPass(
            question: try question(0, 0), seen: [.records(of: "x", at: at), .unwritten("y")],
            era: 0)
        let other = AccessPass(
            question: try question(0, 0),
            seen: [.grant(in: "x", GrantMark(hand: 0, time: 0))], era: 0)
        let (first, second, third) = (bases.take(pass), bases.take(pass), bases.take(other))
        #expect(first == second && first != third && bases.count == 2)
        #expect(bases.touched(by: .records("x")) == [first])
        #expect(bases.touched(by: .records("y")) == [first])
        #expect(bases.touched(by: .grants("x")) == [third])
        bases.release(first)
        #expect(bases.touched(by: .records("x")) == [first])
        bases.release(second)
        #expect(bases.touched(by: .records("x")).isEmpty)
        bases.release(third)
        #expect(bases.isEmpty)
        bases.release(third)
        bases.release(0)
    }

    @Test("what changes all the time is asked for a few times a second")
    func rechecks() {
        var rechecks = Rechecks()
        let start = Instant(nanoseconds: 1_000_000_000)
        rechecks.note([1])
        let first = rechecks.sweep(now: start)
        #expect(first == [1])
        rechecks.note([1, 2])
        let soon = rechecks.sweep(now: start.adding(milliseconds: 100))
        #expect(soon.isEmpty)
        let later = rechecks.sweep(
            now: start.adding(milliseconds: Rechecks.intervalMilliseconds))
        #expect(later == [1, 2])
        let seat = Asker.Seat(socket: Token(index: 1, generation: 1), topic: "t")
        rechecks.add(seat)
        rechecks.add(seat)
        let (one, two) = (rechecks.next(), rechecks.next())
        #expect(one != nil && two == nil)
    }

    @Test("whose a scope is")
    func owners() {
        func owner(_ scope: Name, _ user: Name?) -> ScopeOwner {
            ScopeOwner(of: scope, askedBy: user)
        }
        #expect(owner("mizu:accounts", "ann") == .framework)
        #expect(owner("mizu:", nil) == .framework)
        #expect(owner("user:ann", "ann") == .user(isAsker: true))
        #expect(owner("user:ann", "an") == .user(isAsker: false))
        #expect(owner("user:ann", nil) == .user(isAsker: false))
        #expect(owner("user:", nil) == .user(isAsker: false))
        #expect(owner("users:ann", "bob") == .app)
        #expect(owner("mizu", nil) == .app)
    }
}
