// How often an address may ask, on `/_sync/*` and on a socket (protocol.md, 429 and 1013).

import Glibc
import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuRouting
import MizuServer
import MizuWebSocket
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

        @Test("a message too many is passed over unread, which is said once, and the socket stays")
        func messages() throws {
            let server = try SyncServer(
                limiter: RateLimiter(
                    TokenRate(perSecond: 2, burst: 4), exempt: AddressRanges()))
            let client = try server.socket()
            for number in 0..<20 { client.say(#"{"type":"ping","ref":"\#(number)"}"#) }
            var pongs = 0
            var answer = client.message()
            while answer?.type == "pong" {
                #expect(answer?.ref == "\(pongs)")
                pongs += 1
                answer = client.message()
            }
            #expect((1..<20).contains(pongs))
            #expect(answer?.type == "error" && answer?.code == "rate_limited")
            #expect(answer?.ref == nil)
            #expect(
                eventually {
                    client.say(#"{"type":"ping","ref":"x"}"#)
                    guard client.hasInput(milliseconds: 300) else { return false }
                    return client.message()?.type == "pong"
                })
        }

        @Test("who goes on though nothing is heard is closed with 1008")
        func goesOn() throws {
            let server = try SyncServer(
                limiter: RateLimiter(
                    TokenRate(perSecond: 1, burst: 4), exempt: AddressRanges()))
            let client = try server.socket()
            for _ in 0..<2 * SocketMeterLimits.passedMax { client.say(#"{"type":"ping"}"#) }
            var told = 0
            while let message = client.message() {
                told += message.code == "rate_limited" ? 1 : 0
                guard message.type == "close" else { continue }
                #expect(message.code == "1008")
                break
            }
            #expect((1..<20).contains(told))
        }

        @Test("a message costs by what comes out of it, and one too many is not inflated")
        func bombs() throws {
            let server = try SyncServer(
                limiter: RateLimiter(
                    TokenRate(perSecond: 1, burst: 40), exempt: AddressRanges()))
            let client = RawClient(server.server.ports[0])
            try #require(client.upgrade(offering: "permessage-deflate") != nil)
            let deflater = try #require(Deflater())
            var payload = ByteBuffer(capacity: 8192)
            try [UInt8](repeating: 0x20, count: 1 << 20).withUnsafeBytes { spaces in
                try #require(deflater.deflate(spaces, context: .fresh, into: &payload))
            }
            client.send(RawClient.frame(0xC1, [UInt8](payload.readable)))
            #expect(client.message()?.code == "invalid_request", "spaces are no message")
            // 64 tokens: what follows is damaged, and nobody looks.
            client.send(RawClient.frame(0xC1, [UInt8](repeating: 0xFF, count: 40)))
            #expect(client.message()?.code == "rate_limited")
            let other = RawClient(server.server.ports[0])
            #expect(other.post("/_sync/pull", Self.pull)?.status == 429, "the same bucket")
        }

        @Test("a push costs by its mutations and its bytes, and is not refused for being large")
        func pushes() throws {
            let server = try SyncServer(
                limiter: RateLimiter(
                    TokenRate(perSecond: 1, burst: 10), exempt: AddressRanges()))
            let client = RawClient(server.server.ports[0])
            let mutations = (0..<100).map {
                #"{"id":"m\#($0)","name":"put","args":{"id":"\#($0)"}}"#
            }.joined(separator: ",")
            let push = #"{"scope":"s","mutations":[\#(mutations)]}"#
            #expect(client.post("/_sync/push", push)?.status == 200)
            let refused = client.post("/_sync/pull", Self.pull)
            #expect(refused?.status == 429)
            let wait = refused?.head.split(separator: "\r\n").first {
                $0.hasPrefix("Retry-After: ")
            }.flatMap { Int($0.dropFirst(13)) }
            // Of 25 tokens and more beside its own the bucket had nine.
            #expect((10...17).contains(wait ?? 0), "\(refused?.head ?? "")")
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

@Suite("The meter of a socket")
struct SocketMeterTests {
    private func meter() throws -> SocketMeter {
        let limiter = RateLimiter(TokenRate(perSecond: 1, burst: 1), exempt: AddressRanges())
        return SocketMeter(
            try #require(limiter.asker(.v4(address: 0xC000_0201, port: 1))), of: limiter)
    }

    private func at(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: (1_000 + milliseconds) * 1_000_000)
    }

    @Test("it reports now and then, and closes a socket that goes on")
    func refusals() throws {
        let meter = try meter()
        #expect(meter.passOver(now: at(0)) == .report)
        #expect(meter.passOver(now: at(0)) == .quiet && meter.passOver(now: at(999)) == .quiet)
        #expect(meter.passOver(now: at(1_000)) == .report)
        for _ in 5..<SocketMeterLimits.passedMax {
            #expect(meter.passOver(now: at(1_001)) == .quiet)
        }
        #expect(meter.passOver(now: at(1_001)) == .quiet)
        #expect(
            meter.passOver(now: at(1_001)) == .close && meter.passOver(now: at(9_001)) == .close)
    }

    @Test("who pauses begins anew")
    func pause() throws {
        let meter = try meter()
        for round in 0..<5 as Range<UInt64> {
            for _ in 0..<SocketMeterLimits.passedMax {
                #expect(meter.passOver(now: at(round * 10_001)) != .close)
            }
        }
    }

    @Test("small messages cost nothing more; bytes are paid for by the token's worth")
    func bytes() throws {
        let meter = try meter()
        for _ in 0..<15 { #expect(meter.took(1024) == nil) }
        #expect(meter.took(1024) == 1)
        #expect(meter.took(1) == nil)
        #expect(meter.took(1 << 20) == 64)
    }
}
