// The protocol's live half on real sockets (protocol.md, "GET /ws"): acks before deltas, pokes for
// who asked for pokes or is slow, permission, sessions, topics of the app.

import Glibc
import MizuBytes
import MizuEventLoop
import MizuServer
import MizuSync
import MizuWire
import Testing

@testable import MizuSyncService
@testable import MizuTopics

extension ServerStorey {
    @Suite("Sync and Live on sockets") struct SyncServiceTests {
        @Test("a subscriber gets its ack, then every change once, as deltas or as pokes")
        func order() throws {
            let server = try SyncServer()
            #expect(try server.push("a") == 1)
            let (deltas, pokes) = (try server.socket(), try server.socket())
            deltas.subscribe("sync:s", cursor: 0)
            pokes.subscribe("sync:s")
            for client in [deltas, pokes] {
                let ack = client.message()
                #expect(ack?.type == "ack" && ack?.ref == "sync:s" && ack?.cursor == 1)
            }
            let missed = deltas.message()
            #expect(missed?.type == "delta" && missed?.base == 0 && missed?.cursor == 1)
            for number in 2...4 {
                #expect(try server.push("n\(number)") == number)
                let delta = deltas.message()
                #expect(delta?.type == "delta" && delta?.base == number - 1)
                #expect(delta?.cursor == number)
                let poke = pokes.message()
                #expect(poke?.type == "sync" && poke?.cursor == number)
            }
        }

        @Test("a push over the socket is acknowledged with its results")
        func push() throws {
            let server = try SyncServer()
            let client = try server.socket()
            client.say(
                #"{"type":"push","ref":"p","scope":"s","mutations":[{"id":"m","name":"put","#
                    + #""args":{"id":"a"}}]}"#)
            #expect(client.message()?.ref == "p")
            client.subscribe("sync:s", cursor: 1)
            #expect(client.message()?.cursor == 1)
            client.subscribe("sync:s", cursor: 2)
            #expect(client.message()?.code == "epoch_changed")
        }

        @Test("while commits race, no delta comes before its ack and none is missing")
        func race() throws {
            let server = try SyncServer(workers: 2)
            try server.push("first")
            let total = 150
            let service = server.service
            var done = 0
            for number in 0..<total {
                let request = try PushRequest.parse(
                    ByteSlice(
                        #"{"scope":"s","mutations":[{"id":"r\#(number)","name":"put","#
                            + #""args":{"id":"n\#(number % 7)"}}]}"#), limits: service.limits)
                service.push(request, byteCount: 100) { _, _ in }
                guard number % 5 == 0 else { continue }
                let client = try server.socket()
                client.subscribe("sync:s", cursor: 1)
                let ack = client.message()
                #expect(ack?.type == "ack")
                // From 1 on without a gap, until the ack's own cursor is passed or reached.
                var position = 1
                while position < ack?.cursor ?? 0, let next = client.message() {
                    if next.type == "sync" { break }
                    #expect(next.type == "delta" && next.base == position)
                    guard next.type == "delta" else { break }
                    position = next.cursor ?? .max
                }
                done += 1
            }
            #expect(done == total / 5)
        }

        @Test("after a restart, who comes back goes on from the store")
        func restart() throws {
            let shelf = MemoryShelf()
            do {
                let server = try SyncServer(shelf: shelf)
                for name in ["a", "b", "c"] { try server.push(name) }
            }
            let server = try SyncServer(shelf: shelf, epoch: "e2")
            let (behind, pokes, unknown) = (
                try server.socket(), try server.socket(), try server.socket()
            )
            behind.subscribe("sync:s", cursor: 1)
            #expect(behind.message()?.cursor == 3)
            let delta = behind.message()
            #expect(delta?.type == "delta" && delta?.base == 1 && delta?.cursor == 3)
            pokes.subscribe("sync:s")
            #expect(pokes.message()?.cursor == 3)
            unknown.subscribe("sync:s", cursor: 3, epoch: "other")
            #expect(unknown.message()?.code == "epoch_changed")
            #expect(try server.push("d") == 4)
            #expect(behind.message()?.base == 3)
            #expect(pokes.message()?.cursor == 4)
        }

        /// Both readers wait until the box is filled.
        private func holdReaders(of server: SyncServer) throws -> Box<Bool> {
            let (go, begun) = (Box<Bool>(), Recorder())
            for _ in 0..<2 {
                server.service.read(for: server.service.ownAsker, of: "s") {
                    _, _ in
                    begun.hear("one")
                    _ = eventually { go.value != nil }
                } answer: { _ in
                }
            }
            // One that has not begun would let others go first.
            try #require(eventually { begun.heard.count == 2 })
            return go
        }

        @Test("an unsubscribe and a lost permission overtake a subscribe that asks the store")
        func overtaken() throws {
            let shelf = MemoryShelf()
            do { try SyncServer(shelf: shelf).push("a") }
            let server = try SyncServer(shelf: shelf, epoch: "e2")
            let (client, other) = (try server.socket(), try server.socket())
            // Both readers wait, so that what comes meanwhile is sure to come first.
            let go = try holdReaders(of: server)
            client.subscribe("sync:s")
            client.say(#"{"type":"unsubscribe","ref":"u","topic":"sync:s"}"#)
            #expect(client.message()?.ref == "u")
            other.subscribe("sync:s")
            other.say(#"{"type":"ping","ref":"p"}"#)
            #expect(other.message()?.ref == "p")
            go.set(true)
            #expect(client.message()?.ref == "sync:s", "a request is always answered")
            #expect(other.message()?.type == "ack")
            try server.push("b")
            #expect(other.message()?.type == "sync")
            client.say(#"{"type":"ping","ref":"last"}"#)
            #expect(client.message()?.ref == "last", "nothing of the scope came")

            let third = try server.socket()
            let again = try holdReaders(of: server)
            third.subscribe("sync:unread")
            third.say(#"{"type":"ping","ref":"p"}"#)
            #expect(third.message()?.ref == "p")
            server.permissions.deny("unread")
            server.feed.permissionsChanged()
            again.set(true)
            #expect(third.message()?.code == "scope_denied")
        }

        @Test("who does not read gets one poke in place of many deltas, and then goes on")
        func slow() throws {
            let server = try SyncServer { $0.sendQueueMessagesMax = 8 }
            try server.push("first")
            let client = RawClient(server.server.ports[0], receiveBytes: 4096)
            try #require(client.upgrade())
            client.subscribe("room:x")
            client.subscribe("sync:s", cursor: 1)
            #expect(client.message()?.ref == "room:x")
            #expect(client.message()?.ref == "sync:s")
            // Fills what the kernel takes.
            let filler = ByteSlice(
                [UInt8(ascii: "\"")] + [UInt8](repeating: 120, count: 200_000)
                    + [UInt8(ascii: "\"")])
            var isBlocked = false
            for _ in 0..<200 where !isBlocked {
                server.feed.publish(topic: "room:x", payload: filler)
                let fill = Box<Bool>()
                server.workers.perform(on: 0) { worker in
                    let socket = worker.service(LiveService.self)?.sockets.all.first?.token
                    fill.set(socket.flatMap { worker.fill(of: $0)?.isBlocked } ?? false)
                }
                #expect(eventually { fill.value != nil })
                isBlocked = fill.value ?? false
            }
            try #require(isBlocked)
            for number in 2...60 { try server.push("n\(number)") }
            var (cursor, gaps, pokes) = (1, 0, 0)
            while cursor < 60, let message = client.message() {
                switch message.type {
                case "delta":
                    if message.base != cursor { gaps += 1 }
                    cursor = message.cursor ?? .max
                case "sync":
                    pokes += 1
                    cursor = message.cursor ?? .max
                default: break
                }
            }
            #expect(cursor == 60 && gaps == 0)
            #expect(pokes >= 1 && pokes <= 2, "pokes: \(pokes)")
            try server.push("last")
            let last = client.message()
            #expect(last?.type == "delta" && last?.base == 60)
        }

        // MARK: Who may, who is here

        @Test("a permission that goes ends the subscription, of a scope and of an app's topic")
        func permissions() throws {
            let server = try SyncServer()
            let client = try server.socket()
            for topic in ["sync:s", "sync:t", "room:1"] {
                client.subscribe(topic)
                #expect(client.message()?.type == "ack")
            }
            server.permissions.deny("s")
            server.permissions.deny("room:1")
            server.feed.permissionsChanged()
            var codes: [String?] = []
            for _ in 0..<2 {
                let message = client.message()
                #expect(message?.type == "error" && message?.ref == nil)
                codes.append(message?.code)
            }
            #expect(Set(codes) == ["scope_denied", "topic_denied"])
            try server.push("a", to: "t")
            #expect(client.message()?.topic == "sync:t")
            client.subscribe("sync:s")
            #expect(client.message()?.code == "scope_denied")
            // Asked again and refused, the subscription that stood is over, too.
            server.permissions.deny("t")
            client.subscribe("sync:t")
            #expect(client.message()?.code == "scope_denied")
            server.feed.notify(scope: "t")
            client.say(#"{"type":"ping","ref":"p"}"#)
            #expect(client.message()?.ref == "p")
            #expect(try server.sessions().first?.topics == [])
            let refused = RawClient(server.server.ports[0])
            #expect(refused.post("/_sync/pull", #"{"scope":"s","cursor":0}"#)?.status == 403)
        }

        @Test("sessions are listed, closed with 1008, and gone from every table")
        func sessions() throws {
            let server = try SyncServer(workers: 2)
            let clients = try (0..<4).map { _ in try server.socket() }
            for client in clients {
                client.say(#"{"type":"auth","ref":"a","token":"ann"}"#)
                #expect(client.message()?.ref == "a")
                client.subscribe("sync:s")
                #expect(client.message()?.type == "ack")
            }
            let listed = try server.sessions()
            #expect(listed.count == 4 && Set(listed.map(\.id)).count == 4)
            #expect(listed.allSatisfy { $0.user == "ann" && $0.topics == ["sync:s"] })
            for session in listed { server.feed.close(session: session.id) }
            for client in clients {
                #expect(client.message() == Message(closed: 1008))
                client.sendClose(1008)
                client.close()
            }
            #expect(eventually { server.closed.heard.count == 4 })
            #expect(Set(server.closed.heard) == Set(listed.map(\.id)))
            #expect(try server.sessions().isEmpty)
            for index in 0..<2 {
                let left = Box<Int>()
                server.workers.perform(on: index) { worker in
                    let service = worker.service(LiveService.self)
                    left.set(
                        (service?.subscriptions.topics.count ?? -1)
                            + (service?.sockets.count ?? -1))
                }
                #expect(eventually { left.value != nil })
                #expect(left.value == 0)
            }
        }

        @Test("another user's token is refused, and the socket closed with 1008")
        func wrongUser() throws {
            let server = try SyncServer()
            let client = try server.socket()
            for token in ["bad", "ann", "bob"] {
                client.say(#"{"type":"auth","ref":"\#(token)","token":"\#(token)"}"#)
            }
            #expect(client.message()?.code == "unauthenticated")
            #expect(client.message()?.type == "ack")
            #expect(client.message()?.code == "wrong_user")
            #expect(client.message() == Message(closed: 1008))
        }

        @Test("what is published reaches a topic's subscribers on every worker, but not its sender")
        func topics() throws {
            let server = try SyncServer(workers: 2)
            let clients = try (0..<6).map { _ in try server.socket() }
            for client in clients {
                client.subscribe("room:1")
                #expect(client.message()?.type == "ack")
            }
            clients[0].say(#"{"type":"publish","ref":"x","topic":"room:1","payload":{"n":1}}"#)
            #expect(clients[0].message()?.ref == "x")
            for client in clients.dropFirst() {
                #expect(client.message()?.type == "message")
            }
            server.feed.publish(topic: "room:1", payload: "2")
            for client in clients { #expect(client.message()?.type == "message") }
            server.feed.publish(topic: "sync:s", payload: "3")
            clients[0].say(#"{"type":"publish","ref":"y","topic":"sync:s","payload":1}"#)
            #expect(clients[0].message()?.code == "topic_denied")
        }

        @Test("an idle socket with one subscription takes at most 300 bytes in all tables")
        func footprint() {
            typealias Table = TopicTable<SubscriptionState>
            let session = MemoryLayout<LiveSocket?>.stride
            let live = Table.bytesPerSubscription + Table.bytesPerConnection
            let connection = FaultTests.connectionBytes
            #expect(connection + session + live <= 300, "\(connection) + \(session) + \(live)")
        }

        @Test("a word that a scope may have moved is a poke to its subscribers")
        func notify() throws {
            let server = try SyncServer()
            try server.push("a")
            let client = try server.socket()
            client.subscribe("sync:s")
            #expect(client.message()?.cursor == 1)
            server.feed.notify(scope: "s")
            let poke = client.message()
            #expect(poke?.type == "sync" && poke?.cursor == 1)
        }

        @Test("a silent subscriber is poked for its topics in turn, also where the tail knows none")
        func heartbeat() throws {
            let shelf = MemoryShelf()
            do { try SyncServer(shelf: shelf).push("a") }
            let server = try SyncServer(shelf: shelf, epoch: "e2") {
                $0.heartbeatMilliseconds = 40
            }
            let client = try server.socket()
            #expect(client.message()?.type == "pong")
            for topic in ["sync:s", "sync:t"] { client.subscribe(topic) }
            var poked: Set<String> = []
            // Signs of life may stand before the answers; of those behind them each is a poke.
            var (acks, behind) = (0, 0)
            while poked.count < 2, behind < 20, let message = client.message() {
                if message.type == "ack" { acks += 1 }
                if acks == 2 { behind += 1 }
                if message.type == "sync", let topic = message.topic { poked.insert(topic) }
            }
            #expect(poked == ["sync:s", "sync:t"])
        }
    }
}
