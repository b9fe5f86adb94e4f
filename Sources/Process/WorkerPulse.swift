// Whether every worker's loop still turns. Each gets a mail and must read it; a round is complete
// when all have. A worker that hangs in a handler, or that has ended, leaves its round open for
// ever, and no second one is begun, so that mail does not pile up behind it.

import MizuEventLoop
import MizuServer
import Synchronization

/// Asks all workers for a sign of life. One thread asks; it polls for the answer.
final class WorkerPulse: Sendable {
    private let workers: Workers
    private let owed = Atomic<Int>(0)
    private let completed: Mailbox<Void>

    init(_ workers: Workers) throws(SystemError) {
        self.workers = workers
        completed = try Mailbox()
    }

    /// Becomes readable when a round is complete.
    var pollable: Int32 { completed.pollable }

    /// Begins a round, unless the last one is still open.
    func ask() {
        guard owed.load(ordering: .acquiring) == 0 else { return }
        owed.store(workers.count, ordering: .releasing)
        workers.performOnAll { _ in
            guard self.owed.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else {
                return
            }
            self.completed.post(())
        }
    }

    /// Whether a round has become complete since the last call.
    func takeAnswer() -> Bool {
        var answers: [Void] = []
        completed.drain(into: &answers)
        return !answers.isEmpty
    }
}
