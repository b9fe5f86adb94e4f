// Several services over one store: whatever an answer of any of them has shown, each later answer
// of any other shows, while news between them comes late, twice, in any order or never; and who has
// lost a right on one of them has lost it on all. The store is a shelf in memory that all share.

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuSync
import MizuTestSupport
import MizuTopics
import Synchronization
import Testing

@testable import MizuSyncService

/// Services that share a shelf.
struct Nodes {
    let all: [SyncServer]
    let bus: NewsBus

    init(
        _ count: Int, rule: AccessRule? = nil, roles: Roles? = nil, on bus: NewsBus? = nil,
        pollMilliseconds: UInt64 = 60_000, committers: Int = 2
    ) throws {
        let (shelf, bus) = (MemoryShelf(), try bus ?? NewsBus(.byHand))
        all = try (0..<count).map { _ in
            var sharing = Sharing()
            sharing.carrier = bus.join().carrier
            sharing.times.pollWithNews = pollMilliseconds
            sharing.times.pollAlone = pollMilliseconds
            sharing.committers = committers
            sharing.another = { _ in MemoryStore(on: shelf, epoch: "e1", isShared: true) }
            return try SyncServer(shelf: shelf, rule: rule, roles: roles, sharing: sharing)
        }
        self.bus = bus
    }

    subscript(_ index: Int) -> SyncServer { all[index] }
}

extension SyncServer {
    /// Posts, over a connection of its own.
    func ask(_ path: String, _ body: String, as user: String? = nil) throws -> RawResponse {
        let client = RawClient(server.ports[0])
        let answer = client.post("/_sync/" + path + (user.map { "?user=\($0)" } ?? ""), body)
        return try #require(answer)
    }

    /// Pulls behind a cursor; where the page ends, and how many changes it has.
    func pull(_ scope: String, after cursor: Int, as user: String? = nil) throws -> (
        end: Int, count: Int
    ) {
        let answer = try ask(
            "pull", #"{"scope":"\#(scope)","cursor":\#(cursor),"epoch":"e1","limit":1000}"#,
            as: user)
        try #require(answer.status == 200)
        let json = try JSON.parse(ByteSlice(answer.body))
        var count = 0
        let changes = try #require(json.member("changes"))
        for change in changes.elements {
            count += 1
            #expect(change.member("cursor")?.int == cursor + count)
        }
        return (try #require(json.member("next_cursor")?.int), count)
    }
}

extension ServerStorey {
    @Suite("One truth over nodes") struct OneTruthTests {
        /// What is known to have been shown, by scope.
        private struct Shown {
            var heads: [String: Int] = [:]

            mutating func show(_ scope: String, _ cursor: Int) {
                heads[scope] = max(heads[scope] ?? 0, cursor)
            }
        }

        @Test(
            "what any node has shown, each later answer of any node shows",
            arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
        func schedule(seed: UInt64) throws {
            var random = SeededGenerator(seed: seed)
            let nodes = try Nodes(3)
            var shown = Shown()
            let scopes = ["a", "b", "c"]
            for step in 0..<160 {
                let node = nodes[Int.random(in: 0..<3, using: &random)]
                let scope = scopes[Int.random(in: 0..<3, using: &random)]
                let head = shown.heads[scope] ?? 0
                switch Int.random(in: 0..<8, using: &random) {
                case 0, 1, 2:
                    let cursor = try node.push("s\(seed)-\(step)", to: scope)
                    #expect(cursor == head + 1, "gapless, and each once")
                    shown.show(scope, cursor)
                case 3, 4:
                    let from = Int.random(in: 0...head, using: &random)
                    let (end, count) = try node.pull(scope, after: from)
                    #expect(end == head && count == head - from, "step \(step) of \(seed)")
                case 5:
                    let answer = try node.ask("snapshot", #"{"scope":"\#(scope)"}"#)
                    let json = try JSON.parse(ByteSlice(answer.body))
                    #expect(json.member("cursor")?.int == head)
                case 6:
                    let socket = try node.socket()
                    let from = Int.random(in: 0...head, using: &random)
                    socket.subscribe("sync:\(scope)", cursor: from)
                    let ack = socket.message()
                    #expect(ack?.type == "ack" && ack?.cursor == head, "step \(step) of \(seed)")
                default:
                    if Int.random(in: 0..<4, using: &random) == 0 { nodes.bus.lose() }
                    nodes.bus.deliver(Int.random(in: 0..<6, using: &random), using: &random)
                }
            }
        }

        @Test("a subscriber hears of each change, of whichever node it is, however news comes")
        func subscribers() throws {
            var random = SeededGenerator(seed: 7)
            let nodes = try Nodes(3, pollMilliseconds: 50)
            try nodes[0].push("first")
            let sockets = try nodes.all.map { try $0.socket() }
            for socket in sockets {
                socket.subscribe("sync:s", cursor: 1)
                #expect(socket.message()?.cursor == 1)
            }
            for number in 2...40 {
                try nodes[number % 3].push("n\(number)")
                if number % 7 == 0 { nodes.bus.lose() }
                nodes.bus.deliver(3, using: &random)
            }
            nodes.bus.lose()
            for socket in sockets {
                var at = 1
                while at < 40, let next = socket.message() {
                    // A poke says only where the scope is.
                    if next.type == "delta" { #expect(next.base == at) }
                    at = max(at, next.cursor ?? 0)
                }
                #expect(at == 40)
            }
        }

        @Test("news in order is told once, without a look at the store")
        func inOrder() throws {
            let nodes = try Nodes(2, on: NewsBus(.atOnce))
            let socket = try nodes[1].socket()
            socket.subscribe("sync:s", cursor: 0)
            #expect(socket.message()?.cursor == 0)
            // Where the scope stood as it was followed is looked up once, beside the answer.
            let news = nodes[1].service.storeNews
            try #require(eventually { news?.followed.told("s") != nil })
            for number in 1...5 {
                try nodes[0].push("n\(number)")
                let delta = socket.message()
                #expect(delta?.type == "delta" && delta?.base == number - 1)
            }
            #expect(news?.catchUpCount == 0)
        }

        @Test("a subscriber that a sweep has overtaken, while the store was asked, hears of all")
        func sweep() throws {
            let news = Mutex<StoreNews?>(nil)
            // Between the question and the beginning, as long as that may take.
            let rule = AccessRule.looking { access in
                if access.action == .subscribe {
                    news.withLock { $0 }?.letGo([access.scope], unlessAskedSince: .max)
                }
                return true
            }
            let nodes = try Nodes(2, rule: rule, pollMilliseconds: 50)
            news.withLock { $0 = nodes[1].service.storeNews }
            try nodes[0].push("first")
            let socket = try nodes[1].socket()
            socket.subscribe("sync:s", cursor: 1)
            #expect(socket.message()?.cursor == 1)
            try nodes[0].push("second")
            nodes.bus.lose()
            let told = socket.message()
            #expect(told?.type == "delta" && told?.base == 1 && told?.cursor == 2)
        }

        private static let roles = Roles(
            ["owner": .manage, "writer": .write, "reader": .read], creator: "owner")

        private func grant(_ user: String, _ role: String?, on node: SyncServer) throws {
            let name = role == nil ? "revoke" : "grant"
            let text = role.map { #","text":"\#($0)""# } ?? ""
            let id = "\(name)-\(user)"
            let answer = try node.ask(
                "push",
                #"{"scope":"s","mutations":[{"id":"\#(id)","name":"\#(name)","args":"#
                    + #"{"id":"\#(user)"\#(text)}}]}"#, as: "ann")
            #expect(answer.status == 200)
        }

        @Test("who has lost a right on one node has lost it on all, news or not")
        func revocation() throws {
            let nodes = try Nodes(
                2, rule: .roles(Self.roles), roles: Self.roles, pollMilliseconds: 50)
            try nodes[0].push("first", as: "ann")
            try grant("bob", "reader", on: nodes[0])
            let head = try nodes[1].pull("s", after: 0, as: "bob").end
            let socket = try nodes[1].socket("?user=bob")
            socket.subscribe("sync:s", cursor: head)
            #expect(socket.message()?.type == "ack")
            try grant("bob", nil, on: nodes[0])
            // Asked at once, before any news: the decision that node 1 remembers holds no more.
            let refused = try nodes[1].ask("pull", #"{"scope":"s","cursor":0}"#, as: "bob")
            #expect(refused.status == 403)
            try nodes[0].push("secret", as: "ann")
            nodes.bus.lose()
            // The end of the subscription is the first that the socket hears, and no delta.
            let next = socket.message()
            #expect(next?.type == "error" && next?.topic == "sync:s")
        }

        @Test("a right that is lost elsewhere while it is looked at is lost, told of or not")
        func revocationMeanwhile() throws {
            let revoke = Mutex<(@Sendable () throws -> Void)?>(nil)
            // The decision stands on a scope that nobody here has followed before.
            let rule = AccessRule.looking { access in
                if access.scope == "s" { return true }
                let isMember = try access.role(in: "s") != nil
                if access.action == .subscribe {
                    try revoke.withLock { $0.take() }?()
                }
                return isMember
            }
            let nodes = try Nodes(2, rule: rule, roles: Self.roles)
            try nodes[0].push("first", as: "ann")
            try grant("bob", "reader", on: nodes[0])
            try nodes[0].push("first", to: "t", as: "bob")
            let socket = try nodes[1].socket("?user=bob")
            revoke.withLock { revoke in
                revoke = {
                    try self.grant("bob", nil, on: nodes[0])
                    nodes.bus.lose()
                }
            }
            // Without a position, so that nobody decides twice.
            socket.subscribe("sync:t", cursor: nil)
            #expect(socket.message()?.type == "ack")
            let next = socket.message()
            #expect(next?.type == "error" && next?.topic == "sync:t")
        }

        /// What decides may be the scope's own grants, or those of another.
        private static let rules: [AccessRule] = [
            .roles(roles),
            .looking { access in
                try access.scope == "s" || access.role(in: "s") != nil
            },
        ]

        @Test(
            "a subscribe is answered where memory lacks what others wrote and nobody told",
            arguments: rules, [true, false])
        func behind(_ rule: AccessRule, isOwn: Bool) throws {
            let nodes = try Nodes(2, rule: rule, roles: Self.roles)
            let scope = isOwn ? "s" : "t"
            try nodes[0].push("first", as: "ann")
            if !isOwn, case .roles = rule { return }
            try grant("bob", "writer", on: nodes[0])
            // What node 1 has committed itself is in its memory; what follows is not.
            try nodes[1].push("own", as: "bob")
            if !isOwn { try nodes[1].push("own", to: scope, as: "bob") }
            for number in 0..<3 {
                try nodes[0].push("other\(number)", as: "ann")
                if !isOwn { try nodes[0].push("other\(number)", to: scope, as: "bob") }
            }
            nodes.bus.lose()
            let head = try nodes[1].pull(scope, after: 0, as: "bob").end
            let socket = try nodes[1].socket("?user=bob")
            for cursor in [head, head - 1, 0] {
                socket.subscribe("sync:\(scope)", cursor: cursor)
                var answer = socket.message()
                while let message = answer, message.type != "ack" { answer = socket.message() }
                #expect(answer?.cursor == head)
            }
            // Nor is it asked about for ever: memory begins anew where the log ends.
            let service = nodes[1].service
            #expect(eventually { service.tail.head("s") != nil })
            #expect(eventually { service.tail.head(Name(scope) ?? "s") != nil })
        }
    }
}
