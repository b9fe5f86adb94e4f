// What a socket may be, and for how long: presence's grace, the time to sign in and the end of
// credentials, by a clock that stands still until the test moves it. The same rules with several
// workers and real sockets are in PresenceTests and CredentialTests.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuRouting
import MizuSync
import MizuSyncService
import MizuTopics
import MizuWire
import Testing

@testable import MizuServer

/// `/ws` on the loopback: one worker with a `LiveService`. Nothing is committed.
final class LiveLoopback {
    let loop: Loopback
    let closed = Recorder()
    private let service: SyncService

    init(
        authMilliseconds: UInt64 = 10_000, graceMilliseconds: UInt64 = 30_000,
        requiresUser: Bool = false
    ) throws {
        let (clock, closed, workers) = (ManualClock(), closed, try Workers(count: 1))
        let service = try SyncService.start(
            MemoryStore(on: MemoryShelf(), epoch: "e1"), mutator: PutMutator(),
            limits: SyncLimits(), workers: workers, logger: .silent,
            authorize: .everybody, publish: { _, _, _ in })
        var hooks = LiveHooks()
        hooks.onPresence = membersByUser
        hooks.onMessage = { _, _ in .allow }
        hooks.onClose = { closed.hear($0.id) }
        hooks.requiresUser = requiresUser
        // `ann:5000`: ann, for five seconds more.
        hooks.authenticate = { token in
            let parts = token.split(separator: ":", omittingEmptySubsequences: false)
            let until = parts.dropFirst().first.flatMap { Int64($0) }.map {
                Expiry(unixMilliseconds: clock.wallMilliseconds + $0)
            }
            return .accepted(user: parts[0].isEmpty ? nil : String(parts[0]), until: until)
        }
        let limits = LiveLimits(
            authMilliseconds: authMilliseconds,
            presence: PresenceLimits(graceMilliseconds: graceMilliseconds, intervalMilliseconds: 5))
        let told = hooks
        loop = try Loopback(clock: clock, workers: workers) {
            // Its words would be among those that are tested.
            $0.heartbeatMilliseconds = 600_000
            $0.silenceMilliseconds = 1_200_000
        } configure: {
            $0.router = Router { routes in
                routes.get("/ws") { _ in .upgradeToWebSocket(service: 0) }
            }
            $0.webSockets = [{ LiveService(sync: service, hooks: told, limits: limits) }]
        }
        self.service = service
    }

    deinit { service.stop() }

    func socket() throws -> LoopbackClient {
        let client = loop.client()
        try #require(client.upgrade())
        return client
    }
}

@Suite("Moments of sockets") struct LiveMomentTests {
    private func auth(_ client: LoopbackClient, _ token: String) -> Message? {
        client.say(#"{"type":"auth","ref":"a","token":"\#(token)"}"#)
        return client.message()
    }

    /// The last words are the error and the close.
    private func expectEnd(_ client: LoopbackClient, _ code: String) {
        let error = client.message()
        #expect(error?.type == "error" && error?.code == code)
        #expect(error?.ref == nil && error?.topic == nil)
        #expect(client.message() == Message(closed: 1008))
        client.sendClose(1008)
        #expect(client.message() == nil)
    }

    @Test("who breaks off is shown for the grace, and has left when it is over")
    func graceEnds() throws {
        let live = try LiveLoopback()
        let (watcher, other) = (try live.socket(), try live.socket())
        var picture = try watcher.join("room:1", as: "ann")
        _ = try other.join("room:1", as: "bob")
        try watcher.follow(&picture) { $0.ids == ["ann", "bob"] }
        other.reset()
        let left = live.loop.elapsed
        #expect(!watcher.hasInput(milliseconds: 29_900))
        try watcher.follow(&picture) { $0.ids == ["ann"] }
        #expect(live.loop.elapsed - left >= 30_000 && live.loop.elapsed - left < 30_100)
    }

    @Test("who is back within the grace was never away, and has a whole one again")
    func back() throws {
        let live = try LiveLoopback()
        let watcher = try live.socket()
        var picture = try watcher.join("room:1", as: "ann")
        var other = try live.socket()
        _ = try other.join("room:1", as: "bob")
        try watcher.follow(&picture) { $0.ids == ["ann", "bob"] }
        for _ in 0..<3 {
            other.reset()
            #expect(!watcher.hasInput(milliseconds: 29_000))
            other = try live.socket()
            #expect(try other.join("room:1", as: "bob").ids == ["ann", "bob"])
        }
        other.reset()
        #expect(!watcher.hasInput(milliseconds: 29_900))
        try watcher.follow(&picture) { $0.ids == ["ann"] }
    }

    @Test("when all have gone and their graces are over nothing is kept")
    func nothingKept() throws {
        let live = try LiveLoopback()
        let clients = try (0..<6).map { _ in try live.socket() }
        for (index, client) in clients.enumerated() {
            for topic in ["room:1", "room:2", "room:3"] {
                _ = try client.join(topic, as: "m\(index)")
            }
        }
        for client in clients { client.reset() }
        live.loop.wait(milliseconds: 31_000)
        #expect(live.closed.heard.count == 6)
        #expect(live.loop.worker.nextMoment == nil, "nothing is left to wait for")
    }

    @Test("a socket of nobody has its time to sign in, and no more")
    func requiresUser() throws {
        let live = try LiveLoopback(requiresUser: true)
        let (hasty, silent) = (try live.socket(), try live.socket())
        live.loop.wait(milliseconds: 9_000)
        #expect(auth(hasty, "ann")?.type == "ack")
        expectEnd(silent, "unauthenticated")
        #expect(live.loop.elapsed >= 10_000 && live.loop.elapsed < 10_100)
        #expect(!hasty.hasInput(milliseconds: 100_000), "who signed in stays")
    }

    @Test("a token holds until its moment; a fresh one of the same user holds on")
    func expires() throws {
        let live = try LiveLoopback()
        let (once, renewing) = (try live.socket(), try live.socket())
        #expect(auth(once, "ann:60000")?.type == "ack")
        #expect(auth(renewing, "bob:60000")?.type == "ack")
        live.loop.wait(milliseconds: 50_000)
        #expect(auth(renewing, "bob:60000")?.type == "ack")
        expectEnd(once, "token_expired")
        #expect(live.loop.elapsed >= 60_000 && live.loop.elapsed < 60_100)
        expectEnd(renewing, "token_expired")
        #expect(live.loop.elapsed >= 110_000 && live.loop.elapsed < 110_100)
        #expect(live.closed.heard.count == 2)
    }

    @Test("many that end together all end, at their moment")
    func many() throws {
        let live = try LiveLoopback(requiresUser: true)
        let clients = try (0..<1_500).map { _ in try live.socket() }
        for client in clients { expectEnd(client, "unauthenticated") }
        #expect(live.closed.heard.count == 1_500)
        #expect(live.loop.elapsed < 10_100)
    }
}
