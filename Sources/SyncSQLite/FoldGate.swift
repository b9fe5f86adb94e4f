// Where a reader waits until what is committed to its scope is in SQLite: the table of scopes with
// pending rows, shared by the committer and all readers. The committer enters a batch's scopes
// before anybody is told of the commit, and strikes them out when a fold has committed; a reader
// whose scope is entered asks for a fold and waits. So nobody sees less than an answer has told.
// One short lock for each batch and each read. Any thread.

import MizuEventLoop
import MizuSync
import Synchronization

final class FoldGate: Sendable {
    /// How long a reader waits for a fold. It takes some 10 ms; more means that SQLite's file is
    /// locked by another program, or that its disk fails.
    static let waitMilliseconds: UInt64 = 2_000

    private struct State {
        /// The generation in which a scope's newest row is.
        var scopes: [Name: UInt64] = [:]
        var waiting: [ObjectIdentifier: Mailbox<Void>] = [:]
        /// Folds that failed, and how many of them one after the other without one that did not.
        var (failures, failuresInRow) = (0, 0)
        var isClosed = false
    }

    private let state = Mutex(State())
    /// Who folds, and is to be woken.
    private let wake = FunctionSlot<Void, Void>()

    func onDemand(_ wake: @escaping @Sendable () -> Void) { self.wake.set(wake) }

    /// Wakes whoever folds, for a reason other than a reader.
    func ring() { wake.function?(()) }

    // MARK: The committer's side

    /// Rows of `scopes` are committed, and wait in a generation.
    func enter(_ scopes: [Name], generation: UInt64) {
        state.withLock { state in
            for scope in scopes { state.scopes[scope] = generation }
        }
    }

    /// The generation is in SQLite.
    func fold(_ scopes: some Sequence<Name>, generation: UInt64) {
        let waiting = state.withLock { state in
            state.failuresInRow = 0
            for scope in scopes where state.scopes[scope] == generation {
                state.scopes[scope] = nil
            }
            return Array(state.waiting.values)
        }
        for mailbox in waiting { mailbox.post(()) }
    }

    /// Nothing waits any more: another state of the database has taken the place of all of it.
    func clear() {
        let waiting = state.withLock { state in
            state.scopes = [:]
            state.failuresInRow = 0
            return Array(state.waiting.values)
        }
        for mailbox in waiting { mailbox.post(()) }
    }

    /// A fold has failed, or none will come any more. Readers are told when it has failed twice:
    /// a disk that failed once may have what is asked of it when it is asked again.
    func fail(_ end: End) {
        let waiting = state.withLock { state in
            state.failures += 1
            state.failuresInRow += 1
            if end == .forGood { state.isClosed = true }
            return Array(state.waiting.values)
        }
        for mailbox in waiting { mailbox.post(()) }
    }

    enum End { case forNow, forGood }

    /// Whether somebody waits for a fold.
    var isDemanded: Bool { state.withLock { !$0.waiting.isEmpty } }

    // MARK: A reader's side

    /// Returns when everything is in SQLite that was committed to `scope` before the call.
    /// - Throws: `.unavailable`.
    func pass(_ scope: Name, _ seat: inout Seat) throws(StoreError) {
        guard isPending(scope) else { return }
        try wait(for: scope, &seat)
    }

    private func isPending(_ scope: Name) -> Bool {
        state.withLock { $0.scopes[scope] != nil }
    }

    private func wait(for scope: Name, _ seat: inout Seat) throws(StoreError) {
        let mailbox = seat.mailbox
        let failures = state.withLock { state in
            state.waiting[ObjectIdentifier(mailbox)] = mailbox
            return state.failures
        }
        defer { state.withLock { $0.waiting[ObjectIdentifier(mailbox)] = nil } }
        let deadline = Instant.now.adding(milliseconds: Self.waitMilliseconds)
        while true {
            ring()
            let (isPending, hasFailed) = state.withLock { state in
                let fails = state.failures != failures && state.failuresInRow > 1
                return (state.scopes[scope] != nil, fails || state.isClosed)
            }
            if !isPending { return }
            let now = Instant.now
            guard !hasFailed, now < deadline else {
                throw StoreError(
                    .unavailable, "what was pushed to \(scope) cannot be brought to the database")
            }
            seat.wait(until: deadline)
        }
    }
}
