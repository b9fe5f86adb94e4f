// How much a tick does before everybody else is looked at: the pure budget, and a worker that keeps
// to it whatever one connection brings.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuRouting
import MizuWebSocket
import Synchronization
import Testing

@testable import MizuServer

@Suite("The budget of a tick")
struct TickBudgetTests {
    private func at(_ nanoseconds: UInt64) -> Instant { Instant(nanoseconds: nanoseconds) }

    private func budget() -> TickBudget {
        var limits = TickLimits()
        limits.shareUnits = 1000
        limits.stretchNanoseconds = 500
        limits.lookUnits = 400
        return TickBudget(limits)
    }

    @Test("a connection that has used its share lets the others go first, and has one again")
    func share() {
        var budget = budget()
        budget.begin(at: at(0))
        budget.beginShare()
        budget.spend(999)
        #expect(!budget.isSpent)
        budget.spend(1)
        #expect(budget.isSpent && !budget.isOver)
        budget.beginShare()
        #expect(!budget.isSpent)
    }

    @Test("the clock is asked for after so much work, and not for each piece")
    func looks() {
        var budget = budget()
        budget.begin(at: at(0))
        budget.beginShare()
        var looks = 0
        for _ in 0..<40 {
            budget.spend(100)
            guard budget.wantsClock else { continue }
            looks += 1
            budget.look(at: at(1))
        }
        #expect(looks == 10)
    }

    @Test("a stretch is over when its time is, whoever has a share left, and the next one begins")
    func stretch() {
        var budget = budget()
        budget.begin(at: at(1000))
        budget.beginShare()
        budget.look(at: at(1499))
        #expect(!budget.isOver)
        budget.look(at: at(1500))
        #expect(budget.isOver && budget.isSpent)
        budget.beginShare()
        #expect(budget.isSpent, "a share is none when time is over")
        budget.begin(at: at(1500))
        #expect(!budget.isOver && !budget.isSpent)
    }
}

extension ServerStorey {
    @Suite("A tick ends by work done") struct TickTests {
        /// Compressed messages count as what comes out of them: a read holds hundreds.
        @Test("mail is read between two of many small messages that become large ones")
        func mail() throws {
            let counts = MailCounts()
            let server = try TestServer(configure: { configuration in
                configuration.webSockets = [{ MailService(counts) }]
            })
            let client = server.client()
            try #require(client.upgrade(offering: "permessage-deflate") != nil)
            let deflater = try #require(Deflater())
            var payload = ByteBuffer(capacity: 8192)
            try [UInt8](repeating: 0x20, count: 1 << 20).withUnsafeBytes { spaces in
                try #require(deflater.deflate(spaces, context: .fresh, into: &payload))
            }
            let bomb = RawClient.frame(0xC1, [UInt8](payload.readable))
            client.send([UInt8]((0..<20).map { _ in bomb }.joined()))
            #expect(eventually { counts.heard == 20 })
            // One was heard when the mail was sent; a tick may take one more, and so may its rest.
            #expect((1...3).contains(counts.atMail), "\(counts.atMail)")
        }

        /// One connection's requests must not fill a tick, however many a read brings.
        @Test("mail is read between two of many requests in one write")
        func pipeline() throws {
            let counts = MailCounts()
            let server = try TestServer(configure: { configuration in
                configuration.router = Router { routes in
                    routes.get("/") { _ in
                        counts.hear()
                        return .text("hello")
                    }
                    routes.get("/mail") { _ in
                        counts.hear()
                        counts.post()
                        return .text("hello")
                    }
                }
            })
            counts.workers = server.workers
            let client = server.client()
            let rest = String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: 2_000)
            client.send("GET /mail HTTP/1.1\r\nHost: a\r\n\r\n" + rest)
            for _ in 0...2_000 { #expect(client.response()?.status == 200) }
            #expect((1..<1_500).contains(counts.atMail), "\(counts.atMail)")
        }
    }
}

/// What was heard in all, and how much of it when a mail was read that was sent with the first.
private final class MailCounts: Sendable {
    private let state = Mutex((heard: 0, atMail: 0, workers: Workers?.none))
    var heard: Int { state.withLock { $0.heard } }
    var atMail: Int { state.withLock { $0.atMail } }
    var workers: Workers? {
        get { state.withLock { $0.workers } }
        set { state.withLock { $0.workers = newValue } }
    }

    func hear() { state.withLock { $0.heard += 1 } }

    func post() {
        workers?.perform(on: 0) { _ in self.state.withLock { $0.atMail = $0.heard } }
    }
}

/// Counts messages; sends its worker a mail with the first.
private final class MailService: WebSocketService {
    private let counts: MailCounts

    init(_ counts: MailCounts) { self.counts = counts }

    func opened(_ socket: Token, request: borrowing Request, on worker: Worker) {}
    func closed(_ socket: Token, on worker: Worker) {}

    func received(
        _ payload: UnsafeRawBufferPointer, as kind: MessageKind, from socket: Token,
        on worker: Worker
    ) {
        counts.hear()
        guard counts.heard == 1 else { return }
        counts.workers = worker.server.workers
        counts.post()
    }
}
