// Threads that read the store: pulls behind the tail, snapshots, pages rendered from records. Each
// has a reader of its own, so workers never wait for a disk and never block the committer. Which
// read comes next is ReadQueue's to say; here are the lock around it, the threads, and the wake-up
// of one that idles.

import Logging
import MizuEventLoop
import MizuHTTP
import MizuSync
import Synchronization

/// Whether a read that runs may go on; asked where stopping is cheap.
public struct ReadCheck: Sendable {
    let watch: ExchangeWatch?
    let end: Instant

    /// A check that never ends a read.
    public static let none = ReadCheck(watch: nil, end: Instant(nanoseconds: .max))

    /// Nobody waits for the answer any more.
    public var hasLeft: Bool { watch?.isGone == true }

    /// The same, or it has taken too long. Reads the clock.
    public var isOver: Bool { hasLeft || Instant.now >= end }
}

/// The reader threads' front: any thread may ask.
final class Readers: Sendable {
    /// How long the end waits for reads that are under way.
    static let stopMilliseconds: UInt64 = 5_000

    /// A piece of work with the thread's reader, or why there is none.
    typealias Work = @Sendable (Result<ReadTurn, Refusal>) -> Void

    /// What a read is given when its turn has come.
    struct ReadTurn {
        let reader: any SyncReader
        let check: ReadCheck
    }

    private struct State {
        var queue: ReadQueue<Work>
        /// Threads that wait to be woken.
        var idle: [Int] = []
        var isStopping = false
    }

    private let limits: ReadLimits
    private let state: Mutex<State>
    /// A mail only wakes its thread.
    private let threads: [MailThread<Void>]
    private let logger: Logger

    init(_ limits: ReadLimits, logger: Logger) throws(SystemError) {
        self.limits = limits
        self.logger = logger
        threads = try (0..<max(1, limits.threads)).map { (index) throws(SystemError) in
            try MailThread("mizu-reader-\(index)")
        }
        state = Mutex(State(queue: ReadQueue(limits)))
    }

    var count: Int { threads.count }

    /// Reads that wait for a thread.
    var waiting: Int { state.withLock { $0.queue.waiting } }

    /// Starts thread `index`, which takes the reader over.
    func start(_ index: Int, _ reader: sending any SyncReader) throws(SystemError) {
        // Optional, because a plain existential is opened for the generic call, and what is opened
        // cannot be sent.
        let owned: (any SyncReader)? = reader
        try threads[index].start(handover: owned) { owned, inbox in
            if let owned { self.run(index, owned, &inbox) }
        }
    }

    /// Runs `work` on a reader's thread when its turn comes, or tells it why not: at once, or when
    /// it has waited in vain. It is called once in any case.
    func read(for asker: ReadAsker, of scope: Name, _ work: @escaping Work) {
        let now = Instant.now
        let (result, woken) = state.withLock { state in
            let result = state.queue.add(work, for: asker, of: scope, now: now)
            return (result, result.acceptance == .taken ? state.idle.popLast() : nil)
        }
        if let woken { threads[woken].post(()) }
        for read in result.left { read.work(.failure(Self.refusal(.left))) }
        switch result.acceptance {
        case .taken: break
        case .sourceFull:
            work(
                .failure(
                    .rateLimited(
                        "too many reads from this address are under way", retryAfterSeconds: 1)))
        case .full: work(.failure(.unavailable("too many reads wait; try again")))
        case .closed: work(.failure(Self.refusal(.closed)))
        }
    }

    /// Ends the threads and waits until their readers are closed; reads that wait are refused, and
    /// one that hangs is not waited for beyond `stopMilliseconds`.
    func stop() {
        let waiting = state.withLock { state in
            state.isStopping = true
            return state.queue.close()
        }
        // Tasks may wait for them, and would never end.
        for read in waiting { read.work(.failure(Self.refusal(.closed))) }
        let stopped = MailThread.stop(threads, withinMilliseconds: Self.stopMilliseconds)
        guard stopped == .late else { return }
        logger.error(
            "the database is not closed: a read takes longer than \(Self.stopMilliseconds) ms")
    }

    private static func refusal(_ reason: ReadQueue<Work>.Reason) -> Refusal {
        switch reason {
        case .left: .unavailable("the client has left")
        case .late: .unavailable("this read has waited too long; try again")
        case .closed: .unavailable("the database is closed")
        }
    }

    // MARK: On a reader's thread

    private enum Step {
        case turn(ReadQueue<Work>.Turn)
        case wait
        case stop
    }

    private func run(_ index: Int, _ reader: any SyncReader, _ inbox: inout MailInbox<Void>) {
        while true {
            switch step(index) {
            case .stop: return
            case .turn(.drop(let read, let reason)): read.work(.failure(Self.refusal(reason)))
            case .turn(.run(let read)):
                let end = Instant.now.adding(milliseconds: limits.runMilliseconds)
                let check = ReadCheck(watch: read.asker.watch, end: end)
                read.work(.success(ReadTurn(reader: reader, check: check)))
                state.withLock { $0.queue.finished(read) }
            case .wait: guard inbox.receive() == .goOn else { return }
            }
        }
    }

    private func step(_ index: Int) -> Step {
        let now = Instant.now
        return state.withLock { state in
            if state.isStopping { return .stop }
            if let turn = state.queue.next(now: now) { return .turn(turn) }
            // Under the lock, so that whoever adds a read from now on finds this thread idle.
            if !state.idle.contains(index) { state.idle.append(index) }
            return .wait
        }
    }
}
