// Runs what waits. A driver is one task that prefers the worker's executor; it takes waiting
// requests one after the other and stays for the next, because a new task for each would cost more
// than the request. When a step really waits, its driver waits in it, and another one takes over.
//
//   made ──start──► leads ──nothing left──► spare ──lead──► leads …
//                     └──its step waits──► aside ──step ends──► spare, or ended
//   ended: it was cancelled, for which a task is marked for good, or there are spare ones enough
//
// The worker's thread, until the worker has ended (`abandon`): then it touches nothing any more.

import MizuBytes
import MizuHTTP

/// One request that is answered by steps that wait, from its head to its answer.
final class WaitingExchange {
    let exchange: ExchangeID
    let work: WaitingWork
    let request: OwnedRequest
    let context: ResponseContext
    /// Who runs it now.
    var driver: TaskDriver?
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
    private var parked: UnsafeContinuation<Void, Never>?
    /// What its step belongs to.
    private(set) var current: WaitingExchange?
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
            while let exchange = worker.nextWaiting(for: self) {
                current = exchange
                exchange.driver = self
                let response = await worker.router.respond(
                    to: exchange.request, by: exchange.work)
                exchange.driver = nil
                current = nil
                guard !isAbandoned else {
                    if case .stream(let stream) = response.body { stream.cancel() }
                    return
                }
                worker.waited(exchange, response)
            }
            guard !Task.isCancelled, worker.keeps(spare: self) else {
                return worker.forget(self)
            }
            await withUnsafeContinuation { parked = $0 }
        }
    }
}
