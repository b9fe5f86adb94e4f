// Writes of one mutation to scopes beside its own: grants stand in the scope and in the user's own
// list, an accepted invitation is pushed to the one and changes the other. Each scope gets its own
// entry in its log, its own sums and its own place in the feed; all of it is in the mutation's
// savepoint. The mutation's id gets an outcome in each of these scopes too, so that an id stands in
// a log once, whoever knows it.
//
// Who pays: a scope's owner, as always. A user's own list is never refused for it, or a stranger's
// grant would fail for what the user has elsewhere; whoever grants is bounded by the scopes that
// they may make. An internal scope is the operator's.

import MizuBytes

/// Another scope of a mutation: what it was, and what becomes of it.
struct CrossedScope {
    let scope: Name
    /// In `BatchRun.turns`.
    let place: Int
    let before: ScopeState
    var state: ScopeState
    var changes: [RecordChange]
    var entry: LogEntry?
}

/// An account's sums once a mutation is written.
typealias Booking = (owner: Account, state: AccountState)

extension SyncEngine {
    /// The scopes that are written to, as they are.
    func cross(
        _ writes: [ScopeWrites], _ run: inout BatchRun
    ) throws(StoreError) -> [CrossedScope] {
        var crossed: [CrossedScope] = []
        for written in writes where !written.changes.isEmpty {
            let place = try run.place(of: written.scope, store)
            let before = run.turns[place].state
            var state = before
            if before.head.cursor == 0 {
                state.owner = written.scope.userOfScope.map { Account(user: $0) }
            }
            crossed.append(
                CrossedScope(
                    scope: written.scope, place: place, before: before, state: state,
                    changes: written.changes))
        }
        return crossed
    }

    /// Why they may not be written; nil if they may. Nothing is stored of it.
    func refusal(
        of crossed: [CrossedScope], _ mutation: Name, _ run: BatchRun
    ) throws(StoreError) -> Rejection? {
        for other in crossed where !other.scope.isInternal {
            if try store.outcome(of: mutation, in: other.scope) != nil { return .idReused }
            guard other.scope.userOfScope == nil else { continue }
            let growth = Growth(of: other.changes)
            if let refusal = try quotaRefusal(of: growth, in: other.state, run) { return refusal }
        }
        return nil
    }

    /// Writes records, logs and outcomes. The log's writer is the push's own scope's again then.
    func write(
        _ crossed: inout [CrossedScope], of mutation: PushedMutation, _ push: PushRequest,
        in run: BatchRun
    ) throws(StoreError) {
        defer { writer.begin(scope: push.scope) }
        for index in crossed.indices {
            var other = crossed[index]
            writer.begin(scope: other.scope)
            other.entry = try append(
                &other.changes, of: mutation.id, to: other.scope, state: &other.state, in: run)
            crossed[index] = other
            guard !other.scope.isInternal else { continue }
            try store.setOutcome(
                StoredOutcome(
                    verdict: .applied(other.state.head),
                    fingerprint: mutation.fingerprint, user: push.user, client: nil,
                    clientSequence: 0,
                    reviewMilliseconds: run.ageMilliseconds + limits.logMillisecondsMax),
                of: mutation.id, in: other.scope)
        }
    }

    /// What they come to for their owners; of several of one account the last is all.
    func bookings(
        of crossed: [CrossedScope], behind own: Booking?, _ run: BatchRun
    ) throws(StoreError) -> [Booking] {
        var made: [Booking] = []
        for other in crossed {
            let known =
                made.last { $0.owner == other.state.owner }
                ?? own.flatMap { $0.owner == other.state.owner ? $0 : nil }
            let next = try booked(from: other.before, to: other.state, in: run, behind: known)
            if let next { made.append(next) }
        }
        return made
    }

    /// Takes in what was written. In-memory state only.
    func take(
        _ crossed: [CrossedScope], _ bookings: [Booking], _ rights: [UserRights],
        _ run: inout BatchRun
    ) {
        for booking in bookings { run.accounts[booking.owner] = booking.state }
        for other in crossed {
            // Who writes may not be who reads: what they chose is not compressed beside the rest.
            run.turns[other.place].add(other.entry, other.state, isByReader: false)
            run.turns[other.place].knownRoles = KnownRoles()
            if !other.scope.isInternal { run.newOutcomes += 1 }
        }
        for change in rights { run.note(change) }
    }
}
