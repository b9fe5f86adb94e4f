// One conversation with Redis as a machine: replies go in, events come out, without a socket.

import MizuBytes
import Testing

@testable import MizuNews

@Suite("A conversation with Redis")
struct RedisSessionTests {
    private func begin(_ session: inout RedisSession) -> String {
        var out = ByteBuffer(capacity: 64)
        session.begin(to: &out)
        return String(decoding: out.readable, as: UTF8.self)
    }

    private func take(_ text: String, _ session: inout RedisSession) -> RedisSession.Event? {
        Array(text.utf8).withUnsafeBytes { bytes in
            guard case .value(let value, _) = RESPParser().parse(bytes) else { return nil }
            return session.take(value, in: bytes)
        }
    }

    private let hello = "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$4\r\nrole\r\n$7\r\nreplica\r\n"

    @Test("greets, then takes messages")
    func news() {
        var session = RedisSession(
            .news(name: "n", database: 3, mustBeMaster: false), as: .init(user: "u", password: "p"))
        #expect(
            begin(&session)
                == "*7\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\np\r\n$7\r\nSETNAME\r\n"
                + "$1\r\nn\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n")
        #expect(take(hello, &session) == .nothing && !session.isReady)
        #expect(take("+OK\r\n", &session) == .ready)
        #expect(
            take(">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n", &session)
                == .message(channel: "c", payload: "hi"))
        #expect(take(">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n", &session) == .subscribed("c"))
        #expect(take(">3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n", &session) == .nothing)
        #expect(take(">2\r\n$10\r\ninvalidate\r\n_\r\n", &session) == .nothing)
        #expect(take(":5\r\n", &session) == .nothing && take("+PONG\r\n", &session) == .nothing)
        #expect(take("-NOPERM no\r\n", &session) == .complaint("NOPERM"))
    }

    @Test("a refusal is told in words of our own: Redis repeats what it was sent")
    func refusals() {
        for (reply, words) in [
            (
                "-WRONGPASS invalid username-password pair\r\n",
                "it refuses the user or the password"
            ),
            ("-NOAUTH HELLO must be called\r\n", "it wants a password"),
            (
                "-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `u`, `p`\r\n",
                "it does not take HELLO 3 with a user and a password: Redis 6 or later is needed"
            ),
            ("-p\r\n", "it answers an error"), ("+OK\r\n", "it does not answer as Redis does"),
        ] {
            var session = RedisSession(
                .news(name: "n", database: 0, mustBeMaster: false),
                as: .init(user: "u", password: "p"))
            _ = begin(&session)
            #expect(take(reply, &session) == .refused(words))
        }
    }

    @Test("whom a Sentinel named must be a master")
    func role() {
        var session = RedisSession(.news(name: "n", database: 0, mustBeMaster: true), as: nil)
        _ = begin(&session)
        #expect(take(hello, &session) == .refused("the Sentinel's master is none any more"))
        session = RedisSession(.news(name: "n", database: 0, mustBeMaster: true), as: nil)
        _ = begin(&session)
        #expect(take("%1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n", &session) == .ready)
    }

    @Test("a Sentinel's answer is an address, or nothing is believed")
    func sentinel() {
        for (reply, event) in [
            (
                "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n6379\r\n",
                RedisSession.Event.master(.init("127.0.0.1", 6379))
            ),
            ("*-1\r\n", .refused("the Sentinel knows no master of that name")),
            (
                "*2\r\n$9\r\n127.0.0.1\r\n$1\r\n0\r\n",
                .refused("the Sentinel's answer is no address")
            ),
            ("*2\r\n$3\r\na b\r\n$1\r\n1\r\n", .refused("the Sentinel's answer is no address")),
            ("*1\r\n$3\r\na b\r\n", .refused("the Sentinel's answer is no address")),
        ] {
            var session = RedisSession(.sentinel(master: "m"), as: nil)
            _ = begin(&session)
            #expect(take(reply, &session) == event)
        }
    }
}
