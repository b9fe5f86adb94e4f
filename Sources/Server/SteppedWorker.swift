// A worker without a thread of its own: connections are pipes in memory, the clock is a test's, and
// whoever made it takes each tick. The test's own `Loopback` and the product MizuTesting stand on
// it. It owns the worker and knows its pipes; it reads no byte of them.
//
//   pipe ──► step: batch, tick, flush ──► pipe
//
// One thread; in debug builds alone.

#if DEBUG
    import MizuEventLoop
    import MizuHTTP
    import MizuTransport

    /// A worker that is taken through its ticks by hand. The thread's that made it.
    package final class SteppedWorker {
        package let worker: Worker
        package let server: Server
        private let clock: ManualClock
        private var pipes: [MemoryPipe] = []
        private var mayWait = true
        /// The worker has ended.
        package private(set) var hasEnded = false

        /// Ticks without a pause after which a worker is taken to turn for ever.
        private static let ticksMax = 200_000

        package init(
            _ configuration: ServerConfiguration, workers: Workers, clock: ManualClock
        ) throws(SystemError) {
            self.clock = clock
            server = try Server(configuration, workers: workers, ports: [], plainListeners: 0)
            var none: [Listener] = []
            worker = try Worker(server, index: 0, listeners: &none)
        }

        package func end() {
            guard !hasEnded else { return }
            hasEnded = true
            worker.retireAll()
        }

        /// Lets a client in. The worker sees it in the next step.
        package func admit(_ pipe: MemoryPipe, _ peer: PeerAddress) {
            pipes.removeAll { $0.isOver }
            pipes.append(pipe)
            if !hasEnded { worker.admit(.memory(pipe), peer) }
        }

        /// Takes one tick, if there is anything to do.
        /// - Parameter milliseconds: how long to wait, by the machine's clock, for mail of another
        ///   thread if there is nothing yet; nil: until there is some.
        /// - Returns: whether there was.
        @discardableResult
        package func step(waitingMilliseconds milliseconds: Int? = 0) throws(SystemError) -> Bool {
            guard !hasEnded else { return false }
            let due = mayWait ? worker.nextMoment : worker.now
            let isDue = due.map { $0 <= clock.monotonic } ?? false
            let hasWork = !mayWait || isDue || pipes.contains { $0.hasEvent }
            try worker.poller.wait(milliseconds: hasWork ? 0 : milliseconds)
            for pipe in pipes where worker.poller.count < Poller.batchMax {
                if let event = pipe.takeEvent() { worker.poller.append(event) }
            }
            guard !mayWait || worker.poller.count > 0 || isDue else { return false }
            mayWait = try worker.tick(due: due, hasWaited: mayWait)
            if worker.isFinished { end() }
            return true
        }

        /// Takes ticks until nothing is left to do at this moment.
        /// - Returns: whether it came to that.
        @discardableResult
        package func settle() throws(SystemError) -> Bool {
            for _ in 0..<Self.ticksMax { guard try step() else { return true } }
            return false
        }

        /// The worker's next moment, or `end` if that comes first.
        package func nextMoment(before end: Instant) -> Instant {
            min(worker.nextMoment ?? end, end)
        }
    }
#endif
