// A server's workers as other threads may reach them: by mail. Made before the server starts, so
// that handlers can hold it; any thread. A mail to a connection that has gone is dropped where it
// arrives, because it names the connection by token.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import Synchronization

/// Mail to a worker.
enum WorkerMail: Sendable {
    case respond(ExchangeID, Response)
    /// The same with an answer that the worker makes.
    case respondMaking(ExchangeID, @Sendable () -> Response)
    case perform(@Sendable (Worker) -> Void)
    /// The worker's executor has jobs.
    case jobs
    case drain(until: Instant)
}

/// The mailboxes of all workers and the one word that concerns all: whether the server drains.
public final class Workers: Sendable {
    private let mailboxes: [Mailbox<WorkerMail>]
    private let draining = Atomic<Bool>(false)
    /// What waits for all sockets together: published frames, each counted once, and what each
    /// queue holds of its own.
    public let queued = ByteLedger()

    /// - Parameter count: event loops, at least 1.
    public init(count: Int) throws(SystemError) {
        var mailboxes: [Mailbox<WorkerMail>] = []
        for _ in 0..<max(1, count) { mailboxes.append(try Mailbox()) }
        self.mailboxes = mailboxes
    }

    public var count: Int { mailboxes.count }

    /// True once `drain` was called: new work should be refused.
    public var isDraining: Bool { draining.load(ordering: .acquiring) }

    func mailbox(_ worker: Int) -> Mailbox<WorkerMail> { mailboxes[worker] }

    /// Answers an exchange whose handler returned `.pending`.
    public func respond(to exchange: ExchangeID, _ response: Response) {
        guard Int(exchange.worker) < mailboxes.count else { return }
        mailboxes[Int(exchange.worker)].post(.respond(exchange, response))
    }

    /// Answers an exchange with what `make` returns. The exchange's worker calls it, so that its
    /// work does not hold up the thread that posts.
    public func respond(
        to exchange: ExchangeID, making make: @escaping @Sendable () -> Response
    ) {
        guard Int(exchange.worker) < mailboxes.count else { return }
        mailboxes[Int(exchange.worker)].post(.respondMaking(exchange, make))
    }

    /// Runs `body` on worker `index`, with what that worker owns. Bodies of one poster run in the
    /// order in which they were posted.
    public func perform(on index: Int, _ body: @escaping @Sendable (Worker) -> Void) {
        guard index < mailboxes.count else { return }
        mailboxes[index].post(.perform(body))
    }

    /// Runs `body` once on each worker.
    public func performOnAll(_ body: @escaping @Sendable (Worker) -> Void) {
        for mailbox in mailboxes { mailbox.post(.perform(body)) }
    }

    /// Runs `body` on worker `index` with its service of type `Service`; not where it has none.
    public func perform<Service: WebSocketService>(
        on index: Int, _ type: Service.Type,
        _ body: @escaping @Sendable (Service, Worker) -> Void
    ) {
        perform(on: index) { worker in worker.with(type, body) }
    }

    /// Runs `body` once on each worker with its service of type `Service`.
    public func performOnAll<Service: WebSocketService>(
        _ type: Service.Type, _ body: @escaping @Sendable (Service, Worker) -> Void
    ) {
        performOnAll { worker in worker.with(type, body) }
    }

    /// Tells every worker to stop accepting and to finish by `deadline`; the first call counts.
    func drain(until deadline: Instant) {
        guard !draining.exchange(true, ordering: .acquiringAndReleasing) else { return }
        for mailbox in mailboxes { mailbox.post(.drain(until: deadline)) }
    }
}

/// Mail that leaves together: each worker's mailbox is locked once for all of it, and the worker is
/// woken once and finds all of it. For a thread that answers many exchanges at a time; nothing
/// leaves before `send`.
public struct MailBatch: Sendable {
    private let workers: Workers
    private var mail: [[WorkerMail]]

    public init(to workers: Workers) {
        self.workers = workers
        mail = Array(repeating: [], count: workers.count)
    }

    /// As `Workers.respond`.
    public mutating func respond(
        to exchange: ExchangeID, making make: @escaping @Sendable () -> Response
    ) {
        guard Int(exchange.worker) < mail.count else { return }
        mail[Int(exchange.worker)].append(.respondMaking(exchange, make))
    }

    /// As `Workers.perform`.
    public mutating func perform<Service: WebSocketService>(
        on index: Int, _ type: Service.Type,
        _ body: @escaping @Sendable (Service, Worker) -> Void
    ) {
        guard index < mail.count else { return }
        mail[index].append(.perform { worker in worker.with(type, body) })
    }

    /// As `Workers.performOnAll`.
    public mutating func performOnAll<Service: WebSocketService>(
        _ type: Service.Type, _ body: @escaping @Sendable (Service, Worker) -> Void
    ) {
        for index in mail.indices { perform(on: index, type, body) }
    }

    /// Sends all of it, in order, and is empty then.
    public mutating func send() {
        for index in mail.indices where !mail[index].isEmpty {
            workers.mailbox(index).post(contentsOf: mail[index])
            mail[index].removeAll(keepingCapacity: mail[index].capacity <= Self.keptMax)
        }
    }

    /// More room than this is not kept for the next time.
    private static let keptMax = 1024
}

extension Worker {
    /// Calls `body` with this worker's service of type `Service`, if it has one.
    fileprivate func with<Service: WebSocketService>(
        _ type: Service.Type, _ body: (Service, Worker) -> Void
    ) {
        if let service = service(type) { body(service, self) }
    }
}
