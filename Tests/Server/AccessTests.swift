// Permission on every way into a scope, over real sockets: what the framework keeps for itself,
// roles, decisions that look at records, and what ends when a right is taken away. The pieces
// without a socket are in Tests/SyncService.

import MizuBytes
import MizuHTTP
import MizuSync
import MizuTopics
import MizuWire
import Synchronization
import Testing

@testable import MizuSyncService

extension SyncServer {
    static let roles = Roles(
        ["owner": .manage, "editor": .write, "reader": .read], creator: "owner")

    /// With roles that decide.
    static func withRoles(
        workers: Int = 1, presence: PresenceSetting? = nil, hooks: HookChanges = HookChanges()
    ) throws -> SyncServer {
        try SyncServer(
            workers: workers, rule: .roles(roles), roles: roles, presence: presence, hooks: hooks)
    }

    /// The status and the code of an answer over HTTP.
    func ask(_ way: String, _ scope: String, as user: String?, more: String = "") throws -> String {
        let client = RawClient(server.ports[0])
        let path = "/_sync/\(way)" + (user.map { "?user=\($0)" } ?? "")
        let answer = try #require(client.post(path, #"{"scope":"\#(scope)"\#(more)}"#))
        let json = try JSON.parse(ByteSlice(answer.body))
        return "\(answer.status) \(json.member("code")?.string ?? "")"
    }

    /// One mutation over HTTP: its status and, if it was refused, the code.
    func mutate(
        _ name: String, _ id: String, _ text: String? = nil, in scope: String = "s",
        as user: String?, mutation: String = "\(UInt64.random(in: 0 ... .max))"
    ) throws -> String {
        let text = text.map { #","text":"\#($0)""# } ?? ""
        let client = RawClient(server.ports[0])
        let answer = try #require(
            client.post(
                "/_sync/push" + (user.map { "?user=\($0)" } ?? ""),
                """
                {"scope":"\(scope)","mutations":[{"id":"\(mutation)","name":"\(name)",\
                "args":{"id":"\(id)"\(text)}}]}
                """))
        let json = try JSON.parse(ByteSlice(answer.body))
        var code = json.member("code")?.string ?? ""
        if let results = json.member("results") {
            for result in results.elements { code = result.member("code")?.string ?? "ok" }
        }
        return "\(answer.status) \(code)"
    }

    /// What all ways say to a user, in words.
    func ways(to scope: String, as user: String?) throws -> Set<String> {
        let socket = try socket(user.map { "?user=\($0)" } ?? "")
        var said: Set = [
            try ask("pull", scope, as: user, more: #","cursor":0"#),
            try ask("snapshot", scope, as: user),
            try ask("push", scope, as: user, more: #","mutations":[]"#),
        ]
        socket.subscribe("sync:\(scope)")
        said.insert("subscribe \(socket.message()?.code ?? "ack")")
        socket.subscribe("sync:\(scope)", cursor: 0)
        said.insert("subscribe \(socket.message()?.code ?? "ack")")
        socket.say(#"{"type":"push","ref":"p","scope":"\#(scope)","mutations":[]}"#)
        // A subscriber may be told something first.
        var answer = socket.message()
        while let message = answer, message.ref != "p" { answer = socket.message() }
        said.insert("subscribe \(answer?.code ?? "ack")")
        return said
    }
}

private let denied: Set = ["403 scope_denied", "subscribe scope_denied"]
private let allowed: Set = ["200 ", "subscribe ack"]

/// Whether a user has a record in a scope: what an app of its own would ask.
@Sendable private func isMember(_ access: Access, of scope: Name) throws -> Bool {
    guard let user = access.user else { return false }
    return try access.look.read(scope) { reader, _ in
        try reader.record(RecordKey(entity: "note", id: user), in: scope) != nil
    }
}

/// The members of a scope may everything elsewhere; in the scope itself everybody may.
private let byMembers: Authorize = { access in
    try access.scope == "members" || isMember(access, of: "members")
}

private struct AuthorizeFault: Error {}

extension ServerStorey {
    @Suite("Who may what") struct AccessTests {
        // MARK: What is nobody's

        @Test(
            "the framework's scopes are refused on every way, and a user's own to everybody else",
            arguments: [AccessRule.everybody, .looking { _ in true }, .roles(SyncServer.roles)])
        func reserved(_ rule: AccessRule) throws {
            let server = try SyncServer(rule: rule)
            for user in ["ann", "accounts", nil] {
                #expect(try server.ways(to: "mizu:accounts", as: user) == denied)
                #expect(try server.ways(to: "mizu:", as: user) == denied)
                #expect(try server.ways(to: "user:", as: user) == denied)
            }
            for user in ["bob", "an", "annn", "user:ann", nil] {
                #expect(try server.ways(to: "user:ann", as: user) == denied)
            }
            #expect(try server.ways(to: "user:ann", as: "ann") == allowed)
        }

        // MARK: Roles

        @Test("whoever writes to a scope first has it, and only whom they let in comes in")
        func roles() throws {
            let server = try SyncServer.withRoles()
            #expect(try server.ways(to: "s", as: nil) == denied)
            #expect(try server.ways(to: "s", as: "bob") == allowed, "nobody has it yet")
            #expect(try server.mutate("put", "a", as: "ann") == "200 ok")
            #expect(try server.ways(to: "s", as: "ann") == allowed)
            #expect(try server.ways(to: "s", as: "bob") == denied)
            #expect(try server.mutate("put", "b", as: "bob") == "403 scope_denied")
            #expect(try server.mutate("grant", "bob", "reader", as: "ann") == "200 ok")
            #expect(try server.ask("pull", "s", as: "bob", more: #","cursor":0"#) == "200 ")
            #expect(try server.mutate("put", "b", as: "bob") == "403 scope_denied")
            #expect(try server.mutate("grant", "bob", "editor", as: "ann") == "200 ok")
            #expect(try server.mutate("put", "b", as: "bob") == "200 ok")
            #expect(try server.ways(to: "s", as: "bob") == allowed)
            #expect(try server.mutate("revoke", "bob", as: "ann") == "200 ok")
            #expect(try server.ways(to: "s", as: "bob") == denied)
            #expect(try server.mutate("put", "c", as: "bob") == "403 scope_denied")
        }

        @Test("the usual request reads nothing: a decision holds until the grant changes")
        func remembered() throws {
            let server = try SyncServer.withRoles()
            for number in 0..<20 {
                #expect(try server.mutate("put", "n\(number)", as: "ann") == "200 ok")
            }
            // While the scope was unwritten, and since.
            #expect(server.service.access.lookCount <= 3)
            let before = server.service.access.lookCount
            for number in 20..<40 {
                #expect(try server.mutate("put", "n\(number)", as: "ann") == "200 ok")
                _ = try server.ask("pull", "s", as: "ann", more: #","cursor":0"#)
            }
            #expect(server.service.access.lookCount == before)
        }

        @Test("who loses a scope hears of it at once on every worker, and nothing of it after that")
        func revocation() throws {
            let server = try SyncServer.withRoles(workers: 3)
            #expect(try server.mutate("put", "a", as: "ann") == "200 ok")
            #expect(try server.mutate("grant", "bob", "editor", as: "ann") == "200 ok")
            let bobs = try (0..<6).map { _ in try server.socket("?user=bob") }
            let anns = try (0..<3).map { _ in try server.socket("?user=ann") }
            for socket in bobs + anns {
                // A note, and two grants.
                socket.subscribe("sync:s", cursor: 3)
                #expect(socket.message()?.type == "ack")
                socket.subscribe("sync:other")
                #expect(socket.message()?.type == "ack")
            }
            #expect(try server.mutate("revoke", "bob", as: "ann") == "200 ok")
            #expect(try server.mutate("put", "secret", as: "ann") == "200 ok")
            #expect(try server.mutate("put", "mine", in: "other", as: "bob") == "200 ok")
            for socket in bobs {
                let end = socket.message()
                #expect(end?.type == "error" && end?.code == "scope_denied")
                #expect(end?.topic == "sync:s" && end?.ref == nil)
                let next = socket.message()
                #expect(next?.topic == "sync:other" && next?.type == "sync", "\(next as Any)")
            }
            for socket in anns {
                // That the other scope is Bob's now ends their topic at once, before or behind what
                // is told of this one.
                var cursors: [Int?] = []
                while cursors.count < 2, let message = socket.message(), message.type != "close" {
                    if message.topic == "sync:s" { cursors.append(message.cursor) }
                }
                #expect(cursors == [4, 5])
            }
        }

        @Test("who heard an unwritten scope is sent nothing of what its first author writes")
        func firstWrite() throws {
            let server = try SyncServer.withRoles(workers: 2)
            let bobs = try (0..<4).map { _ in try server.socket("?user=bob") }
            for socket in bobs {
                socket.subscribe("sync:s", cursor: 0)
                #expect(socket.message()?.type == "ack")
            }
            let ann = try server.socket("?user=ann")
            ann.subscribe("sync:s", cursor: 0)
            #expect(ann.message()?.type == "ack")
            #expect(try server.mutate("put", "secret", as: "ann") == "200 ok")
            #expect(ann.message()?.type == "delta")
            for socket in bobs {
                let end = socket.message()
                #expect(end?.code == "scope_denied" && end?.topic == "sync:s" && end?.ref == nil)
                socket.say(#"{"type":"ping","ref":"p"}"#)
                #expect(socket.message()?.ref == "p")
            }
        }

        @Test("topics of the app that belong to a scope end with it, and presence in them")
        func appTopics() throws {
            let hooks = HookChanges { hooks in
                hooks.scopeOfTopic = { topic in
                    topic.utf8.starts(with: "room:".utf8) ? Name(String(topic.dropFirst(5))) : nil
                }
            }
            let presence = PresenceSetting(
                hook: membersByUser,
                limits: PresenceLimits(graceMilliseconds: 60_000, intervalMilliseconds: 5))
            let server = try SyncServer.withRoles(workers: 2, presence: presence, hooks: hooks)
            #expect(try server.mutate("put", "a", as: "ann") == "200 ok")
            let (ann, bob) = (try server.socket("?user=ann"), try server.socket("?user=bob"))
            let join = #"{"type":"subscribe","ref":"j","topic":"room:s","presence":true}"#
            bob.say(join)
            #expect(bob.message()?.code == "topic_denied")
            bob.say(#"{"type":"publish","ref":"x","topic":"room:s","payload":1}"#)
            #expect(bob.message()?.code == "topic_denied")
            #expect(try server.mutate("grant", "bob", "reader", as: "ann") == "200 ok")
            bob.say(join)
            #expect(bob.message()?.type == "ack")
            #expect(try server.members(of: "room:s").count == 1)
            #expect(try server.mutate("revoke", "bob", as: "ann") == "200 ok")
            var end = bob.message()
            while end?.type == "presence" { end = bob.message() }
            #expect(end?.code == "topic_denied" && end?.topic == "room:s" && end?.ref == nil)
            #expect(eventually { (try? server.members(of: "room:s").isEmpty) == true })
            ann.say(join)
            #expect(ann.message()?.type == "ack")
        }

        // MARK: Decisions that look

        @Test("an app may look at records of another scope; what it saw there holds until it moves")
        func looking() throws {
            let server = try SyncServer(rule: .looking(byMembers))
            #expect(try server.ways(to: "s", as: "ann") == denied)
            #expect(try server.mutate("put", "ann", in: "members", as: nil) == "200 ok")
            #expect(try server.ways(to: "s", as: "ann") == allowed)
            #expect(try server.ways(to: "s", as: nil) == denied)
            let before = server.service.access.lookCount
            for number in 0..<10 {
                #expect(try server.mutate("put", "n\(number)", as: "ann") == "200 ok")
                #expect(try server.ways(to: "s", as: "ann") == allowed)
            }
            #expect(server.service.access.lookCount == before)
            #expect(try server.ways(to: "s", as: "bob") == denied)
        }

        @Test("a subscription is asked for again when what it stood on changes")
        func recheck() throws {
            let answer = Mutex(true)
            let server = try SyncServer(
                workers: 2,
                rule: .looking { access in
                    guard access.scope == "s" else { return true }
                    _ = try isMember(access, of: "members")
                    return answer.withLock { $0 }
                })
            let sockets = try (0..<4).map { try server.socket("?user=u\($0)") }
            for socket in sockets {
                socket.subscribe("sync:s")
                #expect(socket.message()?.type == "ack")
            }
            answer.withLock { $0 = false }
            #expect(try server.mutate("put", "x", in: "members", as: nil) == "200 ok")
            for socket in sockets {
                let end = socket.message()
                #expect(end?.code == "scope_denied" && end?.topic == "sync:s" && end?.ref == nil)
            }
        }

        @Test("what authorize throws allows nothing, and neither does an error that it swallows")
        func faults() throws {
            let server = try SyncServer(rule: .looking { _ in throw AuthorizeFault() })
            #expect(
                try server.ways(to: "s", as: "ann") == [
                    "500 internal_error", "subscribe internal_error",
                ])
            let swallowing = try SyncServer(
                rule: .looking { access in
                    access.scope == "members"
                        || (try? isMember(access, of: "members")) ?? false
                })
            #expect(try swallowing.mutate("put", "ann", in: "members", as: nil) == "200 ok")
            #expect(try swallowing.ways(to: "s", as: "ann") == allowed)
            #expect(try swallowing.ways(to: "s", as: "bob") == denied)
            let endless = try SyncServer(
                rule: .looking { access in
                    for number in 0..<100 {
                        guard let scope = Name("x\(number)") else { return false }
                        _ = try? isMember(access, of: scope)
                    }
                    return true
                })
            #expect(try endless.ask("snapshot", "s", as: "ann") == "500 internal_error")
        }

        // MARK: Order

        @Test("what a socket says behind something that waits is done in its order")
        func order() throws {
            let server = try SyncServer(rule: .looking(byMembers))
            #expect(try server.mutate("put", "ann", in: "members", as: nil) == "200 ok")
            let socket = try server.socket("?user=ann")
            func push(_ number: Int, _ scope: String) {
                socket.say(
                    """
                    {"type":"push","ref":"\(number)","scope":"\(scope)","mutations":[{\
                    "id":"m\(number)","name":"put","args":{"id":"n"}}]}
                    """)
            }
            // The first of each scope waits for the store.
            for number in 0..<30 { push(number, number < 10 ? "s" : number < 20 ? "t" : "s") }
            socket.subscribe("sync:s")
            socket.say(#"{"type":"unsubscribe","ref":"u","topic":"sync:s"}"#)
            socket.say(#"{"type":"ping","ref":"end"}"#)
            var refs: [String] = []
            while refs.count < 33, let message = socket.message() {
                if let ref = message.ref, ref != "end" { refs.append(ref) }
                if message.ref == "u" { break }
            }
            // Answers of pushes come by the committer, each scope's in order.
            let numbers = refs.compactMap { Int($0) }
            #expect(numbers == numbers.sorted())
            #expect(try server.push("last", as: "ann") == 21)
            #expect(try #require(server.sessions().first).topics.isEmpty)
        }

        @Test("an `auth` asks again for what the socket has, and is answered when that is decided")
        func auth() throws {
            let server = try SyncServer(
                rule: .looking { access in
                    guard access.scope == "s", access.user != nil else { return true }
                    return try isMember(access, of: "members")
                })
            let socket = try server.socket()
            socket.subscribe("sync:s")
            #expect(socket.message()?.type == "ack")
            socket.say(#"{"type":"auth","ref":"a","token":"ann"}"#)
            let end = socket.message()
            #expect(end?.code == "scope_denied" && end?.topic == "sync:s" && end?.ref == nil)
            #expect(socket.message()?.ref == "a")
        }

        // MARK: Sessions that end

        @Test("when a session ends its sockets do, on every worker, and nobody else's")
        func credential() throws {
            let server = try SyncServer(workers: 3)
            let ending = try (0..<6).map { _ in try server.socket("?user=ann&proof=s1") }
            let staying = [
                try server.socket("?user=ann&proof=s2"), try server.socket("?user=ann"),
                try server.socket(),
            ]
            server.feed.close(credential: "s1")
            for socket in ending {
                let error = socket.message()
                #expect(error?.type == "error" && error?.code == "token_expired")
                #expect(error?.ref == nil && error?.topic == nil)
                #expect(socket.message() == Message(closed: 1008))
            }
            for socket in staying {
                socket.say(#"{"type":"ping","ref":"p"}"#)
                #expect(socket.message()?.ref == "p")
            }
        }
    }
}
