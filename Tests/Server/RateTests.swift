// How often an address may ask, on `/_sync/*` and on a socket (protocol.md, 429 and 1013).

import Glibc
import MizuServer
import Testing

@testable import MizuSyncService

extension ServerStorey {
    @Suite("Rates of requests and messages") struct RateTests {
        private static let pull = #"{"scope":"s","cursor":0}"#

        @Test("beyond the burst a request is 429 with Retry-After, and later one is good again")
        func requests() throws {
            let server = try SyncServer(
                limiter: RateLimiter(
                    TokenRate(perSecond: 2, burst: 4), exempt: AddressRanges()))
            let client = RawClient(server.server.ports[0])
            var good = 0
            var refusal: RawResponse?
            for _ in 0..<100 {
                let answer = client.post("/_sync/pull", Self.pull)
                if answer?.status == 200 {
                    good += 1
                } else {
                    refusal = answer
                    break
                }
            }
            #expect(good >= 4 && good < 50)
            #expect(refusal?.status == 429)
            #expect(refusal?.head.contains("Retry-After: 1\r\n") == true)
            #expect(refusal?.head.contains("Cache-Control: no-store\r\n") == true)
            #expect(refusal?.text.contains(#""code":"rate_limited""#) == true)
            #expect(eventually { client.post("/_sync/pull", Self.pull)?.status == 200 })
        }

        @Test("a message too many is answered rate_limited with its ref; the socket stays")
        func messages() throws {
            let server = try SyncServer(
                limiter: RateLimiter(
                    TokenRate(perSecond: 2, burst: 4), exempt: AddressRanges()))
            let client = try server.socket()
            for number in 0..<20 { client.say(#"{"type":"ping","ref":"\#(number)"}"#) }
            let answers = (0..<20).map { _ in client.message() }
            #expect(answers.first??.type == "pong")
            #expect(answers.last??.type == "error" && answers.last??.code == "rate_limited")
            for (number, answer) in answers.enumerated() { #expect(answer?.ref == "\(number)") }
            client.say("nonsense")
            #expect(client.message()?.code == "rate_limited", "it costs a token, too")
            #expect(
                eventually {
                    client.say(#"{"type":"ping","ref":"x"}"#)
                    return client.message()?.type == "pong"
                })
        }

        @Test("a socket too many is told so after the upgrade, and closed with 1013")
        func sockets() throws {
            let server = try SyncServer(
                limiter: RateLimiter(
                    TokenRate(perSecond: 1, burst: 2), exempt: AddressRanges()))
            var closed: RawClient?
            for _ in 0..<100 {
                let client = try server.socket()
                client.say(#"{"type":"ping","ref":"x"}"#)
                if client.message()?.code == "rate_limited" {
                    guard client.message()?.type == "close" else { continue }
                    closed = client
                    break
                }
            }
            #expect(closed != nil)
        }

        @Test("exempt addresses may ask as often as they like")
        func exempt() throws {
            let server = try SyncServer(
                limiter: RateLimiter(TokenRate(perSecond: 1, burst: 1)))
            let client = RawClient(server.server.ports[0])
            for _ in 0..<50 { #expect(client.post("/_sync/pull", Self.pull)?.status == 200) }
            let socket = try server.socket()
            for _ in 0..<50 { socket.say(#"{"type":"ping","ref":"x"}"#) }
            for _ in 0..<50 { #expect(socket.message()?.type == "pong") }
        }
    }
}
