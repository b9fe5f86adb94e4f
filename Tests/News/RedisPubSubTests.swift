// Redis' pub/sub against a real redis-server: what is published is heard, and a Redis that is lost,
// stopped, wiped or wrong costs the news and nothing else.

import Glibc
import Logging
import MizuBytes
import MizuEventLoop
import MizuTransport
import Synchronization
import Testing

@testable import MizuNews

@Suite(
    "Redis' pub/sub", .serialized, .disabled(if: redisIsMissing, "redis-server is not installed"))
struct RedisPubSubTests {
    private func pubSub(
        _ url: String, _ heard: Heard, _ change: (inout RedisPubSub.Settings) -> Void = { _ in }
    ) throws -> RedisPubSub {
        var settings = RedisPubSub.Settings(url: try RedisURL(url))
        settings.backOff = BackOff(firstMilliseconds: 10, lastMilliseconds: 50)
        // No machine is so slow that it matters, but where a test says so.
        settings.attemptMilliseconds = 60_000
        settings.silenceMilliseconds = 60_000
        change(&settings)
        let pubSub = try RedisPubSub(
            settings, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            receive: heard.receive)
        try pubSub.start()
        return pubSub
    }

    private func stop(_ pubSub: RedisPubSub) {
        #expect(pubSub.stop(withinMilliseconds: 30_000) == .ended)
    }

    @Test("who subscribes hears what is published from then on, and no more once it gave up")
    func publishing() throws {
        let redis = try TestRedis()
        let (heardA, heardB) = (Heard(), Heard())
        let a = try pubSub(redis.url, heardA)
        let b = try pubSub(redis.url + "?db=3", heardB)
        try #require(try heardA.waits(for: "connected") && heardB.waits(for: "connected"))
        b.subscribe(to: "one")
        b.subscribe(to: "two")
        try #require(try heardB.waits(for: "subscribed one") && heardB.waits(for: "subscribed two"))
        a.publish("hello", to: "one")
        a.publish("\r\n$5\r\n\0", to: "two")
        try #require(try heardB.waits(for: "one: hello") && heardB.waits(for: "two: \r\n$5\r\n\0"))
        b.unsubscribe(from: "one")
        try #require(try eventuallyNow { try redis.listeners(of: "one") == 0 })
        a.publish("nobody", to: "one")
        a.publish("end", to: "two")
        try #require(try heardB.waits(for: "two: end"))
        #expect(!heardB.all.contains("one: nobody") && !heardA.all.contains("one: hello"))
        let large = ByteSlice([UInt8](repeating: 7, count: 3 << 20))
        a.publish(large, to: "two")
        try #require(try heardB.waits(for: "two: \(large.count) bytes"))
        // Counted once it was handed on.
        try #require(try eventuallyNow { b.statistics.receivedMessages == 4 })
        let statistics = b.statistics
        #expect(statistics.isConnected && statistics.channels == 1)
        #expect(a.statistics.publishedMessages == 5)
        stop(a)
        stop(b)
    }

    @Test("ten thousand channels are asked for, given up and asked for again")
    func channels() throws {
        let redis = try TestRedis()
        let heard = Heard()
        let pubSub = try pubSub(redis.url, heard)
        for number in 0..<10_000 { pubSub.subscribe(to: ByteSlice("channel \(number)")) }
        func count() throws -> Int { try redis.ask(["PUBSUB", "CHANNELS"]).count }
        try #require(try eventuallyNow { try redis.listeners(of: "channel 9999") == 1 })
        try #require(try heard.waits(for: "subscribed channel 0"))
        for number in 0..<9_990 { pubSub.unsubscribe(from: ByteSlice("channel \(number)")) }
        try #require(try eventuallyNow { try redis.listeners(of: "channel 0") == 0 })
        try redis.ask(["CLIENT", "KILL", "TYPE", "pubsub"])
        try #require(
            try heard.waits(for: "disconnected") && heard.waits(for: "connected", times: 2))
        try #require(try eventuallyNow { try redis.listeners(of: "channel 9995") == 1 })
        #expect(try redis.listeners(of: "channel 17") == 0)
        stop(pubSub)
    }

    @Test("Redis that is killed and starts again is found again, with all channels")
    func restart() throws {
        let redis = try TestRedis()
        let heard = Heard()
        let pubSub = try pubSub(redis.url, heard)
        pubSub.subscribe(to: "one")
        try #require(try heard.waits(for: "subscribed one"))
        redis.kill()
        try #require(try heard.waits(for: "disconnected"))
        pubSub.subscribe(to: "two")
        pubSub.unsubscribe(from: "one")
        pubSub.publish("lost", to: "two")
        #expect(pubSub.statistics.droppedMessages == 1)
        try redis.start()
        try #require(try heard.waits(for: "subscribed two"))
        pubSub.publish("found", to: "two")
        try #require(try heard.waits(for: "two: found"))
        #expect(try redis.listeners(of: "one") == 0)
        #expect(!heard.all.contains("two: lost"))
        stop(pubSub)
    }

    @Test("it may start before Redis, and ends without it")
    func late() throws {
        let redis = try TestRedis()
        redis.kill()
        let heard = Heard()
        let pubSub = try pubSub(redis.url, heard)
        pubSub.subscribe(to: "one")
        try #require(try eventuallyNow { !pubSub.statistics.lastFailure.isEmpty })
        try redis.start()
        try #require(try heard.waits(for: "subscribed one"))
        redis.kill()
        stop(pubSub)
    }

    @Test("a stopped Redis blocks nobody and holds no memory")
    func stopped() throws {
        let redis = try TestRedis()
        let heard = Heard()
        let pubSub = try pubSub(redis.url, heard) {
            $0.waitingBytesMax = 1 << 20
            $0.attemptMilliseconds = 300
            $0.quietMilliseconds = 100
            $0.silenceMilliseconds = 300
        }
        pubSub.subscribe(to: "one")
        try #require(try heard.waits(for: "subscribed one"))
        redis.pause()
        let payload = ByteSlice([UInt8](repeating: 65, count: 100_000))
        // 200 MB: they come back at once, and nearly all are dropped.
        for _ in 0..<2_000 { pubSub.publish(payload, to: "one") }
        #expect(pubSub.statistics.droppedMessages > 1_900)
        try #require(try heard.waits(for: "disconnected"))
        // The kernel takes connections for it; nobody answers.
        try #require(try eventuallyNow { pubSub.statistics.lastFailure == "it does not answer" })
        heard.forget()
        redis.resume()
        try #require(try heard.waits(for: "subscribed one"))
        // On a machine that is as slow as those limits a connection may end again, and lose it.
        try #require(
            try eventuallyNow {
                pubSub.publish("back", to: "one")
                return heard.all.contains("one: back")
            })
        stop(pubSub)
    }

    @Test("FLUSHALL takes nothing from it")
    func flushed() throws {
        let redis = try TestRedis()
        let heard = Heard()
        let pubSub = try pubSub(redis.url, heard)
        pubSub.subscribe(to: "one")
        try #require(try heard.waits(for: "subscribed one"))
        try redis.ask(["FLUSHALL"])
        pubSub.publish("still", to: "one")
        try #require(try heard.waits(for: "one: still"))
        stop(pubSub)
    }

    @Test("a wrong password, a user without rights, a database that is not there")
    func refusals() throws {
        let redis = try TestRedis(["--requirepass", "right"])
        func failure(_ url: String) throws -> String {
            let pubSub = try pubSub(url, Heard())
            defer { stop(pubSub) }
            _ = try eventuallyNow { !pubSub.statistics.lastFailure.isEmpty }
            return pubSub.statistics.lastFailure
        }
        #expect(try failure(redis.url) == "it wants a password")
        #expect(
            try failure("unix://:wrong@\(redis.socket)") == "it refuses the user or the password")
        #expect(
            try failure("unix://:right@\(redis.socket)?db=99") == "it has no such database")
        let heard = Heard()
        let right = try pubSub("unix://:right@\(redis.socket)", heard)
        try #require(try heard.waits(for: "connected"))
        try redis.ask(
            ["ACL", "SETUSER", "ann", "on", ">word", "+hello", "+publish", "resetchannels"],
            password: "right")
        let ann = try pubSub("unix://ann:word@\(redis.socket)", Heard())
        try #require(try eventuallyNow { ann.statistics.isConnected })
        ann.publish("no", to: "one")
        right.subscribe(to: "one")
        try #require(try heard.waits(for: "subscribed one"))
        #expect(ann.statistics.isConnected)
        stop(ann)
        stop(right)
    }

    @Test("over TLS, by a name and with a certificate that is believed, and not without")
    func secure() throws {
        let redis = try TestRedis(isSecure: true)
        let heard = Heard()
        let pubSub = try pubSub("rediss://localhost:\(redis.port)", heard) {
            $0.trust = .file(redis.certificate)
        }
        pubSub.subscribe(to: "one")
        try #require(try heard.waits(for: "subscribed one"))
        let large = ByteSlice([UInt8](repeating: 7, count: 1 << 20))
        pubSub.publish(large, to: "one")
        try #require(try heard.waits(for: "one: \(large.count) bytes"))
        stop(pubSub)
        let stranger = try self.pubSub("rediss://127.0.0.1:\(redis.port)", Heard())
        try #require(
            try eventuallyNow {
                stranger.statistics.lastFailure.hasPrefix("the certificate is refused")
            })
        stop(stranger)
        let plain = try self.pubSub("redis://127.0.0.1:\(redis.port)", Heard()) {
            $0.attemptMilliseconds = 500
        }
        try #require(try eventuallyNow { !plain.statistics.lastFailure.isEmpty })
        #expect(!plain.statistics.isConnected)
        stop(plain)
        #expect(throws: TLSError.self) {
            _ = try self.pubSub("rediss://localhost", Heard()) { $0.trust = .file("/missing") }
        }
    }

    @Test("a fake Redis that sends garbage is left, and tried again")
    func garbage() throws {
        let redis = try TestRedis()
        redis.kill()
        let hello = "%1\r\n+role\r\n+master\r\n"
        let fake = try FakeRedis(
            at: redis.socket,
            [
                "HTTP/1.1 400 Bad Request\r\n\r\n", "*100000\r\n", "$99999999999\r\n",
                hello + ":\u{0}\r\n", hello + ">3\r\n$7\r\nmessage\r\n$3\r\none\r\n$3\r\nabcd\r\n",
                "", "-",
                hello
                    + ">3\r\n+message\r\n+stranger\r\n+hello\r\n>1\r\n+x\r\n>3\r\n:1\r\n:2\r\n:3\r\n",
            ])
        let heard = Heard()
        let pubSub = try pubSub(redis.url, heard) {
            $0.attemptMilliseconds = 200
            $0.quietMilliseconds = 100
            $0.silenceMilliseconds = 200
        }
        pubSub.subscribe(to: "one")
        try #require(try eventuallyNow { fake.served >= 8 })
        #expect(!heard.all.contains { $0.hasPrefix("stranger") || $0.hasPrefix("one") })
        fake.stop()
        try redis.start()
        try #require(try heard.waits(for: "subscribed one"))
        stop(pubSub)
    }

    @Test("a Sentinel says where the master is")
    func sentinel() throws {
        let redis = try TestRedis(hasPort: true)
        let answer = "*2\r\n+127.0.0.1\r\n$\(String(redis.port).count)\r\n\(redis.port)\r\n"
        let known = Known()
        let sentinel = try FakeRedis { _ in known.isTrue ? answer : "*-1\r\n" }
        let heard = Heard()
        let pubSub = try pubSub(
            "redis-sentinel://127.0.0.1:1,127.0.0.1:\(sentinel.port)?sentinelMasterId=mizu", heard)
        pubSub.subscribe(to: "one")
        try #require(
            try eventuallyNow {
                pubSub.statistics.lastFailure == "the Sentinel knows no master of that name"
            })
        known.isTrue = true
        try #require(try heard.waits(for: "subscribed one"))
        try redis.ask(["REPLICAOF", "127.0.0.1", "1"])
        try redis.ask(["CLIENT", "KILL", "TYPE", "pubsub"])
        try #require(
            try eventuallyNow {
                pubSub.statistics.lastFailure == "the Sentinel's master is none any more"
            })
        try redis.ask(["REPLICAOF", "NO", "ONE"])
        try #require(try heard.waits(for: "subscribed one", times: 2))
        stop(pubSub)
        sentinel.stop()
    }
}

/// A word that a test says to a fake server's thread.
private final class Known: Sendable {
    private let value = Atomic<Bool>(false)
    var isTrue: Bool {
        get { value.load(ordering: .acquiring) }
        set { value.store(newValue, ordering: .releasing) }
    }
}
