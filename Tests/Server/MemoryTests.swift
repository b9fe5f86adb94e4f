// What peers make the process hold is counted and bounded: the table of holders against a plain
// one, the policy as a table, and connections that hold bodies, messages and answers.

import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuTransport
import Testing

@testable import MizuServer

@Suite("What connections hold")
struct HoldingsTests {
    private static func at(_ seconds: UInt64) -> Instant {
        Instant(nanoseconds: 0).adding(milliseconds: seconds * 1_000)
    }

    @Test("sums of changes are sums of what is held, in any order of them")
    func model() {
        var random = SystemRandomNumberGenerator()
        var holdings = Holdings()
        var known: [Int: Int] = [:]
        var (bytes, stepped, holders) = (0, 0, 0)
        for _ in 0..<5_000 {
            let slot = Int.random(in: 0..<50, using: &random)
            let held = Bool.random(using: &random) ? 0 : Int.random(in: 1...200_000, using: &random)
            let change = holdings.set(slot, to: held, now: Self.at(0))
            known[slot] = held
            bytes += change.bytes
            stepped += change.steppedBytes
            holders += change.holders
            #expect(bytes == known.values.reduce(0, +) && holdings.bytes == bytes)
            #expect(stepped == known.values.reduce(0) { $0 + $1 / 16_384 * 16_384 })
            #expect(holders == known.values.count { $0 > 0 } && holdings.count == holders)
            #expect(holdings.bytes(of: slot) == held)
        }
    }

    @Test("the worst are large and slow; who holds little, or frees nothing, is never among them")
    func worst() {
        var holdings = Holdings()
        _ = holdings.set(1, to: 1_000_000, now: Self.at(99))  // large and new
        _ = holdings.set(2, to: 500_000, now: Self.at(0))  // slow
        _ = holdings.set(3, to: 10, now: Self.at(0))  // small, however old
        _ = holdings.set(4, to: 900_000, now: Self.at(0))  // large and slow
        _ = holdings.set(5, to: 9_000_000, now: Self.at(0))  // cannot be freed
        let worst = holdings.worst(3, holding: 1_000, now: Self.at(100)) { $0 != 5 }
        #expect(worst == [4, 2, 1])
        #expect(holdings.worst(1, holding: 1_000, now: Self.at(100)) { $0 != 5 } == [4])
        // Growing does not make anybody younger.
        _ = holdings.set(4, to: 950_000, now: Self.at(100))
        #expect(holdings.worst(1, holding: 1_000, now: Self.at(100)) { $0 != 5 } == [4])
    }

    struct Step: Sendable {
        let mebibytes: Int
        let milliseconds: UInt64
        let action: MemoryWatch.Action
    }

    @Test("the marks: soft, limit, and the way back")
    func watch() {
        // Soft mark 12 MiB, resume mark 10 MiB.
        let limits = MemoryLimits(bytesMax: 16 << 20)
        let steps: [Step] = [
            Step(mebibytes: 12, milliseconds: 0, action: .none),
            Step(mebibytes: 13, milliseconds: 0, action: .holdBack),
            Step(mebibytes: 11, milliseconds: 1_000, action: .holdBack),
            Step(mebibytes: 11, milliseconds: 2_000, action: .end(downTo: 10 << 20)),
            Step(mebibytes: 10, milliseconds: 2_100, action: .goOn),
            Step(mebibytes: 11, milliseconds: 2_200, action: .none),
            Step(mebibytes: 17, milliseconds: 2_300, action: .end(downTo: 12 << 20)),
            Step(mebibytes: 12, milliseconds: 2_400, action: .holdBack),
            Step(mebibytes: 9, milliseconds: 2_500, action: .goOn),
        ]
        var watch = MemoryWatch()
        for step in steps {
            let now = Instant(nanoseconds: 0).adding(milliseconds: 5_000 + step.milliseconds)
            #expect(watch.step(step.mebibytes << 20, limits, now: now) == step.action)
        }
        var free = MemoryWatch()
        #expect(free.step(.max, MemoryLimits(), now: Self.at(0)) == .none)
    }

    @Test("an address's share: an eighth, some MiB at least, never over half")
    func share() {
        #expect(MemoryLimits(bytesMax: 1 << 30).addressBytesMax == 128 << 20)
        #expect(MemoryLimits(bytesMax: 32 << 20).addressBytesMax == 8 << 20)
        #expect(MemoryLimits(bytesMax: 8 << 20).addressBytesMax == 4 << 20)
        #expect(MemoryLimits().addressBytesMax == .max)
    }
}

@Suite("Memory that peers hold") struct MemoryTests {
    private static let loopback: UInt32 = 0x7F00_0001

    private func makeLoop(
        mebibytes: Int, _ change: (inout ServerLimits) -> Void = { _ in }
    ) throws -> Loopback {
        try Loopback {
            $0.memory = MemoryLimits(bytesMax: mebibytes << 20)
            change(&$0)
        } configure: {
            $0.addressLimits = AddressLimits()
            $0.addressLimits?.exempt = AddressRanges()
        }
    }

    /// Sends the head and the first part of a body, and not the rest.
    private func begin(
        _ loop: Loopback, of count: Int, sending sent: Int, from: UInt32 = loopback
    ) -> LoopbackClient {
        let client = loop.client(from: from)
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n")
        client.send([UInt8](repeating: 97, count: sent))
        return client
    }

    private func post(_ loop: Loopback, _ count: Int, from: UInt32 = loopback) -> Int? {
        begin(loop, of: count, sending: count, from: from).response()?.status
    }

    @Test("an address holds its share and no more, and others are served")
    func share() throws {
        let loop = try makeLoop(mebibytes: 64) { $0.memory.addressBytesMin = 2 << 20 }
        let share = loop.server.memory.limits.addressBytesMax
        #expect(share == 8 << 20)
        var clients: [LoopbackClient] = []
        for _ in 0..<20 { clients.append(begin(loop, of: 1 << 20, sending: 700_000)) }
        // Each is read to its end, or refused; a refusal may come as a reset, too.
        let memory = loop.server.memory
        #expect(memory.bytes > share / 2 && memory.bytes <= share + (2 << 20))
        #expect(post(loop, 900_000, from: Self.loopback + 1) == 200)
        #expect(post(loop, 100) == 200, "what is small is taken all the same")
        #expect(loop.server.memory.bytes <= share + (2 << 20))
        for client in clients { client.close() }
        #expect(loop.server.memory.bytes == 0)
        #expect(loop.server.memory.addressCount == 0)
    }

    @Test("beyond the soft mark large bodies stand still, and go on when there is memory")
    func standsStill() throws {
        let loop = try makeLoop(mebibytes: 16) {
            $0.memory.patienceMilliseconds = 60_000
        }
        // 12 MiB is the soft mark. What handlers have cannot be taken from them.
        let thinking = (1...UInt32(12)).map { number in
            let client = loop.client(from: Self.loopback + number)
            client.send("POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
            client.send([UInt8](repeating: 97, count: 1_000_000))
            return client
        }
        let exchanges = try thinking.map { _ in try loop.later.next() }
        let length = "Transfer-Encoding: chunked\r\n\r\n" + String(600_000, radix: 16)
        // What the server does not read, the kernel must take.
        var capacities = MemoryPipe.Capacities()
        capacities.arriving = 1 << 20
        let waiting = loop.client(from: Self.loopback + 40, capacities)
        waiting.send("POST /echo HTTP/1.1\r\nHost: a\r\n\(length)\r\n")
        waiting.send([UInt8](repeating: 97, count: 600_000))
        waiting.send("\r\n0\r\n\r\n")
        #expect(loop.server.memory.isHigh)
        #expect(post(loop, 500_000, from: Self.loopback + 41) == 503, "not begun at all")
        #expect(post(loop, 50_000, from: Self.loopback + 42) == 200)
        let stalled = begin(loop, of: 2_000, sending: 1_000, from: Self.loopback + 43)
        #expect(stalled.response()?.status == 408, "its window has passed")
        #expect(!waiting.hasInput(milliseconds: 20_000), "it waits for us, not we for it")
        for exchange in exchanges { loop.workers.respond(to: exchange, .text("done")) }
        #expect(waiting.response()?.body.count == 600_000)
        for client in thinking { #expect(client.response()?.text == "done") }
        #expect(loop.server.memory.bytes == 0)
    }

    @Test("patience ends: the largest are refused until there is room")
    func patience() throws {
        let loop = try makeLoop(mebibytes: 8)
        var clients: [LoopbackClient] = []
        for number in 1...UInt32(16) {
            clients.append(
                begin(loop, of: 1_000_000, sending: 900_000, from: Self.loopback + number))
        }
        let memory = loop.server.memory
        #expect(memory.isHigh)
        #expect(loop.wait(milliseconds: 3_000) { !memory.isHigh })
        #expect(memory.bytes > 0)
        #expect(memory.bytes <= 8 << 20)
        var refused = 0
        for client in clients where client.hasInput() {
            if client.response()?.status == 503 { refused += 1 }
        }
        #expect(refused > 0)
        #expect(post(loop, 200_000, from: Self.loopback + 90) == 200)
    }

    @Test("a socket whose message holds too much is told 1013")
    func message() throws {
        let loop = try makeLoop(mebibytes: 64) { $0.memory.addressBytesMin = 1 << 20 }
        var clients: [LoopbackClient] = []
        var codes: Set<Int> = []
        for _ in 0..<14 {
            let (client, _) = try loop.socket()
            let frame = WireClient.frame(0x82, [UInt8](repeating: 1, count: 1_000_000))
            client.send(Array(frame.dropLast(10)))
            clients.append(client)
        }
        for client in clients where client.hasInput() {
            codes.insert(client.frame()?.code ?? 0)
        }
        #expect(codes == [1013])
        let memory = loop.server.memory
        #expect(memory.bytes <= memory.limits.addressBytesMax + (2 << 20))
        for client in clients { client.close() }
        #expect(loop.server.memory.bytes == 0)
    }

    @Test("answers that nobody takes are held up to the share, the next is 503")
    func answers() throws {
        let loop = try makeLoop(mebibytes: 64)
        var clients: [LoopbackClient] = []
        for number in 0..<6 {
            let client = loop.narrowClient()
            client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            clients.append(client)
            #expect(number > 0 || loop.server.memory.bytes > 0)
        }
        #expect(clients.last?.response()?.status == 503)
        #expect(loop.server.memory.bytes <= 3 * (8 << 20))
        let other = loop.client(from: Self.loopback + 1)
        #expect(other.get("/large")?.body.count == 8 << 20)
        for client in clients { client.close() }
        #expect(loop.server.memory.bytes == 0)
    }

    @Test("a plain exchange holds nothing; a body that a handler has is held until its answer")
    func plain() throws {
        let loop = try makeLoop(mebibytes: 64)
        let client = loop.client()
        for _ in 0..<10 { #expect(client.get("/")?.status == 200) }
        #expect(loop.server.memory.bytes == 0)
        #expect(post(loop, 1_000_000) == 200)
        #expect(loop.server.memory.bytes == 0)
    }
}
