// The tail of the log: what it answers by itself, what it leaves to the store, what it forgets.

import MizuBytes
import MizuSync
import Testing

@Suite("The tail of the log")
struct LogTailTests {
    /// Changes of one mutation each, as long as asked.
    func changes(
        _ scope: Name, after base: Int, count: Int = 1, epoch: Name = "e",
        of epochBefore: Name = "e",
        bytesEach: Int = 40
    ) -> CommittedChanges {
        let texts = (1...count).map { index in
            let text = "{\"cursor\":\(base + index),\"pad\":\""
            return text + String(repeating: "x", count: max(0, bytesEach - text.utf8.count - 2))
                + "\"}"
        }
        let ends = texts.reduce(into: [Int]()) {
            $0.append(($0.last.map { $0 + 1 } ?? 0) + $1.utf8.count)
        }
        return CommittedChanges(
            scope: scope, base: Position(cursor: base, epoch: epochBefore),
            head: Position(cursor: base + count, epoch: epoch),
            bytes: ByteSlice(texts.joined(separator: ",")), ends: ends,
            borders: Array(base + 1...base + count))
    }

    func pull(_ tail: LogTail, _ cursor: Int, _ epoch: Name? = "e", limit: Int = 1000)
        throws -> JSONValue?
    {
        let request = PullRequest(scope: "s", cursor: cursor, epoch: epoch, limit: limit)
        guard case .page(let page) = tail.pull(request) else { return nil }
        return try JSON.parse(ByteSlice(page.text))
    }

    @Test("what it does not know it leaves to the store, a cursor ahead of the log too")
    func unknown() throws {
        let tail = LogTail(limits: SyncLimits())
        #expect(try pull(tail, 0) == nil)
        #expect(tail.head("s") == nil)
        tail.append(changes("s", after: 5, count: 3))
        #expect(try pull(tail, 4) == nil)
        #expect(try pull(tail, 9) == nil)
        #expect(try pull(tail, 5)?.cursors == [6, 7, 8])
        #expect(tail.head("s")?.position == Position(cursor: 8, epoch: "e"))
        if case .askStore = tail.delta("s", after: Position(cursor: 9, epoch: "e")) {
        } else {
            Issue.record("it said that a cursor is ahead of the log")
        }
    }

    @Test("a position of another epoch is refused, within and at both ends of what it knows")
    func otherEpoch() {
        let tail = LogTail(limits: SyncLimits())
        tail.append(changes("s", after: 5, count: 3, epoch: "e2", of: "e1"))
        for (cursor, epoch) in [(5, "e1"), (6, "e2"), (8, "e2")] as [(Int, Name)] {
            for asked in ["e1", "e2"] as [Name] {
                let request = PullRequest(scope: "s", cursor: cursor, epoch: asked, limit: 1)
                switch tail.pull(request) {
                case .page: #expect(asked == epoch)
                case .refused(let refusal):
                    #expect(refusal == .epochChanged)
                    #expect(asked != epoch)
                case .askStore: Issue.record("it knows \(cursor)")
                }
            }
        }
    }

    @Test("many small commits become few slices, and every page of them is right")
    func merging() throws {
        var limits = SyncLimits()
        limits.tailSegmentBytesMax = 4096
        let tail = LogTail(limits: limits)
        for base in 0..<500 { tail.append(changes("s", after: base)) }
        let request = PullRequest(scope: "s", cursor: 0, epoch: nil, limit: 1000)
        guard case .page(let page) = tail.pull(request) else {
            Issue.record("no answer")
            return
        }
        #expect(page.changes.count < 40)
        for cursor in stride(from: 0, through: 500, by: 37) {
            for limit in [1, 2, 64, 1000] {
                let page = try #require(try pull(tail, cursor, limit: limit))
                let end = min(500, cursor + limit)
                #expect(page.cursors == Array(cursor + 1..<end + 1))
                #expect(page.int("next_cursor") == end)
                #expect(page.bool("has_more") == (end < 500))
            }
        }
    }

    @Test("a delta goes to the head, or says that it is too far")
    func deltas() throws {
        var limits = SyncLimits()
        limits.deltaBytesMax = 500
        let tail = LogTail(limits: limits)
        tail.append(changes("s", after: 0, count: 10))
        guard
            case .frame(let base, let head, let slices) = tail.delta(
                "s", after: Position(cursor: 7, epoch: "e"))
        else {
            Issue.record("no frame")
            return
        }
        #expect(base == 7)
        #expect(head.cursor == 10)
        let text = "[" + slices.map(\.string).joined() + "]"
        #expect(try JSON.parse(ByteSlice(text)).elements.map { $0.int("cursor") } == [8, 9, 10])
        if case .current = tail.delta("s", after: head.position) {
        } else {
            Issue.record("not current")
        }
        tail.append(changes("s", after: 10, count: 10))
        if case .tooFarBehind(let head) = tail.delta("s", after: Position(cursor: 0, epoch: "x")) {
            #expect(head.cursor == 20)
        } else {
            Issue.record("not too far")
        }
    }

    @Test("a scope keeps its latest changes within its limit, and all scopes within theirs")
    func bounded() throws {
        var limits = SyncLimits()
        limits.tailScopeBytesMax = 2000
        limits.tailSegmentBytesMax = 500
        limits.tailBytesMax = 12_000
        let tail = LogTail(limits: limits)
        for base in 0..<200 { tail.append(changes("s", after: base)) }
        #expect(try pull(tail, 100) == nil)
        #expect(try pull(tail, 195)?.cursors == [196, 197, 198, 199, 200])
        for index in 0..<100 {
            tail.append(changes(try #require(Name("t\(index)")), after: 0, count: 10))
        }
        // The scope that was written to longest ago gave way; the latest is there.
        #expect(tail.head("s") == nil)
        #expect(tail.head("t0") == nil)
        #expect(tail.head("t99") != nil)
        // A commit beyond the limit is not kept, but its head is.
        tail.append(changes("t99", after: 10, count: 100))
        #expect(tail.head("t99")?.cursor == 110)
    }

    @Test("a scope that is read stays, and one that nobody uses goes first")
    func recency() throws {
        var limits = SyncLimits()
        limits.tailBytesMax = 12_000
        let tail = LogTail(limits: limits)
        tail.append(changes("s", after: 0))
        for index in 0..<100 {
            tail.append(changes(try #require(Name("t\(index)")), after: 0))
            #expect(try pull(tail, 0)?.cursors == [1])
        }
        #expect(tail.head("t0") == nil)
        #expect(tail.head("t99") != nil)
        // Without a reader it goes like any other.
        for index in 100..<200 { tail.append(changes(try #require(Name("t\(index)")), after: 0)) }
        #expect(try pull(tail, 0) == nil)
    }

    @Test("it counts what it holds: whole buffers, whatever slices of them it has")
    func accounting() throws {
        var limits = SyncLimits()
        limits.tailBytesMax = 1 << 20
        let tail = LogTail(limits: limits)
        let empty = tail.byteCount
        #expect(empty == 0)
        // A slice of a large buffer.
        let text = changes("s", after: 0, count: 2)
        var buffer = ByteBuffer(capacity: 100_000)
        for _ in 0..<100_000 { buffer.append(UInt8(ascii: " ")) }
        let large = buffer.finish()
        let held = CommittedChanges(
            scope: "s", base: text.base, head: text.head, bytes: large[0..<text.bytes.count],
            ends: text.ends, borders: text.borders)
        tail.append(held)
        #expect(tail.byteCount > 100_000 && tail.byteCount < 102_000)
        // One scope has an eighth: it keeps where the log ends.
        tail.append(changes("s", after: 2, count: 1, bytesEach: 200_000))
        #expect(tail.byteCount < 1_000)
        #expect(tail.head("s")?.cursor == 3)
        // What went is counted no more.
        for round in 0..<3_000 {
            let scope = try #require(Name("t\(round % 700)"))
            tail.append(changes(scope, after: round, bytesEach: 900))
            #expect(tail.byteCount <= limits.tailBytesMax)
        }
        tail.forgetAll()
        #expect(tail.byteCount == empty)
    }

    @Test("without any room it keeps where the latest scope's log ends, and no changes")
    func noRoom() throws {
        var limits = SyncLimits()
        limits.tailBytesMax = 0
        let tail = LogTail(limits: limits)
        for base in 0..<10 { tail.append(changes("s", after: base)) }
        #expect(tail.head("s")?.cursor == 10)
        #expect(try pull(tail, 9) == nil)
        #expect(try pull(tail, 10)?.cursors == [])
        tail.append(changes("t", after: 0))
        #expect(tail.head("s") == nil)
    }

    @Test("behind a gap it begins anew, and what it knows already it ignores")
    func gaps() throws {
        let tail = LogTail(limits: SyncLimits())
        tail.append(changes("s", after: 0, count: 3))
        tail.append(changes("s", after: 1, count: 2))
        #expect(try pull(tail, 0)?.cursors == [1, 2, 3])
        tail.append(changes("s", after: 5, count: 2))
        #expect(try pull(tail, 0) == nil)
        #expect(try pull(tail, 5)?.cursors == [6, 7])
    }

    @Test(
        "once a reader has shown a commit that is still on its way, it does not say nothing is new")
    func onItsWay() throws {
        let tail = LogTail(limits: SyncLimits())
        tail.append(changes("s", after: 0))
        tail.learn(
            ScopeHead(Position(cursor: 2, epoch: "e"), checksum: nil), of: "s", since: tail.moment()
        )
        #expect(try pull(tail, 1) == nil)
        #expect(tail.head("s") == nil)
        tail.append(changes("s", after: 1))
        #expect(try pull(tail, 1)?.cursors == [2])
        // The same where the reader was the first to tell of the scope.
        tail.learn(
            ScopeHead(Position(cursor: 4, epoch: "e"), checksum: nil), of: "t", since: tail.moment()
        )
        tail.append(changes("t", after: 3))
        guard case .frame = tail.delta("t", after: Position(cursor: 3, epoch: "e")) else {
            Issue.record("the change is not in the tail")
            return
        }
    }

    @Test("asking for scopes that nobody writes to puts nobody's changes out of memory")
    func learningMuch() throws {
        var limits = SyncLimits()
        limits.tailLearnedMax = 10
        limits.tailBytesMax = 20_000
        let tail = LogTail(limits: limits)
        tail.append(changes("s", after: 0, count: 3))
        for index in 0..<1000 {
            let scope = try #require(Name("asked\(index)"))
            let head = ScopeHead(Position(cursor: 0, epoch: "e"), checksum: .empty)
            tail.learn(head, of: scope, since: tail.moment())
        }
        #expect(try pull(tail, 0)?.cursors == [1, 2, 3])
        #expect(tail.head("asked0") == nil)
        #expect(tail.head("asked989") == nil)
        #expect(tail.head("asked990") != nil)
        // One that is written to then is kept like any other.
        tail.append(changes("asked999", after: 0, count: 2))
        for index in 0..<100 {
            let scope = try #require(Name("other\(index)"))
            let head = ScopeHead(Position(cursor: 0, epoch: "e"), checksum: .empty)
            tail.learn(head, of: scope, since: tail.moment())
        }
        #expect(tail.head("asked999")?.cursor == 2)
        #expect(tail.head("asked998") == nil)
    }

    @Test("it learns a head from a reader, unless it may be too old")
    func learning() throws {
        var limits = SyncLimits()
        limits.tailBytesMax = 700
        limits.tailScopeBytesMax = 700
        let tail = LogTail(limits: limits)
        let before = tail.moment()
        tail.learn(
            ScopeHead(Position(cursor: 7, epoch: "e"), checksum: nil), of: "s", since: before)
        #expect(try pull(tail, 7)?.cursors == [])
        #expect(try pull(tail, 6) == nil)
        tail.append(changes("s", after: 7))
        tail.learn(
            ScopeHead(Position(cursor: 7, epoch: "e"), checksum: nil), of: "s", since: before)
        #expect(tail.head("s")?.cursor == 8)
        // "s" is forgotten; an answer read before that says nothing about now.
        tail.append(changes("t", after: 0, count: 10, bytesEach: 100))
        #expect(tail.head("s") == nil)
        tail.learn(
            ScopeHead(Position(cursor: 7, epoch: "e"), checksum: nil), of: "s", since: before)
        #expect(tail.head("s") == nil)
    }

    @Test("it says up to where anybody was shown a scope, and only where it knows")
    func shown() {
        let head = ScopeHead(Position(cursor: 4, epoch: "e"), checksum: nil)
        let alone = LogTail(limits: SyncLimits())
        alone.learn(head, of: "s", since: alone.moment())
        #expect(alone.shown("s") == nil)

        let tail = LogTail(limits: SyncLimits(), isShared: true)
        #expect(tail.shown("s") == nil)
        tail.learn(head, of: "s", since: tail.moment())
        #expect(tail.shown("s") == head.position)
        tail.append(changes("s", after: 4, count: 2))
        #expect(tail.shown("s") == Position(cursor: 6, epoch: "e"))
        // A reader was ahead of the commit feed.
        tail.learn(
            ScopeHead(Position(cursor: 9, epoch: "e"), checksum: nil), of: "s",
            since: tail.moment())
        #expect(tail.shown("s")?.cursor == 9)
        // What begins with a commit may have been shown further before it was forgotten here.
        tail.append(changes("other", after: 4))
        #expect(tail.shown("other") == nil)
    }
}
