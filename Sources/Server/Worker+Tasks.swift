// Handlers and middleware that wait (`WaitingWork`). Dispatch copies the request and lets it stand
// in a line; later in the same tick a driver runs the line (`TaskDriver`), each request up to its
// answer or to its first real wait. Only who really waits is owed an answer, with a deadline; if
// its peer leaves, its task is cancelled. Jobs of tasks that resume take turns with everything else
// (`TickBudget`).
//
// From the first such request on, a worker with a thread takes its ticks inside of the driver that
// leads (`takeTicks`): whatever it does, it is in a job of Swift's runtime, and an `async` function
// can be called. Where it is not, the driver is resumed in each tick that has a line.
//
//   run ─► leadTicks ─► driver ─► takeTicks: wait, batch, mail … ─► line ─► rest of the tick ─┐
//             ▲                      └────────────────────────◄────────────────────────────────┘
//             └─ a step waits: another driver leads, from the place where the tick was left

import MizuBytes
import MizuEventLoop
import MizuHTTP

/// A worker's tasks.
struct WorkerTasks {
    /// Nil until the first request that waits.
    var executor: WorkerExecutor?
    /// Requests that no driver has begun.
    var line: ContiguousArray<WaitingExchange> = []
    /// How many of the line are taken.
    var taken = 0
    /// The driver that goes through the line; nil: none does.
    var leader: TaskDriver?
    var spares: [TaskDriver] = []
    /// Those that neither lead nor are spare: their steps wait.
    var aside: [ObjectIdentifier: TaskDriver] = [:]
    /// Jobs that were taken from the executor, and how many of them have begun.
    var jobs: [UnownedJob] = []
    var jobsBegun = 0
    /// Exchanges that may serve another request.
    var unused: [WaitingExchange] = []
    /// The driver that leads takes the worker's ticks.
    var areTicksLed = false
    /// What ended the ticks that a driver took.
    var failure: SystemError?

    static let unusedMax = 64

    var isLineEmpty: Bool { taken == line.count }

    mutating func next() -> WaitingExchange? {
        guard taken < line.count else { return nil }
        // Mostly there is one.
        if line.count == 1, line.capacity <= 1024 { return line.popLast() }
        defer {
            taken += 1
            if taken == line.count {
                line.removeAll(keepingCapacity: line.capacity <= 1024)
                taken = 0
            }
        }
        return line[taken]
    }
}

extension Worker {
    /// How long the end of a worker waits for tasks that were cancelled.
    private static let tasksEndMilliseconds: UInt64 = 1_000

    /// The request is answered by `work`, later in this tick or when that has waited.
    @inline(never)
    func begin(
        _ work: WaitingWork, for request: borrowing Request, _ context: ResponseContext,
        on connection: Connection
    ) {
        connection.flags.insert(.awaited)
        if state.pointee.tasks.executor == nil {
            state.pointee.tasks.executor = WorkerExecutor(server.workers.mailbox(index))
        }
        if let exchange = state.pointee.tasks.unused.popLast() {
            exchange.renew(work, copying: request, in: context)
            state.pointee.tasks.line.append(exchange)
        } else {
            state.pointee.tasks.line.append(
                WaitingExchange(work, OwnedRequest(copying: request), in: context))
        }
    }

    /// Whether there is anything for `runTasks` to do.
    @inline(__always)
    var hasTasks: Bool {
        guard let executor = state.pointee.tasks.executor else { return false }
        return executor.hasJobs || !state.pointee.tasks.isLineEmpty
            || state.pointee.tasks.jobsBegun < state.pointee.tasks.jobs.count
    }

    /// Goes on with tasks that were resumed and begins with requests that stand in line, as long as
    /// the stretch lasts; at least with one.
    @inline(never)
    func runTasks() {
        guard let executor = state.pointee.tasks.executor else { return }
        beginTasks(executor)
        while !state.pointee.tasks.isLineEmpty, mayBegin() { giveLead(executor) }
        endTasksOfTick()
    }

    /// The part of a tick before the line is run.
    private func beginTasks(_ executor: WorkerExecutor) {
        if executor.hasJobs || state.pointee.tasks.jobsBegun < state.pointee.tasks.jobs.count {
            budget.begin(at: clock.monotonic)
            runJobs(executor)
        }
        // A stretch of their own: however much resumes, somebody new is begun with.
        if !state.pointee.tasks.isLineEmpty { budget.begin(at: clock.monotonic) }
    }

    /// The part behind it: who found no time in this tick has a deadline from now on.
    private func endTasksOfTick() {
        for position in state.pointee.tasks.taken..<state.pointee.tasks.line.count {
            setAside(state.pointee.tasks.line[position])
        }
    }

    /// Lets a driver lead until it has nothing to do, or its step waits.
    private func giveLead(_ executor: WorkerExecutor) {
        let leader = state.pointee.tasks.spares.popLast() ?? TaskDriver()
        state.pointee.tasks.leader = leader
        leader.lead(on: self, executor)
        while !leader.hasBegun, let job = nextJob(executor) { run(job, executor) }
        // It is still in a step, which waits: the others go on without it.
        guard state.pointee.tasks.leader === leader else { return }
        state.pointee.tasks.leader = nil
        state.pointee.tasks.aside[ObjectIdentifier(leader)] = leader
        if let exchange = leader.current { setAside(exchange) }
    }

    // MARK: Ticks inside of a driver

    /// Takes the worker's ticks, each in the job of the driver that leads, until the worker ends.
    func leadTicks() throws(SystemError) {
        guard let executor = state.pointee.tasks.executor else { return }
        state.pointee.tasks.areTicksLed = true
        defer { state.pointee.tasks.areTicksLed = false }
        while !isFinished {
            giveLead(executor)
            if let failure = state.pointee.tasks.failure { throw failure }
        }
    }

    /// Ends the tick and takes the next ones, up to one that has a line.
    /// - Returns: whether there is one; false: the driver does not lead any more.
    func takeTicks(for driver: TaskDriver) -> Bool {
        guard state.pointee.tasks.areTicksLed, state.pointee.tasks.leader === driver,
            let executor = state.pointee.tasks.executor
        else { return false }
        do throws(SystemError) {
            while true {
                if state.pointee.isInTick {
                    endTasksOfTick()
                    endTick()
                }
                // A step may have cancelled its own task; it serves nobody else then.
                guard !isFinished, !Task.isCancelled else { return false }
                try waitForTick()
                beginTasks(executor)
                if !state.pointee.tasks.isLineEmpty { return true }
            }
        } catch {
            state.pointee.tasks.failure = error
            return false
        }
    }

    // MARK: Jobs

    private func runJobs(_ executor: WorkerExecutor) {
        while mayBegin(), let job = nextJob(executor) { run(job, executor) }
    }

    private func run(_ job: UnownedJob, _ executor: WorkerExecutor) {
        budget.spend(TickBudget.Price.message)
        job.runSynchronously(on: executor.asUnownedTaskExecutor())
        sendEarly()
    }

    /// The next job, in the order in which they came. It is taken out before it runs: a job may be
    /// a driver's, and what that begins comes here again.
    private func nextJob(_ executor: WorkerExecutor) -> UnownedJob? {
        if state.pointee.tasks.jobsBegun == state.pointee.tasks.jobs.count {
            guard executor.hasJobs else { return nil }
            state.pointee.tasks.jobs.removeAll(
                keepingCapacity: state.pointee.tasks.jobs.capacity <= 1024)
            state.pointee.tasks.jobsBegun = 0
            executor.take(into: &state.pointee.tasks.jobs)
        }
        defer { state.pointee.tasks.jobsBegun += 1 }
        return state.pointee.tasks.jobs[state.pointee.tasks.jobsBegun]
    }

    /// The answer takes longer than this tick: it is owed.
    private func setAside(_ exchange: WaitingExchange) {
        guard !exchange.isOwed, let connection = awaited(exchange) else { return }
        exchange.isOwed = true
        if logsAccess { noteAccess(connection, user: exchange.request.user) }
        owe(
            connection, answerTo: exchange.request.view, in: exchange.context, watchedBy: nil,
            doneBy: exchange)
        handedOver(exchange.request.byteCount, by: connection)
        arm(connection, .handler)
    }

    /// The connection whose answer `exchange` is; nil where it has gone or was answered.
    private func awaited(_ exchange: WaitingExchange) -> Connection? {
        guard !exchange.isOver,
            let connection = connections[Token(bits: exchange.exchange.connection)],
            connection.exchangeSequence == exchange.exchange.sequence, connection.isAwaited
        else { return nil }
        return connection
    }

    // MARK: For drivers

    /// The next request in line, if `driver` leads and the stretch is not over.
    func nextWaiting(for driver: TaskDriver) -> WaitingExchange? {
        guard state.pointee.tasks.leader === driver else { return nil }
        while mayBegin(), let exchange = state.pointee.tasks.next() {
            budget.spend(TickBudget.Price.request)
            // Whoever has left in between is not begun.
            if awaited(exchange) != nil { return exchange }
        }
        return nil
    }

    /// `exchange` has its answer.
    func waited(_ exchange: WaitingExchange, _ response: consuming Response) {
        guard let connection = awaited(exchange) else {
            if case .stream(let stream) = response.body { stream.cancel() }
            return
        }
        let owed = exchange.isOwed ? endOwed(connection) : nil
        if !exchange.isOwed { connection.flags.remove(.awaited) }
        if connection.flags.contains(.holds) { settleOutput(of: connection) }
        var context = exchange.context
        if drainDeadline != nil { context.persistence = .close }
        let before = state.pointee.requestClock.left
        state.pointee.route = exchange.request.route
        finish(response, to: exchange.request.view, context, on: connection)
        recordOwed(since: owed?.since, leftBefore: before)
        // What came meanwhile stands unread.
        if connection.phase != .closed,
            connection.input != nil || connection.flags.contains(.mayRead)
                || drainDeadline != nil
        {
            goOnNextTick(connection)
        }
        sendEarly()
        if exchange.isSpare, state.pointee.tasks.unused.count < WorkerTasks.unusedMax {
            exchange.letGo()
            state.pointee.tasks.unused.append(exchange)
        }
    }

    /// Whether a driver without work waits for more.
    func keeps(spare driver: TaskDriver) -> Bool {
        guard state.pointee.tasks.spares.count < TaskDriver.sparesMax else { return false }
        leave(driver)
        state.pointee.tasks.spares.append(driver)
        return true
    }

    /// The driver's task ends.
    func forget(_ driver: TaskDriver) { leave(driver) }

    private func leave(_ driver: TaskDriver) {
        if state.pointee.tasks.leader === driver { state.pointee.tasks.leader = nil }
        state.pointee.tasks.aside[ObjectIdentifier(driver)] = nil
    }

    // MARK: The end

    /// Connections have gone, so their tasks are cancelled: lets these end, for a while. Those that
    /// do not are left to Swift's own threads.
    func endTasks() {
        guard let executor = state.pointee.tasks.executor else { return }
        state.pointee.tasks.line.removeAll()
        state.pointee.tasks.taken = 0
        let deadline = Instant.now.adding(milliseconds: Self.tasksEndMilliseconds)
        while !state.pointee.tasks.aside.isEmpty, Instant.now < deadline {
            budget.begin(at: clock.monotonic)
            runJobs(executor)
            // Mail of the executor ends the wait.
            if !executor.hasJobs, (try? poller.wait(milliseconds: 1)) == nil { break }
        }
        let left = state.pointee.tasks.aside.count
        if left > 0 {
            logger.warning("\(left) handlers go on though nobody waits for them any more")
        }
        for driver in state.pointee.tasks.aside.values { driver.abandon() }
        for driver in state.pointee.tasks.spares { driver.abandon() }
        while let job = nextJob(executor) { run(job, executor) }
        state.pointee.tasks = WorkerTasks()
        executor.close()
    }
}
