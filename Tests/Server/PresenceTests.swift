// Presence on real sockets (live.md, "Presence"), with the owner of a topic on the socket's own
// worker and on another: lists and messages add up to who is here, whatever happens meanwhile.

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuTestSupport
import Synchronization
import Testing

@testable import MizuSyncService
@testable import MizuTopics

/// What a client knows of a topic, from its list and its messages.
struct Picture {
    var ids: Set<String> = []
    var info: [String: String] = [:]
    var count = -1
    var isNamed = false
    var me: String?
    var hasEnded = false
    /// Messages that told of changes, and whole lists.
    var (changes, lists) = (0, 0)

    /// Takes the payload of an `ack` or a `presence`.
    mutating func take(_ payload: JSONValue?) throws {
        guard let payload else { return }
        if payload.member("ended")?.bool == true { return hasEnded = true }
        count = try #require(payload.member("count")?.int)
        if let me = payload.member("me")?.string { self.me = me }
        let joined = payload.member("joined")
        if let members = payload.member("members") {
            (ids, isNamed) = ([], true)
            lists += 1
            try add(members)
        } else if let joined {
            try #require(isNamed)
            changes += 1
            for id in try #require(payload.member("left")).elements {
                try #require(ids.remove(id.string ?? "?") != nil, "left before it joined")
            }
            try add(joined)
        } else {
            (ids, isNamed) = ([], false)
        }
        if isNamed { try #require(ids.count == count, "\(payload.bytes.string)") }
    }

    private mutating func add(_ entries: JSONValue) throws {
        for entry in entries.elements {
            let id = try #require(entry.member("id")?.string)
            ids.insert(id)
            info[id] = entry.member("info")?.bytes.string
        }
    }
}

extension WireClient {
    /// The next text message as JSON; nil at the end.
    func json() -> JSONValue? {
        while let frame = frame() {
            if frame.opcode == 1 { return try? JSON.parse(ByteSlice(frame.payload)) }
            if frame.opcode == 8 { return nil }
        }
        return nil
    }

    /// Enters a topic, as `user` if given; returns what the ack says.
    func join(
        _ topic: String, as user: String? = nil, info: String? = nil
    ) throws -> Picture {
        if let user {
            say(#"{"type":"auth","ref":"auth","token":"\#(user)"}"#)
            // What other topics tell may come before.
            while let message = json(), message.member("ref")?.string != "auth" {}
        }
        let wish = info.map { #"{"info":\#($0)}"# } ?? "true"
        say(#"{"type":"subscribe","ref":"j","topic":"\#(topic)","presence":\#(wish)}"#)
        var picture = Picture()
        while true {
            let message = try #require(json())
            guard message.member("ref")?.string == "j" else { continue }
            try #require(message.member("type")?.string == "ack", "\(message.bytes.string)")
            try picture.take(message.member("payload"))
            return picture
        }
    }

    /// Takes messages until `isDone`; others than presence are an error.
    func follow(
        _ picture: inout Picture, until isDone: (Picture) -> Bool
    ) throws {
        while !isDone(picture) {
            let message = try #require(json(), "ended with \(picture)")
            try #require(
                message.member("type")?.string == "presence", "\(message.bytes.string)")
            try picture.take(message.member("payload"))
        }
    }

    /// What waits for the client before the answer to a ping, taken.
    func catchUp(_ picture: inout Picture) throws {
        say(#"{"type":"ping","ref":"now"}"#)
        while let message = json(), message.member("type")?.string != "pong" {
            try picture.take(message.member("payload"))
        }
    }
}

let membersByUser: PresenceHook = { session, topic, info in
    switch topic {
    case "quiet": .deny
    case "gallery" where session.user == nil: .watch
    default: .join(PresenceMember(id: session.user ?? session.id, info: info))
    }
}

private func makeServer(
    workers: Int, graceMilliseconds: UInt64 = 60_000,
    hook: @escaping PresenceHook = membersByUser,
    limits change: (inout PresenceLimits) -> Void = { _ in },
    server: (inout ServerLimits) -> Void = { _ in }
) throws -> SyncServer {
    var limits = PresenceLimits(graceMilliseconds: graceMilliseconds, intervalMilliseconds: 5)
    change(&limits)
    return try SyncServer(
        workers: workers, presence: PresenceSetting(hook: hook, limits: limits), server)
}

extension SyncServer {
    func members(of topic: String) throws -> [PresenceMember] {
        let box = Box<[PresenceMember]>()
        feed.presence(of: topic) { box.set($0) }
        try #require(eventually { box.value != nil })
        return try #require(box.value)
    }

    /// Whether the kernel takes no more for the user's socket, and its queue is full.
    fileprivate func isStuck(_ user: String) throws -> Bool {
        var isStuck = false
        for index in 0..<workers.count {
            let box = Box<Bool>()
            workers.perform(on: index) { worker in
                let sockets = worker.service(LiveService.self)?.sockets.all ?? []
                let socket = sockets.first { $0.user == user }?.token
                let fill = socket.flatMap { worker.fill(of: $0) }
                box.set(fill?.isBlocked == true && fill?.isFull == true)
            }
            try #require(eventually { box.value != nil })
            isStuck = isStuck || box.value == true
        }
        return isStuck
    }

    /// Whether the topic comes to have exactly these members.
    fileprivate func hasMembers(_ ids: Set<String>, in topic: String) -> Bool {
        eventually { (try? Set(members(of: topic).map(\.id))) == ids }
    }

    /// Whether a worker keeps nothing of any topic.
    fileprivate func hasNoPresence(on index: Int) -> Bool {
        let box = Box<Bool>()
        workers.perform(on: index) { worker in
            let presence = worker.service(LiveService.self)?.presence
            box.set(presence?.table.topicCount == 0 && presence?.rooms.isEmpty == true)
        }
        return eventually { box.value != nil } && box.value == true
    }
}

extension ServerStorey {
    @Suite("Presence on sockets") struct PresenceTests {
        @Test(
            "who subscribes gets a list, then everybody who comes and goes, with their info",
            arguments: [1, 2])
        func comingAndGoing(workers: Int) throws {
            let server = try makeServer(workers: workers)
            let watcher = try server.socket()
            var picture = try watcher.join("room:1", as: "ann", info: #"{"c":1}"#)
            #expect(picture.me == "ann" && picture.isNamed)
            try watcher.follow(&picture) { $0.ids == ["ann"] }
            #expect(picture.info["ann"] == #"{"c":1}"#)
            let others = try (0..<6).map { _ in try server.socket() }
            var last = Picture()
            for (index, other) in others.enumerated() {
                last = try other.join("room:1", as: "m\(index)")
            }
            try watcher.follow(&picture) { $0.count == 7 }
            #expect(try server.members(of: "room:1").count == 7)
            #expect(try server.members(of: "room:1").first?.info?.bytes == #"{"c":1}"#)
            others[0].say(#"{"type":"unsubscribe","ref":"u","topic":"room:1"}"#)
            try watcher.follow(&picture) { $0.count == 6 }
            #expect(!picture.ids.contains("m0"))
            // A subscribe without presence replaces the one with it.
            others[1].subscribe("room:1")
            try watcher.follow(&picture) { $0.count == 5 }
            #expect(!picture.ids.contains("m1"))
            let expected = picture.ids
            try others[5].follow(&last) { $0.ids == expected }
            #expect(picture.lists == 1, "after the first list there are only changes")
            #expect(last.lists == 1)
            watcher.say(#"{"type":"presence","ref":"again","topic":"room:1"}"#)
            let again = try #require(watcher.json())
            #expect(again.member("ref")?.string == "again")
            var asked = Picture()
            try asked.take(again.member("payload"))
            #expect(asked.ids == picture.ids && asked.me == "ann")
        }

        @Test(
            "one member with several sockets joins with the first and leaves with the last",
            arguments: [1, 2])
        func severalSockets(workers: Int) throws {
            let server = try makeServer(workers: workers, graceMilliseconds: 0)
            let watcher = try server.socket()
            var picture = try watcher.join("room:1", as: "ann")
            let tabs = try (0..<4).map { _ in try server.socket() }
            for tab in tabs { _ = try tab.join("room:1", as: "bob") }
            try watcher.follow(&picture) { $0.ids == ["ann", "bob"] }
            for tab in tabs.dropLast() { tab.close() }
            #expect(eventually { server.closed.heard.count == 3 })
            #expect(try server.members(of: "room:1").count == 2)
            tabs[3].close()
            try watcher.follow(&picture) { $0.ids == ["ann"] }
            #expect(picture.changes <= 3, "only the first and the last tab are told")
        }

        @Test("who breaks off and is back within the grace was never away", arguments: [1, 2])
        func grace(workers: Int) throws {
            let server = try makeServer(workers: workers)
            let watcher = try server.socket()
            var picture = try watcher.join("room:1", as: "ann")
            let first = try server.socket()
            _ = try first.join("room:1", as: "bob")
            try watcher.follow(&picture) { $0.ids == ["ann", "bob"] }
            first.reset()
            #expect(eventually { server.closed.heard.count == 1 })
            #expect(server.hasMembers(["ann", "bob"], in: "room:1"))
            let second = try server.socket()
            let back = try second.join("room:1", as: "bob")
            #expect(back.ids == ["ann", "bob"])
            let third = try server.socket()
            _ = try third.join("room:1", as: "cid")
            let changes = picture.changes
            try watcher.follow(&picture) { $0.count == 3 }
            #expect(picture.changes == changes + 1)
        }

        @Test("without the hook, and where the app denies it, a subscribe is like every other")
        func withoutPresence() throws {
            let plain = try SyncServer()
            let server = try makeServer(workers: 2)
            for (client, code) in [
                (try plain.socket(), "invalid_request"), (try server.socket(), "topic_denied"),
            ] {
                let picture = try client.join("quiet")
                #expect(picture.count == -1)
                client.say(#"{"type":"presence","ref":"p","topic":"quiet"}"#)
                #expect(client.message()?.code == code)
            }
            #expect(try plain.members(of: "quiet").isEmpty)
            server.permissions.deny("room:x")
            let client = try server.socket()
            client.say(#"{"type":"subscribe","ref":"d","topic":"room:x","presence":true}"#)
            #expect(client.message()?.code == "topic_denied")
            client.say(#"{"type":"subscribe","ref":"s","topic":"sync:s","presence":true}"#)
            #expect(client.message()?.cursor == 0)
        }

        @Test("who only watches is not shown; who signs in is, and told so", arguments: [1, 2])
        func signIn(workers: Int) throws {
            let server = try makeServer(workers: workers)
            let (watcher, other) = (try server.socket(), try server.socket())
            var picture = try watcher.join("gallery")
            #expect(picture.me == nil && picture.count == 0 && picture.isNamed)
            _ = try other.join("room:1", as: nil)
            _ = try other.join("gallery", as: "bob")
            try watcher.follow(&picture) { $0.ids == ["bob"] }
            watcher.say(#"{"type":"auth","ref":"a","token":"ann"}"#)
            while let message = watcher.json() {
                try picture.take(message.member("payload"))
                if picture.ids == ["ann", "bob"], picture.me == "ann" { break }
            }
            #expect(picture.ids == ["ann", "bob"] && picture.me == "ann")
            // In the other room the nameless member has become its user.
            #expect(server.hasMembers(["bob"], in: "room:1"))
        }

        @Test(
            "permission that goes ends presence, for a topic at once and for all",
            arguments: [1, 2])
        func permissions(workers: Int) throws {
            let closed = Mutex<Set<String>>([])
            let server = try makeServer(
                workers: workers,
                hook: { session, _, info in
                    closed.withLock { $0.contains(session.user ?? "") }
                        ? .deny : .join(PresenceMember(id: session.user ?? session.id, info: info))
                })
            let (ann, bob) = (try server.socket(), try server.socket())
            var picture = try ann.join("room:1", as: "ann")
            var gone = try bob.join("room:1", as: "bob")
            try ann.follow(&picture) { $0.count == 2 }
            closed.withLock { _ = $0.insert("bob") }
            server.feed.permissionsChanged()
            try ann.follow(&picture) { $0.ids == ["ann"] }
            try bob.follow(&gone) { $0.hasEnded }
            // The subscription stands.
            server.feed.publish(topic: "room:1", payload: "1")
            #expect(bob.message()?.type == "message")
            #expect(ann.message()?.type == "message")
            server.permissions.deny("room:1")
            server.feed.permissionsChanged()
            #expect(ann.message()?.code == "topic_denied")
            #expect(bob.message()?.code == "topic_denied")
            #expect(server.hasMembers([], in: "room:1"))
        }

        @Test("a session that the app closes leaves at once", arguments: [1, 2])
        func closing(workers: Int) throws {
            let server = try makeServer(workers: workers)
            let (ann, bob) = (try server.socket(), try server.socket())
            var picture = try ann.join("room:1", as: "ann")
            _ = try bob.join("room:1", as: "bob")
            try ann.follow(&picture) { $0.count == 2 }
            for session in try server.sessions() where session.user == "bob" {
                server.feed.close(session: session.id)
            }
            try ann.follow(&picture) { $0.ids == ["ann"] }
        }

        @Test("when all have gone and their graces are over nothing is kept")
        func nothingKept() throws {
            let server = try makeServer(workers: 2, graceMilliseconds: 20)
            let clients = try (0..<6).map { _ in try server.socket() }
            for (index, client) in clients.enumerated() {
                for topic in ["room:1", "room:2", "room:3"] {
                    _ = try client.join(topic, as: "m\(index)")
                }
            }
            for client in clients { client.close() }
            for index in 0..<2 {
                #expect(eventually { server.hasNoPresence(on: index) })
            }
        }

        @Test("beyond its limits a topic tells counts, and a full one shows nobody more")
        func limits() throws {
            let server = try makeServer(
                workers: 2,
                limits: { limits in
                    limits.namedMembersMax = 4
                    limits.membersMax = 5
                })
            let clients = try (0..<6).map { _ in try server.socket() }
            var first = try clients[0].join("room:1", as: "m0")
            for index in 1..<5 { _ = try clients[index].join("room:1", as: "m\(index)") }
            try clients[0].follow(&first) { $0.count == 5 && !$0.isNamed }
            let last = try clients[5].join("room:1", as: "m5")
            #expect(last.me == nil && last.count == 5 && !last.isNamed)
            for index in 1..<3 {
                clients[index].say(#"{"type":"unsubscribe","topic":"room:1"}"#)
            }
            try clients[0].follow(&first) { $0.isNamed && $0.ids == ["m0", "m3", "m4"] }
        }

        @Test("who does not read gets a whole list when there is room, and nothing is missing")
        func slow() throws {
            let server = try makeServer(workers: 2, server: { $0.sendQueueMessagesMax = 8 })
            let client = RawClient(server.server.ports[0], receiveBytes: 4096)
            try #require(client.upgrade())
            var picture = try client.join("room:1", as: "slow")
            try client.follow(&picture) { $0.ids == ["slow"] }
            let filler = ByteSlice(
                [UInt8(ascii: "\"")] + [UInt8](repeating: 120, count: 200_000)
                    + [UInt8(ascii: "\"")])
            var isStuck = false
            for _ in 0..<200 where !isStuck {
                server.feed.publish(topic: "room:1", payload: filler)
                isStuck = try server.isStuck("slow")
            }
            try #require(isStuck)
            let others = try (0..<20).map { _ in try server.socket() }
            for (index, other) in others.enumerated() {
                _ = try other.join("room:1", as: "m\(index)")
                if index % 2 == 0 { other.say(#"{"type":"unsubscribe","topic":"room:1"}"#) }
            }
            let expected = Set((0..<20).filter { $0 % 2 == 1 }.map { "m\($0)" } + ["slow"])
            #expect(server.hasMembers(expected, in: "room:1"))
            var lists = 0
            while picture.ids != expected {
                let message = try #require(client.json(), "ended with \(picture)")
                guard message.member("type")?.string == "presence" else { continue }
                if message.member("payload")?.member("members") != nil { lists += 1 }
                try picture.take(message.member("payload"))
            }
            #expect(lists > 0)
        }

        @Test(
            "sockets that come and go at random on both workers all see the same in the end",
            arguments: [UInt64(1), 2, 3])
        func churn(seed: UInt64) throws {
            var chance = SeededGenerator(seed: seed)
            let server = try makeServer(workers: 2)
            var clients: [(socket: RawClient, pictures: [String: Picture])] = []
            let rooms = ["room:a", "room:b", "room:c"]
            for _ in 0..<10 { clients.append((try server.socket(), [:])) }
            for (index, client) in clients.enumerated() {
                client.socket.say(#"{"type":"auth","token":"u\#(index % 7)"}"#)
            }
            for _ in 0..<300 {
                let index = Int.random(in: 0..<10, using: &chance)
                let room = rooms[Int.random(in: 0..<3, using: &chance)]
                let type = Int.random(in: 0..<3, using: &chance) > 0 ? "subscribe" : "unsubscribe"
                clients[index].socket.say(
                    #"{"type":"\#(type)","topic":"\#(room)","presence":true}"#)
                if type == "unsubscribe" { clients[index].pictures[room] = Picture() }
            }
            for index in 0..<10 {
                for room in rooms {
                    clients[index].socket.say(
                        #"{"type":"subscribe","ref":"\#(room)","topic":"\#(room)","presence":true}"#
                    )
                }
            }
            let users = Set((0..<7).map { "u\($0)" })
            for index in 0..<10 {
                let socket = clients[index].socket
                for room in rooms { clients[index].pictures[room] = Picture() }
                var acked: Set<String> = []
                while clients[index].pictures.values.contains(where: { $0.ids != users })
                    || acked.count < 3
                {
                    let message = try #require(socket.json(), "\(clients[index].pictures)")
                    guard let topic = message.member("topic")?.string else { continue }
                    if let ref = message.member("ref")?.string { acked.insert(ref) }
                    // What came before the last ack is of earlier subscriptions.
                    guard acked.contains(topic) else { continue }
                    try clients[index].pictures[topic]?.take(message.member("payload"))
                }
            }
            for room in rooms { #expect(server.hasMembers(users, in: room)) }
        }

        @Test("a drain ends everybody, and graces do not hold it up")
        func drain() throws {
            let server = try makeServer(workers: 2)
            let clients = try (0..<4).map { _ in try server.socket() }
            for (index, client) in clients.enumerated() {
                _ = try client.join("room:1", as: "m\(index)")
            }
            clients[0].reset()
            server.server.drain()
            for client in clients { client.close() }
            #expect(eventually { server.server.hasFinished })
        }
    }
}
