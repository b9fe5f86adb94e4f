// The loopback storey: a worker without a thread, connections without sockets and a clock that
// stands still until the test moves it. The test's own thread takes each tick, so a day of deadlines
// passes in no time and every run is the same.
//
//   client.send ──► pipe ──► step: batch, tick, flush ──► pipe ──► client.receive
//   wait(milliseconds:): the clock moves from one of the worker's moments to the next
//
// Time passes in `wait`, and while a client waits for what has not come; nowhere else. What needs
// the kernel (accepting, TLS, buffers that grow) or threads is tested on sockets: `TestServer`.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuRouting
import MizuTransport
import Testing

@testable import MizuServer

final class Loopback {
    private let stepped: SteppedWorker
    var server: Server { stepped.server }
    var worker: Worker { stepped.worker }
    let workers: Workers
    let clock: ManualClock
    let later = Later()
    let recorder = Recorder()
    private var pipeCount = 0
    /// The worker has ended.
    var hasEnded: Bool { stepped.hasEnded }

    /// - Parameters:
    ///   - change: of limits; those that are left alone are a public port's.
    ///   - configure: of everything else.
    ///   - clock, workers: where others hold them, too.
    init(
        clock: ManualClock = ManualClock(), workers: Workers? = nil,
        _ change: (inout ServerLimits) -> Void = { _ in },
        configure: (inout ServerConfiguration) -> Void = { _ in }
    ) throws {
        self.clock = clock
        var configuration = TestServer.configuration(later, recorder)
        configuration.clock = .manual(clock)
        configure(&configuration)
        change(&configuration.limits)
        let workers = try workers ?? Workers(count: 1)
        self.workers = workers
        stepped = try SteppedWorker(configuration, workers: workers, clock: clock)
    }

    deinit { stepped.end() }

    // MARK: Peers

    /// A client that has connected; the worker has seen it.
    func client(
        from address: UInt32 = 0x7F00_0001, _ capacities: MemoryPipe.Capacities = .init()
    ) -> LoopbackClient {
        let pipe = MemoryPipe(capacities)
        pipeCount += 1
        stepped.admit(pipe, .v4(address: address, port: UInt16(truncatingIfNeeded: pipeCount)))
        settle()
        return LoopbackClient(pipe, on: self)
    }

    /// A client that does not read much ahead: its side and ours hold 4 KiB each.
    func narrowClient() -> LoopbackClient {
        var capacities = MemoryPipe.Capacities()
        (capacities.leaving, capacities.delivered) = (4096, 4096)
        return client(capacities)
    }

    func client(_ capacities: MemoryPipe.Capacities) -> LoopbackClient {
        client(from: 0x7F00_0001, capacities)
    }

    /// A client that speaks WebSocket, and its token.
    func socket(narrow: Bool = false) throws -> (LoopbackClient, Token) {
        let before = recorder.opened.count
        let client = narrow ? narrowClient() : client()
        try #require(client.upgrade())
        try #require(recorder.opened.count == before + 1)
        return (client, recorder.opened[before])
    }

    var connectionCount: Int { worker.connections.count }

    /// Runs `body` on the worker as mail, as other threads do, and all that follows from it.
    func perform(_ body: @escaping @Sendable (Worker) -> Void) {
        workers.perform(on: 0, body)
        settle()
    }

    // MARK: Time

    /// Milliseconds that have passed since the beginning.
    var elapsed: UInt64 { clock.elapsedMilliseconds }

    /// Takes one tick, if there is anything to do now.
    /// - Returns: whether there was.
    @discardableResult
    func step() -> Bool {
        do {
            return try stepped.step()
        } catch {
            Issue.record("the worker ended: \(error)")
            stepped.end()
            return false
        }
    }

    /// Takes ticks until nothing is left to do at this moment.
    func settle() {
        do {
            if try !stepped.settle() { Issue.record("the worker turns for ever") }
        } catch {
            Issue.record("the worker ended: \(error)")
            stepped.end()
        }
    }

    /// Lets that much time pass, or less if `isDone` holds before: the worker wakes at each of its
    /// moments, as one that runs does.
    /// - Returns: whether `isDone` holds.
    @discardableResult
    func wait(milliseconds: UInt64, until isDone: () -> Bool = { false }) -> Bool {
        settle()
        let end = clock.monotonic.adding(milliseconds: milliseconds)
        while !isDone(), !hasEnded, clock.monotonic < end {
            let next = stepped.nextMoment(before: end)
            // Whole milliseconds, and never none: the moment is not reached before its end.
            let count = (next.nanoseconds - clock.monotonic.nanoseconds + 999_999) / 1_000_000
            clock.advance(milliseconds: max(1, count))
            settle()
        }
        return isDone()
    }

    /// Lets time pass in which the process does not run: nothing is looked at meanwhile.
    func pause(milliseconds: UInt64) {
        settle()
        clock.advance(milliseconds: milliseconds)
    }

    /// Whether every connection goes in that time without anything more being done.
    func becomesEmpty(within milliseconds: UInt64 = 200_000) -> Bool {
        wait(milliseconds: milliseconds) { connectionCount == 0 }
    }

    /// Begins the end of the server.
    func drain() {
        server.drain()
        settle()
    }
}

/// The other end of a pipe in memory. Where it waits for what has not come, the clock moves on.
final class LoopbackClient: WireClient {
    let pipe: MemoryPipe
    private let loop: Loopback
    /// How long it waits for the next byte, by the clock of its loop.
    var patienceMilliseconds: UInt64 = 200_000

    init(_ pipe: MemoryPipe, on loop: Loopback) {
        self.pipe = pipe
        self.loop = loop
    }

    /// Sends what the server takes now; no time passes.
    /// - Returns: whether it took all of it.
    @discardableResult
    override func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                pipe.send(UnsafeRawBufferPointer(rebasing: $0[sent...]))
            }
            loop.settle()
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    override func fill(_ bytesMax: Int = 64 * 1024) -> Bool {
        guard ending == nil else { return false }
        loop.settle()
        let comes = loop.wait(milliseconds: patienceMilliseconds) {
            pipe.receivableBytes > 0 || pipe.ending != nil
        }
        let bytes = pipe.receive(bytesMax)
        loop.settle()
        guard bytes.isEmpty else {
            input += bytes
            return true
        }
        switch pipe.ending {
        case .closed: ending = .closed
        case .reset: ending = .reset
        case nil: ending = comes ? nil : .timedOut
        }
        return false
    }

    /// Whether something has come, or comes in that time.
    func hasInput(milliseconds: UInt64 = 0) -> Bool {
        loop.wait(milliseconds: milliseconds) {
            !input.isEmpty || pipe.receivableBytes > 0
        }
    }

    func halfClose() {
        pipe.finish()
        loop.settle()
    }

    func close() {
        pipe.close()
        loop.settle()
    }

    func reset() {
        pipe.reset()
        loop.settle()
    }
}
