// Threads that read the store: pulls behind the tail, snapshots, pages rendered from records. Each
// has a reader of its own, so workers never wait for a disk and never block the committer. Work is
// dealt out in turn.

import MizuEventLoop
import MizuSync
import Synchronization

/// The reader threads' front: any thread may ask.
final class Readers: Sendable {
    /// Reads that may wait; beyond it they are refused with `unavailable`.
    static let pendingMax = 20_000

    /// A piece of work with the thread's reader.
    typealias Work = @Sendable (any SyncReader) -> Void

    private enum Job: Sendable {
        case read(Work)
        case stop
    }

    private let mailboxes: [Mailbox<Job>]
    private let turn = Atomic<Int>(0)
    private let pending = Atomic<Int>(0)

    init(count: Int) throws(SystemError) {
        var mailboxes: [Mailbox<Job>] = []
        for _ in 0..<max(1, count) { mailboxes.append(try Mailbox()) }
        self.mailboxes = mailboxes
    }

    var count: Int { mailboxes.count }

    /// Starts thread `index`, which takes the reader over.
    func start(_ index: Int, _ reader: sending any SyncReader) throws(SystemError) {
        let mailbox = mailboxes[index]
        var poller = try Poller()
        try poller.registerInput(mailbox.pollable, data: 0)
        var handover: (any SyncReader)? = reader
        try startThread("mizu-reader-\(index)") {
            guard let reader = handover.take() else { return }
            self.run(reader, mailbox, &poller)
        }
    }

    /// Runs `work` on a reader's thread, soon.
    /// - Returns: false where too much waits; then `work` is never called.
    func read(_ work: @escaping Work) -> Bool {
        guard pending.add(1, ordering: .relaxed).newValue <= Self.pendingMax else {
            pending.subtract(1, ordering: .relaxed)
            return false
        }
        let number = turn.wrappingAdd(1, ordering: .relaxed).oldValue
        mailboxes[Int(UInt(bitPattern: number) % UInt(mailboxes.count))].post(.read(work))
        return true
    }

    func stop() {
        for mailbox in mailboxes { mailbox.post(.stop) }
    }

    private func run(_ reader: any SyncReader, _ mailbox: Mailbox<Job>, _ poller: inout Poller) {
        var jobs: [Job] = []
        while true {
            guard (try? poller.wait(milliseconds: nil)) != nil else { continue }
            mailbox.drain(into: &jobs)
            for job in jobs {
                guard case .read(let work) = job else { return }
                work(reader)
                pending.subtract(1, ordering: .relaxed)
            }
            // Let go of what the work held: the next may be far.
            jobs.removeAll(keepingCapacity: true)
        }
    }
}
