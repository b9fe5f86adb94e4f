// Whether writes can be made, as the committer's last transaction showed: for `/readyz`, and so
// that a fault that every push meets is a line in the log once, not once for each push.

import MizuEventLoop
import MizuSync
import Synchronization

/// Why nothing can be written, as far as a stranger may know. The log knows more.
public enum WriteObstacle: String, CaseIterable, Sendable {
    /// Less is left of the disk than `DISK_FREE_MIN`, or nothing.
    case diskFull = "disk_full"
    /// The files, or the database that is shared, cannot be read, written, or found.
    case storageFailing = "storage_failing"
    /// Commits wait for the database, and no more of them can wait.
    case foldsLag = "folds_lag"
    /// A newer version has migrated the tables to what this one may not write.
    case newerSchema = "newer_schema"
    /// The server is going down.
    case draining

    init(_ cause: StoreError.Cause) {
        switch cause {
        case .noSpace: self = .diskFull
        case .foldsLag: self = .foldsLag
        case .newerSchema: self = .newerSchema
        case .locked, .other: self = .storageFailing
        }
    }
}

/// How many committers of a process cannot write: only the last of them says that it can again.
final class FailingCommitters: Sendable {
    fileprivate let count = Atomic<Int>(0)
}

/// Written by the committer, read by any thread.
final class StoreHealth: Sendable {
    /// A fault that stays the same is said again after that long.
    static let repeatMilliseconds: UInt64 = 60_000

    private struct State {
        var obstacle: StoreError?
        var saidAt = Instant.now
    }
    private let state = Mutex(State())
    private let failing: FailingCommitters

    init(_ failing: FailingCommitters = FailingCommitters()) { self.failing = failing }

    /// Why nothing can be written, nil where it can.
    var obstacle: WriteObstacle? {
        state.withLock { $0.obstacle.map { WriteObstacle($0.cause) } }
    }

    /// Whether what nobody can write to is locked by somebody.
    var isLocked: Bool { state.withLock { $0.obstacle?.cause == .locked } }

    /// Takes in why a transaction failed.
    /// - Returns: whether to say so in the log.
    func failed(_ error: StoreError, now: Instant) -> Bool {
        state.withLock { state in
            let isKnown = state.obstacle == error
            if state.obstacle == nil { failing.count.add(1, ordering: .relaxed) }
            state.obstacle = error
            if isKnown, now < state.saidAt.adding(milliseconds: Self.repeatMilliseconds) {
                return false
            }
            state.saidAt = now
            return true
        }
    }

    /// Takes in that something was written.
    /// - Returns: whether that is news: no committer has an obstacle any more.
    func worked() -> Bool {
        state.withLock { state in
            guard state.obstacle.take() != nil else { return false }
            return failing.count.subtract(1, ordering: .relaxed).newValue == 0
        }
    }
}
