// The thread on which an app's jobs run, between two of their waits: they take turns with each
// other and disturb nobody who serves. It is a task executor, so everything that a job awaits goes
// on here, and its clock is everybody's (`Instant`), a test's too.
//
//   made ──start──► running ──drain──► cancels what runs, begins nothing ──all have ended──► over
//                                          └── not by the deadline ──► over; the rest goes on
//                                              on Swift's own threads, cancelled
//
// Any thread may start and drain it.

import Logging
import MizuEventLoop
import Synchronization

final class JobThread: TaskExecutor {
    private enum Mail: Sendable {
        /// Part of a task.
        case run(UnownedJob)
        case ended(Int)
        /// By the machine's clock.
        case drain(until: Instant)
        /// The drain's time is over.
        case late
    }

    private let jobs: [Job]
    private let logger: Logger
    private let thread: MailThread<Mail>
    private let isClosed = Atomic<Bool>(false)

    init(_ jobs: [Job], logger: Logger) throws(SystemError) {
        self.jobs = jobs
        self.logger = logger
        thread = try MailThread("mizu-jobs")
    }

    /// The first runs count from now.
    func start() throws(SystemError) {
        var random = RandomNumbers()
        let schedule = JobSchedule(jobs.map(\.period), now: .now) { random.next(upperBound: $0) }
        try thread.start(handover: schedule) { self.run($0, &$1) }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        guard !isClosed.load(ordering: .acquiring) else {
            return globalConcurrentExecutor.enqueue(job)
        }
        thread.post(.run(job))
    }

    /// Cancels the jobs that run and begins no other one. Returns at once.
    /// - Parameter milliseconds: how long they may take to end.
    func drain(withinMilliseconds milliseconds: UInt64) {
        thread.post(.drain(until: Instant.machine.adding(milliseconds: milliseconds)))
    }

    /// Waits until the jobs have ended, or until the time of `drain` is over.
    func join(withinMilliseconds milliseconds: UInt64) {
        guard thread.join(withinMilliseconds: milliseconds) == .late else { return }
        thread.post(.late)
        // It is at work on a job that does not wait, and ends when that does.
        _ = thread.join(withinMilliseconds: Self.lateMilliseconds)
    }

    private static let lateMilliseconds: UInt64 = 1_000

    // MARK: The thread

    private func run(_ schedule: JobSchedule, _ inbox: inout MailInbox<Mail>) {
        var schedule = schedule
        var tasks: [Int: Task<Void, Never>] = [:]
        var drainEnds: Instant?
        // What still comes goes on elsewhere.
        defer { isClosed.store(true, ordering: .releasing) }
        while true {
            let now = Instant.now
            if drainEnds == nil {
                for index in schedule.takeDue(at: now) { tasks[index] = begin(index) }
            }
            if let drainEnds {
                guard !tasks.isEmpty else { return }
                guard Instant.machine < drainEnds else { return sayLate(tasks) }
            }
            guard inbox.receive(withinMilliseconds: wait(schedule, drainEnds, now)) == .goOn
            else { return }
            for mail in inbox.mail {
                switch mail {
                case .run(let job): job.runSynchronously(on: asUnownedTaskExecutor())
                case .ended(let index):
                    tasks[index] = nil
                    schedule.ended(index, at: .now)
                case .drain(let moment):
                    drainEnds = min(drainEnds ?? moment, moment)
                    for task in tasks.values { task.cancel() }
                case .late: drainEnds = Instant.machine
                }
            }
        }
    }

    private func wait(
        _ schedule: JobSchedule, _ drainEnds: Instant?, _ now: Instant
    ) -> Int? {
        if let drainEnds {
            return Int(clamping: drainEnds.milliseconds(since: .machine)) + 1
        }
        return schedule.next.map { Int(clamping: $0.milliseconds(since: now)) + 1 }
    }

    private func begin(_ index: Int) -> Task<Void, Never> {
        let (job, logger, thread) = (jobs[index], self.logger, self.thread)
        return Task(executorPreference: self) {
            do {
                try await job.body()
            } catch is CancellationError where Task.isCancelled {
                // The server ends, and the job has heard of it.
            } catch {
                logger.error("the job \(job.name) failed: \(error)")
            }
            thread.post(.ended(index))
        }
    }

    private func sayLate(_ tasks: [Int: Task<Void, Never>]) {
        for index in tasks.keys.sorted() {
            logger.warning("the job \(jobs[index].name) goes on though the server ends")
        }
    }
}
