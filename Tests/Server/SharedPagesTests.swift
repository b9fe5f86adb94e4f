// Pages that are read once for all who ask: what holds, what is forgotten, what they may weigh, and
// that a herd makes one read and never sees less than it could have known.

import MizuBytes
import MizuHTTP
import MizuServer
import MizuSync
import Synchronization
import Testing

@testable import MizuSyncService

private let page = PageRequest.records(SnapshotRequest(scope: "s", limit: 10, next: nil))

private func changes(after cursor: Int, of scope: Name = "s") -> PageRequest {
    .changes(PullRequest(scope: scope, cursor: cursor, epoch: "e", limit: 10))
}

private func position(_ cursor: Int, _ epoch: Name = "e") -> Position {
    Position(cursor: cursor, epoch: epoch)
}

extension SharedPages {
    /// Makes a page of `size` bytes as its leader.
    fileprivate func make(_ request: PageRequest, hold: PageHold, size: Int = 1) {
        let sight = LogTail(limits: SyncLimits()).sight(of: request.scope)
        guard case .lead(let flight) = join(request, sight, { _ in }) else { return }
        let body = ByteSlice([UInt8](repeating: 0x61, count: size))
        _ = end(flight, .success([body]), hold: hold)
    }
}

@Suite("Pages that are shared") struct SharedPagesTests {
    @Test("a page of records holds where it was read, one of changes until logs are trimmed")
    func holds() {
        let pages = SharedPages(byteCountMax: 1 << 20)
        pages.make(page, hold: .at(position(3)))
        pages.make(changes(after: 0), hold: .always)
        pages.make(changes(after: 0, of: "t"), hold: .always)
        pages.make(changes(after: 9), hold: .never)
        #expect(pages.find(page, at: position(3)) != nil)
        for other in [position(4), position(2), position(3, "other"), nil] {
            #expect(pages.find(page, at: other) == nil)
        }
        #expect(pages.find(changes(after: 0), at: nil) != nil)
        #expect(pages.find(changes(after: 9), at: nil) == nil)
        pages.forgetChanges(of: ["s"])
        #expect(pages.find(changes(after: 0), at: nil) == nil)
        #expect(pages.find(changes(after: 0, of: "t"), at: nil) != nil)
        #expect(pages.find(page, at: position(3)) != nil)
        // A newer one takes its place.
        pages.make(page, hold: .at(position(4)))
        #expect(pages.find(page, at: position(3)) == nil)
        #expect(pages.find(page, at: position(4)) != nil)
        pages.forgetAll()
        #expect(pages.find(page, at: position(4)) == nil && pages.byteCount == 0)
    }

    @Test("what was being read when logs were trimmed or put back is told and not kept")
    func forgottenMeanwhile() {
        let pages = SharedPages(byteCountMax: 1 << 20)
        let sight = LogTail(limits: SyncLimits()).sight(of: "s")
        for forget in [{ pages.forgetAll() }, { pages.forgetChanges(of: ["s"]) }] {
            guard case .lead(let flight) = pages.join(changes(after: 0), sight, { _ in }) else {
                Issue.record("nobody makes it")
                return
            }
            guard case .wait = pages.join(changes(after: 0), sight, { _ in }) else {
                Issue.record("somebody else makes it")
                return
            }
            forget()
            #expect(pages.end(flight, .success(["x"]), hold: .always).count == 1)
            #expect(pages.find(changes(after: 0), at: nil) == nil)
        }
    }

    @Test("they weigh no more than they may; what was asked for again stays longer")
    func budget() {
        let pages = SharedPages(byteCountMax: 10_000)
        for cursor in 0..<100 {
            pages.make(changes(after: cursor), hold: .always, size: 1_000)
            #expect(pages.byteCount <= 10_000)
            #expect(pages.find(changes(after: 0), at: nil) != nil, "at \(cursor)")
        }
        #expect(pages.find(changes(after: 50), at: nil) == nil)
        #expect(pages.find(changes(after: 99), at: nil) != nil)
        pages.make(changes(after: 1_000), hold: .always, size: 20_000)
        #expect(pages.find(changes(after: 1_000), at: nil) == nil)
        #expect(pages.find(changes(after: 0), at: nil) != nil)
    }

    @Test("a commit between two questions makes two pages of them")
    func sights() {
        let (pages, tail) = (SharedPages(byteCountMax: 1 << 20), LogTail(limits: SyncLimits()))
        let first = tail.sight(of: "s")
        guard case .lead = pages.join(page, first, { _ in }) else {
            Issue.record("nobody makes it")
            return
        }
        #expect(tail.sight(of: "s") == first)
        tail.append(
            CommittedChanges(
                scope: "s", base: position(0), head: position(1), bytes: "{}", ends: [2],
                borders: [1]))
        let second = tail.sight(of: "s")
        #expect(second != first && second.head == position(1))
        guard case .lead = pages.join(page, second, { _ in }) else {
            Issue.record("an older page is waited for")
            return
        }
        // Somebody has seen a commit that is not here yet: the end is not known any more.
        tail.learn(ScopeHead(position(3), checksum: nil), of: "s", since: tail.moment())
        #expect(tail.sight(of: "s") != second && tail.sight(of: "s").head == nil)
    }
}

extension ServerStorey {
    @Suite("A herd that asks for a snapshot") struct HerdTests {
        private static func asker() -> ReadAsker {
            ReadAsker(source: .server, kind: .request, watch: nil)
        }

        /// What `count` get who ask at once.
        private func ask(_ count: Int, _ server: SyncServer) throws -> [String] {
            let heard = Heard()
            for _ in 0..<count {
                server.service.read(page, for: Self.asker()) { heard.add($0) }
            }
            try #require(eventually { heard.count == count })
            return heard.bodies
        }

        @Test("five hundred make one read; a commit makes another page")
        func herd() throws {
            let server = try SyncServer()
            try server.push("a")
            for (round, ids) in [["a"], ["a", "b"], ["a", "b", "c"]].enumerated() {
                if round > 0 { try server.push(ids[round]) }
                let bodies = try ask(500, server)
                #expect(Set(bodies).count == 1)
                #expect(bodies[0].contains("\"cursor\":\(round + 1),"))
                for id in ids { #expect(bodies[0].contains("\"id\":\"\(id)\",\"version\"")) }
                #expect(server.service.pages.flightCount == round + 1)
            }
        }

        @Test("over HTTP each answer has what was acknowledged before its question")
        func fresh() throws {
            let server = try SyncServer()
            let client = RawClient(server.server.ports[0])
            for number in 1...40 {
                try server.push("n\(number)")
                for _ in 0..<3 {
                    let answer = try #require(
                        client.post("/_sync/snapshot", #"{"scope":"s","limit":10}"#))
                    #expect(answer.status == 200)
                    let json = try JSON.parse(ByteSlice(answer.body))
                    #expect(json.member("cursor")?.int == number)
                    #expect(json.member("count")?.int == number)
                }
            }
            #expect(server.service.pages.flightCount == 40)
            // Permission is asked before.
            server.permissions.deny("s")
            #expect(client.post("/_sync/snapshot", #"{"scope":"s","limit":10}"#)?.status == 403)
        }
    }
}

private final class Heard: Sendable {
    private let all = Mutex<[String]>([])
    var count: Int { all.withLock { $0.count } }
    var bodies: [String] { all.withLock { $0 } }

    func add(_ answer: SharedPages.Answer) {
        let text = (try? answer.get())?.map(\.string).joined() ?? "refused"
        all.withLock { $0.append(text) }
    }
}
