// What readers leave in the tail of the log, where others write to the store: what it answers from
// that, and what gives way to what.

import MizuBytes
import MizuSync
import Testing

extension LogTailTests {
    /// What a reader has read of a scope, up to where its log ends.
    private func learn(_ page: CommittedChanges, in tail: LogTail) {
        tail.learn(page.headWithSum, of: page.scope, with: page, since: tail.moment())
    }

    @Test("a reader's page is kept where others write, and goes on where it is known to end")
    func pages() throws {
        let alone = LogTail(limits: SyncLimits())
        learn(changes("s", after: 4, count: 6), in: alone)
        #expect(try pull(alone, 7) == nil)

        let tail = LogTail(limits: SyncLimits(), isShared: true)
        learn(changes("s", after: 4, count: 6), in: tail)
        #expect(try pull(tail, 4)?.cursors == [5, 6, 7, 8, 9, 10])
        #expect(try pull(tail, 3) == nil)
        // Others have written: it is not all any more, until a page brings the rest.
        tail.learn(
            ScopeHead(Position(cursor: 12, epoch: "e"), checksum: nil), of: "s",
            since: tail.moment())
        #expect(try pull(tail, 8) == nil)
        learn(changes("s", after: 8, count: 4), in: tail)
        #expect(try pull(tail, 5)?.cursors == [6, 7, 8, 9, 10, 11, 12])
        // What is older, or ends earlier, brings nothing; what goes further back does.
        learn(changes("s", after: 0, count: 11), in: tail)
        #expect(try pull(tail, 0) == nil)
        learn(changes("s", after: 2, count: 10), in: tail)
        #expect(try pull(tail, 2)?.cursors == Array(3...12))
        // Behind a gap, or in another history, it begins anew.
        learn(changes("s", after: 14, count: 2), in: tail)
        #expect(try pull(tail, 11) == nil)
        #expect(try pull(tail, 14)?.cursors == [15, 16])
        learn(changes("s", after: 15, count: 2, epoch: "f", of: "f"), in: tail)
        #expect(try pull(tail, 14) == nil)
        #expect(try pull(tail, 15, "f")?.cursors == [16, 17])
        tail.append(changes("s", after: 17, epoch: "f", of: "f"))
        #expect(try pull(tail, 15, "f")?.cursors == [16, 17, 18])
        // What was read before something was forgotten may be too old.
        let moment = tail.moment()
        tail.forgetAll()
        let late = changes("s", after: 15, count: 2)
        tail.learn(late.headWithSum, of: "s", with: late, since: moment)
        #expect(tail.head("s") == nil)
    }

    @Test("pages put one another out of memory, and of what was written no more than a quarter")
    func pagesGiveWay() throws {
        var limits = SyncLimits()
        limits.tailBytesMax = 100_000
        let tail = LogTail(limits: limits, isShared: true)
        func scopes(_ kind: String, _ count: Int) -> [Name] {
            (0..<count).compactMap { Name("\(kind)\($0)") }
        }
        func known(_ scopes: [Name]) -> Int { scopes.count { tail.shown($0) != nil } }
        func write(_ scope: Name) {
            tail.append(changes(scope, after: 0, count: 10, bytesEach: 100))
            let head = ScopeHead(Position(cursor: 10, epoch: "e"), checksum: nil)
            tail.learn(head, of: scope, since: tail.moment())
        }
        var written: [Name] = []
        for scope in scopes("w", 60) where tail.byteCount < 95_000 {
            write(scope)
            written.append(scope)
        }
        #expect(known(written) == written.count)
        for scope in scopes("p", 500) {
            learn(changes(scope, after: 0, count: 10, bytesEach: 100), in: tail)
            #expect(tail.head(scope)?.cursor == 10, "the latest is there")
            #expect(tail.byteCount <= limits.tailBytesMax)
        }
        // Those that were written to last stay.
        let left = written.count * 7 / 10
        #expect(known(Array(written.suffix(left))) == left && known(written) < written.count)
        // Where these need the room, the pages have their quarter.
        let later = scopes("v", 200)
        for scope in later { write(scope) }
        #expect(known(written) == 0 && known(later) >= left)
        #expect((1...written.count / 2).contains(known(scopes("p", 500))))
        #expect(tail.byteCount <= limits.tailBytesMax)
    }
}
