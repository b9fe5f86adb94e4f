// Where the tasks of one worker run: on its thread, between two slices of its other work. Swift's
// runtime hands jobs over here, a job being what a task does from one `await` that waits to the
// next; the worker takes them out in its tick. A task that prefers this executor resumes here, from
// whatever thread its wait is ended.
//
// Any thread may enqueue. The worker is woken by mail, unless it is the worker's own thread that
// enqueues: that looks here before it waits. When the worker has ended, jobs go to Swift's own
// threads, so that every task ends; nothing of the worker is touched by then (`TaskDriver`).

import CLinux
import MizuEventLoop
import Synchronization

final class WorkerExecutor: TaskExecutor {
    private struct Jobs {
        var waiting: [UnownedJob] = []
        var isClosed = false
    }

    private let jobs = Mutex(Jobs())
    /// Jobs that wait, so that the worker can look without a lock.
    private let count = Atomic<Int>(0)
    private let mailbox: Mailbox<WorkerMail>
    /// The worker's thread.
    private let thread = cl_thread_self()

    /// Call it on the worker's thread.
    init(_ mailbox: Mailbox<WorkerMail>) { self.mailbox = mailbox }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst: Bool? = jobs.withLock { jobs in
            guard !jobs.isClosed else { return nil }
            jobs.waiting.append(job)
            count.add(1, ordering: .releasing)
            return jobs.waiting.count == 1
        }
        guard let isFirst else { return Self.runElsewhere(job) }
        if isFirst, thread != cl_thread_self() { mailbox.post(.jobs) }
    }

    /// Whether a job waits. The worker's thread.
    @inline(__always)
    var hasJobs: Bool { count.load(ordering: .acquiring) > 0 }

    /// Takes all jobs, in order. The worker's thread.
    func take(into taken: inout [UnownedJob]) {
        jobs.withLock { jobs in
            count.subtract(jobs.waiting.count, ordering: .relaxed)
            swap(&jobs.waiting, &taken)
        }
    }

    /// Takes no job any more; those that wait go elsewhere.
    func close() {
        let left = jobs.withLock { jobs in
            jobs.isClosed = true
            count.store(0, ordering: .relaxed)
            defer { jobs.waiting = [] }
            return jobs.waiting
        }
        for job in left { Self.runElsewhere(job) }
    }

    private static func runElsewhere(_ job: UnownedJob) { globalConcurrentExecutor.enqueue(job) }
}
