// Runs what waits. A driver is one task that prefers the worker's executor; it takes waiting
// requests one after the other. On a worker with a thread it takes the ticks in between, too: so a
// request whose steps do not really wait costs calls of `async` functions and nothing of Swift's
// runtime beyond them, neither a new task nor a task that is resumed. When a step really waits,
// its driver waits in it, and another one takes over in the middle of the tick.
//
//   made ──start──► leads ──the worker ends, or no thread──► spare ──lead──► leads …
//                     └──its step waits──► aside ──step ends──► spare, or ended
//   ended: it was cancelled, for which a task is marked for good, or there are spare ones enough
//
// The worker's thread, until the worker has ended (`abandon`): then it touches nothing any more.

import MizuBytes
import MizuHTTP
import MizuRouting

/// One request that is answered by steps that wait, from its head to its answer. It is used for the
/// next one if nobody has kept anything of it.
final class WaitingExchange {
    fileprivate(set) var exchange: ExchangeID
    fileprivate(set) var work: WaitingWork
    /// Without the run-time check of exclusive access, which costs more than what is done here: one
    /// thread, and nothing that is called in an access comes back to it.
    @exclusivity(unchecked) fileprivate(set) var request: OwnedRequest
    fileprivate(set) var context: ResponseContext
    /// Who runs it now, and lives at least as long as that: its task is in a method of it.
    unowned(unsafe) var driver: TaskDriver?
    /// The connection has gone, or the answer was given up.
    private(set) var isOver = false
    /// It stands among the answers that are owed, with a deadline.
    var isOwed = false

    init(_ work: WaitingWork, _ request: OwnedRequest, in context: ResponseContext) {
        exchange = request.exchange
        self.work = work
        self.request = request
        self.context = context
    }

    /// Bytes of a request that is kept for the next one.
    private static let sparesBytesMax = 4_096

    /// Whether it may serve another request: it was answered at once, and its handler has kept no
    /// reference to its request.
    var isSpare: Bool {
        !isOver && !isOwed && request.capacity <= Self.sparesBytesMax
            && isKnownUniquelyReferenced(&request)
    }

    /// Nothing of the request is kept but memory.
    func letGo() { request.letGo() }

    /// Begins with another request.
    func renew(
        _ work: WaitingWork, copying request: borrowing Request, in context: ResponseContext
    ) {
        self.request.renew(copying: request)
        exchange = request.exchange
        self.work = work
        self.context = context
    }

    /// Nobody waits for the answer any more: the task is told.
    func cancel() {
        guard !isOver else { return }
        isOver = true
        driver?.cancel()
    }
}

final class TaskDriver {
    /// Nil before the start.
    private var task: Task<Void, Never>?
    @exclusivity(unchecked) private var parked: UnsafeContinuation<Void, Never>?
    /// What its step belongs to.
    @exclusivity(unchecked) private(set) var current: WaitingExchange?
    /// It has run since it was given the lead.
    private(set) var hasBegun = false
    /// The worker has ended. Set before the executor is closed, so whoever resumes elsewhere sees
    /// it.
    private var isAbandoned = false

    /// Drivers that wait for the next request; more of them end.
    static let sparesMax = 32

    /// What a task captures: the worker, which never leaves its thread.
    ///
    /// Safe: the task prefers the worker's executor, which runs jobs on the worker's thread alone
    /// until it is closed; then `isAbandoned` is set, and `run` looks at it first.
    private struct Confined: @unchecked Sendable {
        let driver: TaskDriver
        let worker: Worker
    }

    /// Takes the lead: goes on with the requests that wait, in the next job of the executor.
    func lead(on worker: Worker, _ executor: WorkerExecutor) {
        hasBegun = false
        if let parked = parked.take() { return parked.resume() }
        let confined = Confined(driver: self, worker: worker)
        task = Task(executorPreference: executor) {
            await confined.driver.run(on: confined.worker)
        }
    }

    func cancel() { task?.cancel() }

    /// Ends it where it is: what is behind its step is not run.
    func abandon() {
        isAbandoned = true
        current?.cancel()
        parked.take()?.resume()
    }

    private nonisolated(nonsending) func run(on worker: Worker) async {
        while !isAbandoned {
            hasBegun = true
            repeat {
                while let exchange = worker.nextWaiting(for: self) {
                    current = exchange
                    exchange.driver = self
                    let response = await respond(to: exchange, worker.router)
                    exchange.driver = nil
                    current = nil
                    guard !isAbandoned else {
                        if case .stream(let stream) = response.body { stream.cancel() }
                        return
                    }
                    worker.waited(exchange, response)
                }
            } while worker.takeTicks(for: self)
            guard !Task.isCancelled, worker.keeps(spare: self) else {
                return worker.forget(self)
            }
            await withUnsafeContinuation { parked = $0 }
        }
    }

    /// The usual case without the router's own frame: a handler that answers.
    @inline(__always)
    private nonisolated(nonsending) func respond(
        to exchange: WaitingExchange, _ router: Router
    ) async -> Response {
        let (request, work) = (exchange.request, exchange.work)
        guard case .handler(let handler) = work.step else {
            return await router.respond(to: request, by: work)
        }
        var response: Response
        do { response = try await handler(request) } catch {
            response = router.answer(to: error, request)
        }
        guard let next = router.settle(&response, to: request) else { return response }
        return await router.respond(to: request, by: next)
    }
}
