// What one decision looks at. On a worker it reads nothing and only notes that something wants to
// be read. On a reader's thread all that it reads is one view of the store: a scope that the view
// may not have whole, because what was committed to it is not yet where readers look, is named in
// the end, and the decision is made again in a view that has it. Confined to the call.
//
//   worker:  read ──► wantsReader
//   reader:  read ──► the view begins with the first scope ──► seen ──► end ──► unsure: []  done
//                                                                        └────► unsure: [B] again,
//                                                                               with B ensured

import MizuBytes
import MizuEventLoop
import MizuSync

package final class AccessLook {
    /// With what it reads; nil on a worker.
    private let source: Source?
    /// What the closure wanted to read, on a worker.
    private(set) var wantsReader = false
    private(set) var seen: [AccessPass.Seen] = []
    /// Why there is no decision, whatever the closure made of it.
    private(set) var failure: AccessFailure?
    /// The moments before the view began.
    private var moment: LogTail.Moment?
    private var time: UInt64 = 0
    /// Of these the view has all that was committed before it was asked for.
    private var ensured: [Name]
    private var entered: [Name] = []
    private var isViewing = false

    struct Source {
        let reader: any SyncReader
        let check: ReadCheck
        let control: AccessControl
    }

    /// A look that reads nothing.
    init() {
        source = nil
        ensured = []
    }

    init(_ source: Source, ensuring ensured: [Name]) {
        self.source = source
        self.ensured = ensured
    }

    // MARK: Reading

    /// Lends `body` the reader, in a view that has the scope's records.
    package func read<R>(
        _ scope: Name, _ body: (any SyncReader, ReadCheck) throws -> R
    ) throws -> R {
        let source = try enter(scope)
        do {
            let state = try source.reader.scopeState(scope)
            note(.records(of: scope, at: state.head))
            return try body(source.reader, source.check)
        } catch let error as StoreError {
            throw failing(error)
        }
    }

    /// The role that a user has by the scope's grants; nil without one.
    func role(of user: Name, in scope: Name) throws -> String? {
        let source = try enter(scope)
        do {
            if source.control.isShared {
                let head = try source.reader.scopeState(scope).head
                note(.sharedGrant(in: scope, mark(user, scope), at: head))
            } else {
                note(.grant(in: scope, mark(user, scope)))
            }
            return try GrantRecord.read(of: user, in: scope, source.reader)?.role
        } catch {
            throw failing(error)
        }
    }

    private func mark(_ user: Name, _ scope: Name) -> GrantMark {
        GrantMark(hand: GrantClock.hand(of: user, in: scope), time: time)
    }

    private func note(_ what: AccessPass.Seen) {
        if !seen.contains(what) { seen.append(what) }
    }

    private func failing(_ error: StoreError) -> StoreError {
        failure = .refused(.unreadable)
        source?.control.logger.error("the store cannot be read: \(error.message)")
        return error
    }

    /// Sees to it that there is a view, and remembers whether it has all of the scope.
    private func enter(_ scope: Name) throws -> Source {
        guard let source else {
            wantsReader = true
            throw AccessError.needsReader
        }
        guard !source.check.isOver else {
            failure = .refused(.unavailable("this decision took too long; try again"))
            throw AccessError.needsReader
        }
        guard !entered.contains(scope) else { return source }
        guard entered.count < AccessLimits.scopesMax else {
            failure = .thrown(AccessError.tooManyScopes)
            throw AccessError.tooManyScopes
        }
        do {
            if !isViewing { try begin(source, with: scope) }
            // What the reader saw the tail must not deny. Of other scopes the view may be old.
            if ensured.contains(scope) || source.control.isShared, let moment {
                let state = try source.reader.scopeState(scope)
                source.control.tail.learn(
                    ScopeHead(state.head, checksum: state.checksum), of: scope, since: moment)
            }
        } catch {
            throw failing(error)
        }
        entered.append(scope)
        return source
    }

    private func begin(_ source: Source, with scope: Name) throws(StoreError) {
        if !ensured.contains(scope) { ensured.append(scope) }
        moment = source.control.tail.moment()
        time = source.control.grantTime
        // Each waits, where it must, until all that is committed is where readers look; the last
        // view has what all of them wait for.
        for other in ensured.dropLast() {
            try source.reader.beginReading(of: other)
            source.reader.endReading()
        }
        try source.reader.beginReading(of: ensured[ensured.count - 1])
        isViewing = true
    }

    /// Ends the view.
    /// - Returns: scopes of which it may not have had all; empty: the decision is good.
    func end() -> [Name] {
        guard let source, isViewing else { return [] }
        defer {
            source.reader.endReading()
            isViewing = false
        }
        // A view of a shared store has all that was committed to any scope before it began.
        if source.control.isShared { return [] }
        return entered.filter { scope in
            guard !ensured.contains(scope) else { return false }
            guard let head = try? source.reader.scopeState(scope).head else { return true }
            return !source.control.tail.ends(scope, at: head)
        }
    }
}

extension AccessLook {
    /// Whether nobody has ever written to the scope; noted as what the decision stands on if so.
    func isUnwritten(_ scope: Name) throws -> Bool {
        let source = try enter(scope)
        do {
            guard try source.reader.scopeState(scope).head.cursor == 0 else { return false }
            note(.unwritten(scope))
            return true
        } catch {
            throw failing(error)
        }
    }
}
