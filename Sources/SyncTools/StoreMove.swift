// Moves all rows of one store to another, while the servers of the source go on until the last
// moment. Positions, epochs, outcomes, clients, accounts and the salt stay as they are, so clients
// notice nothing: a pull with an old cursor goes on, and a push that is repeated is known.
//
//   target marked ─► round: everything ─► rounds: what has changed ─► source held
//     ─► last round ─► verified ─► source marked as moved ─► target's mark taken away
//
// Whatever ends it on the way, at most one of the two can be opened by a server: before the source
// is marked, only the source, and behind it, neither, until the move is done again (from the
// beginning: the target is made empty) or is done. Never reads what it writes but to verify it.

import CLinux
import Glibc
import MizuBytes
import MizuSync

/// What a move has come to.
package struct MoveReport: Sendable {
    package var source = ""
    package var target = ""
    package var scopeCount = 0
    package var recordCount = 0
    package var changeCount = 0
    package var clientCount = 0
    package var outcomeCount = 0
    package var accountCount = 0
    /// Whether the secret of the servers went along; nil where they had made none.
    package var isSecretMoved: Bool?
    /// Walks over all scopes, the last one too.
    package var roundCount = 0
    package var milliseconds = 0
    /// From the moment in which nobody could write to the source any more.
    package var heldMilliseconds = 0
}

/// How a move is done.
package struct MoveOptions: Sendable {
    /// Only looks at both ends, and counts.
    package var isRehearsal = false
    /// Ends the process that has the source (SIGTERM), when little is left to move.
    package var stopsServer = false

    package init() {}
}

/// One move. Confined to one thread; blocks until it is done.
package final class StoreMove {
    private let source: any MoveSource
    private let target: any MoveTarget
    private let options: MoveOptions
    /// One line, shown for a moment.
    private let progress: ToolProgress
    /// One line that a person must see.
    private let notice: (String) -> Void
    /// By scope: what the target has.
    private var moved: [Name: MovedScope] = [:]
    private var accounts: [Account: AccountState] = [:]
    private var report = MoveReport()

    package init(
        from source: any MoveSource, to target: any MoveTarget, options: MoveOptions,
        progress: @escaping ToolProgress = { _ in }, notice: @escaping (String) -> Void = { _ in }
    ) {
        self.source = source
        self.target = target
        self.options = options
        self.progress = progress
        self.notice = notice
        report.source = source.name
        report.target = target.name
    }

    package func run() throws(ToolFailure) -> MoveReport {
        let began = cl_monotonic_ns()
        if let place = try source.movedTo(), place != target.name {
            throw ToolFailure(
                "\(source.name) was moved to \(place) already",
                hint: "name that as the source: --from")
        }
        if let obstacle = try target.obstacle() { throw ToolFailure(obstacle) }
        if options.isRehearsal { return try count() }
        let salt = try storing { () throws(StoreError) in try source.salt() }
        try target.prepare(salt: salt, from: source.name)
        if let secret = try source.secret() {
            report.isSecretMoved = try target.keep(secret: secret)
        }
        var left = try round()
        // What a busy source has got meanwhile is moved before it is held.
        for _ in 0..<Self.roundsMax where left > Self.littleIsLeft { left = try round() }
        let heldAt = try hold()
        try round()
        try finishSums()
        try compare()
        try source.markMoved(to: target.name)
        try target.finish()
        report.heldMilliseconds = Self.milliseconds(since: heldAt)
        report.milliseconds = Self.milliseconds(since: began)
        return report
    }

    /// Walks before the source is held; one that changes faster than it can be moved is held all
    /// the same.
    private static let roundsMax = 5
    /// Scopes and outcomes that are moved while nobody can write.
    private static let littleIsLeft = 1_000

    private static func milliseconds(since start: UInt64) -> Int {
        Int(clamping: (cl_monotonic_ns() &- start) / 1_000_000)
    }

    // MARK: Rounds

    /// Moves what has changed since the round before, and verifies it.
    /// - Returns: how many scopes and outcomes were written.
    @discardableResult
    private func round() throws(ToolFailure) -> Int {
        report.roundCount += 1
        let store = try target.store
        var writer = MoveWriter(store)
        var unverified: [(Name, ScopeState?)] = []
        var (seen, changed) = (0, 0)
        try source.visitScopes { (scope, read) throws(ToolFailure) in
            seen += 1
            if let read, let known = moved[scope], known.digest == read.hashValue { return .next }
            let move = ScopeMove(scope: scope, source: source, target: store)
            let summary = try source.view { () throws(ToolFailure) -> ScopeSummary? in
                let summary = try storing { () throws(StoreError) in
                    try source.summary(of: scope)
                }
                if let known = moved[scope], known.digest == summary.hashValue { return nil }
                try move.run(summary, known: moved[scope], to: &writer)
                moved[scope] = MovedScope(summary)
                return summary
            }
            if let summary {
                changed += 1
                unverified.append((scope, summary.state))
            }
            if unverified.count >= 64 { try verify(&unverified, store, &writer) }
            progress("round \(report.roundCount): \(seen) scopes seen, \(changed) moved")
            return .next
        }
        try verify(&unverified, store, &writer)
        let outcomes = try moveOutcomes(&writer)
        try moveAccounts(&writer)
        try storing { () throws(StoreError) in
            try writer.finish()
            try store.fold(.whole)
        }
        return changed + outcomes
    }

    private func verify(
        _ scopes: inout [(Name, ScopeState?)], _ store: any SyncStore,
        _ writer: inout MoveWriter
    ) throws(ToolFailure) {
        try storing { () throws(StoreError) in try writer.finish() }
        for (scope, state) in scopes {
            try ScopeMove(scope: scope, source: source, target: store).verify(state)
        }
        scopes = []
    }

    private func moveOutcomes(_ writer: inout MoveWriter) throws(ToolFailure) -> Int {
        var count = 0
        try source.visitNewOutcomes { (scope, mutation, outcome) throws(ToolFailure) in
            try storing { () throws(StoreError) in
                try writer.write(160) { (store) throws(StoreError) in
                    try store.setOutcome(outcome, of: mutation, in: scope)
                }
            }
            count += 1
            if count % 1_000 == 0 { progress("round \(report.roundCount): \(count) outcomes") }
        }
        return count
    }

    private func moveAccounts(_ writer: inout MoveWriter) throws(ToolFailure) {
        var now: [Account: AccountState] = [:]
        try storing { () throws(StoreError) in
            try source.visitAccounts { account, state in
                now[account] = state
                return .next
            }
            for (account, state) in now where accounts[account] != state {
                try writer.write { (store) throws(StoreError) in
                    try store.setAccountState(state, of: account)
                }
            }
            for account in accounts.keys where now[account] == nil {
                try writer.write { (store) throws(StoreError) in
                    try store.setAccountState(.none, of: account)
                }
            }
        }
        accounts = now
    }

    // MARK: The source's end

    /// Rounds, until the source is held.
    /// - Returns: when that was.
    private func hold() throws(ToolFailure) -> UInt64 {
        var told: MoveObstacle?
        while true {
            guard let obstacle = try source.hold() else { return cl_monotonic_ns() }
            if obstacle != told {
                // Until now all was moved once; what came meanwhile is little.
                try round()
                if options.stopsServer, let pid = obstacle.pid {
                    notice("ending the server (pid \(pid))")
                    guard kill(pid, SIGTERM) == 0 else {
                        throw ToolFailure(cannot: "end", "process \(pid)", -errno)
                    }
                } else {
                    notice(obstacle.advice)
                }
                told = obstacle
            }
            let nextRound = cl_monotonic_ns() &+ 2_000_000_000
            while cl_monotonic_ns() < nextRound {
                guard try source.hold() != nil else { return cl_monotonic_ns() }
                progress("waiting: \(obstacle.advice)")
                // Nothing to wait for but the time.
                _ = poll(nil, 0, 20)
            }
            try round()
        }
    }

    /// What is of no scope: the store's own time, and the count of outcomes.
    private func finishSums() throws(ToolFailure) {
        try storing { () throws(StoreError) in
            let outcomes = try target.countOutcomes()
            report.outcomeCount = outcomes
            guard let totals = try source.totals() else { return }
            let store: any SyncStore
            do throws(ToolFailure) {
                store = try target.store
            } catch {
                throw StoreError(.unavailable, error.message)
            }
            var writer = MoveWriter(store)
            try writer.write { (store) throws(StoreError) in
                try store.setTotals(
                    StoreTotals(
                        agingMilliseconds: totals.agingMilliseconds, outcomeCount: outcomes))
            }
            try writer.finish()
            // The source may have forgotten some meanwhile; those the target will.
            guard outcomes >= totals.outcomeCount else {
                throw StoreError(
                    .unavailable,
                    "\(totals.outcomeCount) outcomes are in \(source.name), and \(outcomes) in "
                        + target.name)
            }
        }
    }

    /// Each scope of the source, which is held, is what was moved and verified last.
    private func compare() throws(ToolFailure) {
        var left = moved.count
        try source.visitScopes { (scope, read) throws(ToolFailure) in
            let summary = try summary(of: scope, read)
            guard moved[scope]?.digest == summary.hashValue else {
                throw ToolFailure(
                    VerificationFault(
                        scope: scope, place: "state", message: "somebody wrote to it meanwhile"),
                    hint: "stop whatever writes to \(source.name), and run it again")
            }
            left -= 1
            add(summary)
            return .next
        }
        report.accountCount = accounts.count
        // A scope is never removed, but its last client may be forgotten.
        assert(left >= 0, "each scope is visited once")
    }

    private func summary(
        of scope: Name, _ read: ScopeSummary?
    ) throws(ToolFailure) -> ScopeSummary {
        if let read { return read }
        return try storing { () throws(StoreError) in try source.summary(of: scope) }
    }

    private func add(_ summary: ScopeSummary) {
        report.scopeCount += 1
        report.clientCount &+= summary.clientCount
        report.recordCount &+= summary.state?.recordCount ?? 0
        report.changeCount &+= summary.state.map { $0.head.cursor &- $0.base } ?? 0
    }

    /// What a move would move.
    private func count() throws(ToolFailure) -> MoveReport {
        try source.visitScopes { (scope, read) throws(ToolFailure) in
            add(try summary(of: scope, read))
            if report.scopeCount % 100 == 0 { progress("\(report.scopeCount) scopes") }
            return .next
        }
        try storing { () throws(StoreError) in
            try source.visitAccounts { _, _ in
                report.accountCount += 1
                return .next
            }
            report.outcomeCount = try source.totals()?.outcomeCount ?? 0
        }
        return report
    }
}
