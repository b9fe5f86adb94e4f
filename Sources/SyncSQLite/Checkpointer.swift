// Copies the WAL into the database file, and makes larger journal files: what waits for the disk
// longer than a commit may. A thread and a connection of its own; the store gives orders and
// collects what came of them when it is at work anyway, or when it is rung for.

import Logging
import MizuEventLoop
import MizuSync
import Synchronization

/// Any thread may order.
final class Checkpointer: Sendable {
    enum Order: Sendable {
        /// Bring the WAL to the disk.
        case sync
        /// Copy it into the file, as far as no reader is in the way.
        case copy
        case grow(JournalGrowth)
    }

    enum Result: Sendable {
        case synced
        /// What is in the database file now.
        case copied(WALBackfill)
        case grown(JournalGrowth)
        /// In words, for the log.
        case failed(String)
    }

    /// How long the end waits for a copy that is under way.
    private static let stopMilliseconds: UInt64 = 10_000

    private let thread: MailThread<Order>
    private let results = Mutex<[Result]>([])
    private let ring: @Sendable () -> Void

    /// - Parameter ring: called on the checkpointer's thread when there is a result.
    init(_ path: String, ring: @escaping @Sendable () -> Void) throws(StoreError) {
        self.ring = ring
        let connection = try Connection(path, as: .reader)
        do throws(SystemError) {
            thread = try MailThread("mizu-checkpoint")
            try thread.start(handover: connection) { self.run($0, &$1) }
        } catch {
            throw StoreError(.unavailable, "cannot start: \(error)")
        }
    }

    func order(_ order: Order) { thread.post(order) }

    var hasResults: Bool { results.withLock { !$0.isEmpty } }

    func takeResults() -> [Result] {
        results.withLock { results in
            defer { results = [] }
            return results
        }
    }

    /// Ends the thread, which closes its connection.
    func stop() { _ = thread.stop(withinMilliseconds: Self.stopMilliseconds) }

    private func run(_ connection: Connection, _ inbox: inout MailInbox<Order>) {
        while inbox.receive() == .goOn {
            for order in inbox.mail {
                let result = carryOut(order, connection)
                results.withLock { $0.append(result) }
                ring()
            }
        }
    }

    private func carryOut(_ order: Order, _ connection: Connection) -> Result {
        do throws(StoreError) {
            switch order {
            case .sync:
                try connection.syncWAL()
                return .synced
            case .copy: return .copied(try connection.copyWAL())
            case .grow(let growth):
                try growth.write()
                return .grown(growth)
            }
        } catch {
            return .failed(error.message)
        }
    }
}
