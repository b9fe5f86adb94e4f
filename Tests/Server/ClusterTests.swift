// Several nodes, each a server of its own, with news between them: topics, presence and the ends of
// credentials reach the sockets of all, once, and what a lost link or a lost node does to them.

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuSync
import MizuTestSupport
import Testing

@testable import MizuSyncService
@testable import MizuTopics

/// A node of a test.
private final class Node {
    let server: SyncServer
    let bus: NewsBus
    let carrier: BusNews
    let cluster: Cluster

    init(
        _ bus: NewsBus, workers: Int = 1, graceMilliseconds: UInt64 = 60_000,
        heartbeatMilliseconds: UInt64 = 50
    ) throws {
        self.bus = bus
        carrier = bus.join()
        let shared = try Workers(count: workers)
        var times = Cluster.Times()
        (times.heartbeat, times.silence) = (heartbeatMilliseconds, 500)
        cluster = Cluster(
            carrier, workers: shared, report: NodeReport(address: "test", version: "1"),
            times: times)
        server = try SyncServer(
            workers: shared, cluster: cluster,
            presence: PresenceSetting(
                hook: membersByUser,
                limits: PresenceLimits(
                    graceMilliseconds: graceMilliseconds, intervalMilliseconds: 5)))
        try cluster.start()
    }

    /// Whether the node's carrier follows the subject, so that nothing is missed from now on.
    func follows(_ subject: NewsSubject) -> Bool {
        let (bus, carrier) = (bus, carrier)
        return eventually { bus.follows(subject, carrier) }
    }
}

extension ServerStorey {
    @Suite("Nodes with news between them") struct ClusterTests {
        @Test("a message to a topic comes once to subscribers of every node", arguments: [1, 2])
        func topics(workers: Int) throws {
            let bus = try NewsBus()
            let (a, b) = (try Node(bus, workers: workers), try Node(bus, workers: workers))
            let here = try a.server.socket()
            let there = try (0..<3).map { _ in try b.server.socket() }
            for socket in [here] + there {
                socket.subscribe("chat")
                #expect(socket.message()?.type == "ack")
            }
            try #require(a.follows(.topic("chat")) && b.follows(.topic("chat")))
            #expect(!bus.follows(.topic("other"), b.carrier))
            a.server.feed.publish(topic: "chat", payload: #"{"n":1}"#)
            here.say(#"{"type":"publish","ref":"p","topic":"chat","payload":{"n":2}}"#)
            for socket in there {
                for number in 1...2 {
                    let message = try #require(socket.json())
                    #expect(message.member("type")?.string == "message")
                    #expect(message.member("payload")?.member("n")?.int == number)
                }
                // Nothing comes twice.
                socket.say(#"{"type":"ping","ref":"now"}"#)
                #expect(socket.json()?.member("type")?.string == "pong")
            }
            for socket in there { socket.say(#"{"type":"unsubscribe","ref":"u","topic":"chat"}"#) }
            try #require(eventually { !bus.follows(.topic("chat"), b.carrier) })
        }

        @Test("who is here is told over nodes, whoever comes and goes", arguments: [1, 2])
        func presence(workers: Int) throws {
            let bus = try NewsBus()
            let nodes = try (0..<3).map { _ in try Node(bus, workers: workers) }
            let ann = try nodes[0].server.socket()
            var picture = try ann.join("room", as: "ann", info: #"{"c":1}"#)
            try ann.follow(&picture) { $0.ids == ["ann"] }
            let bob = try nodes[1].server.socket()
            var seen = try bob.join("room", as: "bob")
            try ann.follow(&picture) { $0.ids == ["ann", "bob"] }
            try bob.follow(&seen) { $0.ids == ["ann", "bob"] }
            #expect(seen.info["ann"] == #"{"c":1}"#)
            // The same person at two nodes is one member until the last of both has left.
            let again = try nodes[2].server.socket()
            var third = try again.join("room", as: "ann", info: #"{"c":1}"#)
            try again.follow(&third) { $0.ids == ["ann", "bob"] }
            ann.say(#"{"type":"unsubscribe","ref":"u","topic":"room"}"#)
            bob.say(#"{"type":"unsubscribe","ref":"u","topic":"room"}"#)
            try again.follow(&third) { $0.ids == ["ann"] }
            try #require(eventually { nodes[0].server.hasNoGuests })
            #expect(try nodes[2].server.members(of: "room").map(\.id) == ["ann"])
        }

        @Test("a node that falls silent takes its members along, after their grace")
        func death() throws {
            let bus = try NewsBus()
            let (a, b) = (
                try Node(bus, graceMilliseconds: 200), try Node(bus, graceMilliseconds: 200)
            )
            let ann = try a.server.socket()
            _ = try ann.join("room", as: "ann")
            let bob = try b.server.socket()
            var picture = try bob.join("room", as: "bob")
            try bob.follow(&picture) { $0.ids == ["ann", "bob"] }
            try #require(eventually { b.cluster.nodes.map(\.node) == [a.carrier.node] })
            bus.kill(a.carrier)
            try bob.follow(&picture) { $0.ids == ["bob"] }
            #expect(eventually { b.cluster.nodes.isEmpty })
        }

        @Test("a node that ends in order leaves its members their grace")
        func order() throws {
            let bus = try NewsBus()
            let (a, b) = (try Node(bus), try Node(bus))
            let ann = try a.server.socket()
            _ = try ann.join("room", as: "ann")
            let bob = try b.server.socket()
            var picture = try bob.join("room", as: "bob")
            try bob.follow(&picture) { $0.ids == ["ann", "bob"] }
            a.cluster.stop()
            try #require(eventually { b.cluster.nodes.isEmpty })
            try bob.catchUp(&picture)
            #expect(picture.ids == ["ann", "bob"], "they are on their way to another node")
        }

        @Test("what was missed while a link was cut is made good")
        func cut() throws {
            let bus = try NewsBus()
            let (a, b) = (try Node(bus), try Node(bus))
            let ann = try a.server.socket()
            _ = try ann.join("room", as: "ann")
            let bob = try b.server.socket()
            var picture = try bob.join("room", as: "bob")
            try bob.follow(&picture) { $0.ids == ["ann", "bob"] }
            // The other side of the link is cut: what it says is lost.
            for node in [a, b] {
                bus.cut(node.carrier, true)
                try #require(eventually { !node.cluster.isConnected })
                let carl = try a.server.socket()
                var other = try carl.join("room", as: "carl")
                try carl.follow(&other) { $0.ids.isSuperset(of: ["ann", "carl"]) }
                bus.cut(node.carrier, false)
                try bob.follow(&picture) { $0.ids == ["ann", "bob", "carl"] }
                carl.say(#"{"type":"unsubscribe","ref":"u","topic":"room"}"#)
                try bob.follow(&picture) { $0.ids == ["ann", "bob"] }
            }
        }

        @Test("credentials and sessions that end at one node end at every node")
        func credentials() throws {
            let bus = try NewsBus()
            let (a, b) = (try Node(bus), try Node(bus))
            let mine = try b.server.socket("?user=ann&proof=s1")
            let other = try b.server.socket("?user=ann&proof=s2")
            try #require(eventually { (try? b.server.sessions().count) == 2 })
            try #require(b.follows(.nodes))
            a.server.feed.close(credential: "s1")
            #expect(mine.message()?.code == "token_expired")
            #expect(mine.message() == Message(closed: 1008))
            try #require(eventually { (try? b.server.sessions().count) == 1 })
            let id = try #require(try b.server.sessions().first).id
            a.server.feed.close(session: id)
            #expect(other.message() == Message(closed: 1008))
        }

        @Test("each node knows the others, and what they have")
        func heartbeats() throws {
            let bus = try NewsBus()
            let nodes = try (0..<3).map { _ in try Node(bus) }
            let socket = try nodes[0].server.socket()
            socket.subscribe("chat")
            for node in nodes[1...] {
                try #require(
                    eventually {
                        node.cluster.nodes.count == 2
                            && node.cluster.nodes.contains { entry in
                                entry.node == nodes[0].carrier.node
                                    && entry.report.figures["sockets"] == 1
                            }
                    })
            }
            #expect(nodes[1].cluster.nodes.allSatisfy { $0.report.address == "test" })
        }

        @Test("that a node drains is told at once, and not with the next heartbeat")
        func draining() throws {
            let bus = try NewsBus()
            let b = try Node(bus)
            let a = try Node(bus, heartbeatMilliseconds: 3_600_000)
            let socket = try a.server.socket()
            try #require(eventually { b.cluster.nodes.count == 1 })
            // Silence is another matter.
            #expect(b.cluster.nodes.first?.report.isDraining == false)
            a.server.server.drain()
            #expect(eventually { b.cluster.nodes.first?.report.isDraining == true })
            _ = socket
        }

        @Test("each node tells the others of which primary of the store it knows")
        func primaries() throws {
            let bus = try NewsBus()
            let nodes = try (0..<2).map { _ in try Node(bus) }
            let heard = (0..<2).map { _ in Box<PrimaryTerm>() }
            for (number, node) in nodes.enumerated() {
                let box = heard[number]
                node.cluster.compare(
                    { PrimaryTerm(system: 7, timeline: number + 1) }, { box.set($0) })
            }
            #expect(eventually { heard[0].value == PrimaryTerm(system: 7, timeline: 2) })
            #expect(eventually { heard[1].value == PrimaryTerm(system: 7, timeline: 1) })
        }
    }
}

extension SyncServer {
    /// Whether no worker keeps anything of a topic of presence.
    fileprivate var hasNoGuests: Bool {
        let counts = Box<Int>()
        workers.perform(on: 0) { worker in
            counts.set(worker.service(LiveService.self)?.presence?.table.topicCount ?? -1)
        }
        return eventually { counts.value != nil } && counts.value == 0
    }
}
