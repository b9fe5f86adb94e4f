// Where Redis is, as people write it; and that no complaint and no description repeats a password.

import MizuTestSupport
import Testing

@testable import MizuNews

@Suite("Redis' URL")
struct RedisURLTests {
    @Test("the forms")
    func forms() throws {
        let plain = try RedisURL("redis://example.org")
        #expect(plain.place == .host(.init("example.org", 6379)))
        #expect(plain.credentials == nil && plain.database == 0 && !plain.isSecure)
        let full = try RedisURL("rediss://ann:p%40ss%2F@[::1]:6380/7")
        #expect(full.place == .host(.init("::1", 6380)))
        #expect(full.credentials == .init(user: "ann", password: "p@ss/"))
        #expect(full.database == 7 && full.isSecure)
        #expect(full.description == "rediss://[::1]:6380/7")
        #expect(
            try RedisURL("redis://:word@h").credentials == .init(user: "default", password: "word"))
        #expect(
            try RedisURL("redis://word@h").credentials == .init(user: "default", password: "word"))
        let socket = try RedisURL("unix:/run/redis/redis.sock?db=3")
        #expect(socket.place == .socket("/run/redis/redis.sock") && socket.database == 3)
        #expect(try RedisURL("unix:///run/a@b").place == .socket("/run/a@b"))
        let secret = try RedisURL("unix://u:p@/run/redis.sock")
        #expect(secret.place == .socket("/run/redis.sock"))
        #expect(secret.credentials == .init(user: "u", password: "p"))
    }

    @Test("Sentinels, in the form of Lettuce and fred")
    func sentinels() throws {
        let url = try RedisURL(
            "redis-sentinel://:word@a,b:26380/2?sentinelMasterId=mizu&sentinelPassword=other")
        #expect(
            url.place == .sentinels([.init("a", 26379), .init("b", 26380)], master: "mizu"))
        #expect(url.credentials == .init(user: "default", password: "word"))
        #expect(url.sentinelCredentials == .init(user: "default", password: "other"))
        #expect(url.database == 2)
        #expect(url.description == "redis-sentinel://a:26379,b:26380/2?sentinelMasterId=mizu")
        #expect(
            try RedisURL("rediss-sentinel://a/0#m").place
                == .sentinels([.init("a", 26379)], master: "m"))
    }

    @Test(
        "what is wrong is said without the password",
        arguments: [
            "", "secret", "http://secret@h", "redis:secret", "redis://", "redis://:secret@",
            "redis://:secret@h:0", "redis://:secret@h:65536", "redis://:secret@h:x",
            "redis://:secret@h/x",
            "redis://:secret@h/65536", "redis://:secret%@h", "redis://:secret%00@h",
            "redis://:secret@h?secret",
            "redis://:secret@h?password=secret", "redis://:secret@h#secret", "redis://:secret@::1",
            "redis://:secret@[h]", "redis://:secret@h h", "unix:secret", "unix://:secret@relative",
            "redis-sentinel://:secret@a,b", "redis-sentinel://:secret@a,,b?sentinelMasterId=m",
            "redis-sentinel://:secret@?sentinelMasterId=m",
        ])
    func complaints(_ text: String) {
        do {
            let url = try RedisURL(text)
            Issue.record("\(text) was taken as \(url)")
        } catch {
            #expect(!error.description.contains("secret"))
        }
    }

    @Test("whatever is written, nothing traps")
    func anything() {
        let signs = [
            "redis", "s", "-sentinel", "unix", ":", "//", "@", "/", "?", "#", "[", "]", ",", "%41",
            "=", "é", "9",
        ]
        for seed in 0..<2_000 {
            var numbers = SeededGenerator(seed: UInt64(seed))
            let text = (0..<numbers.next(below: 12)).map { _ in
                signs[numbers.next(below: signs.count)]
            }
            _ = try? RedisURL(text.joined())
        }
    }
}

@Suite("Waits between attempts")
struct BackOffTests {
    @Test("they double up to the limit, with a random half, and begin anew")
    func steps() {
        var backOff = BackOff(firstMilliseconds: 50, lastMilliseconds: 1_000)
        var numbers = SeededGenerator(seed: 1)
        for step: UInt64 in [50, 100, 200, 400, 800, 1_000, 1_000] {
            #expect((step / 2...step).contains(backOff.failed(&numbers)))
        }
        for _ in 0..<100 { _ = backOff.failed(&numbers) }
        backOff.succeeded()
        #expect((25...50).contains(backOff.failed(&numbers)))
    }
}
