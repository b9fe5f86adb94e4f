// Who may what, decided in one place for every wire and every call that a request is behind: the
// framework's own scopes first, then what the app says. Most questions are answered at once on the
// worker that asks; where the app wants to look at records, by a decision that is remembered, and
// only where that holds no longer on a reader's thread (+Waiting). Any thread.
//
//   question ─► mizu:… or somebody else's user:… ─► no
//            ─► rule on the worker, which reads nothing ─► yes, no, an error
//                   └─ wants to read ─► remembered, and what it stood on is as it was ─► yes, no
//                                          └─ otherwise nil: `admit` asks the store
//
// A decision stands on positions of scopes, which the tail knows, and on moments of grants, which
// `GrantClock` does: neither is a read.

import Logging
import MizuEventLoop
import MizuSync
import Synchronization

/// What an app has said about permission.
package enum AccessRule: Sendable {
    /// Whoever reaches the server may do everything.
    case everybody
    case byName(AuthorizeByName)
    case looking(Authorize)
    /// The grants in a scope decide; one that was never written to is open to whoever is signed in.
    case roles(Roles)
}

final class AccessControl: Sendable {
    let tail: LogTail
    let logger: Logger
    let readers: Readers
    /// Asked before anything is decided from memory; nil where no other process writes.
    let index: ReadIndex?
    private let rule: AccessRule
    /// Whether a decision has ever looked at a scope of the framework's. Set once.
    private let looksAtInternal = Atomic<Bool>(false)
    let state: Mutex<State>

    struct State {
        var decisions = DecisionCache(setCount: AccessLimits.decisionSets)
        var grants = GrantClock()
        /// Moves when everything that was decided is to be forgotten.
        var era: UInt32 = 0
        var flights: [DecisionCache.Key: Flight] = [:]
        var waiterCount = 0
        /// Decisions that a reader made so far.
        var lookCount = 0
    }

    init(
        _ rule: AccessRule, tail: LogTail, readers: Readers, index: ReadIndex? = nil,
        logger: Logger
    ) {
        self.rule = rule
        self.tail = tail
        self.index = index
        self.readers = readers
        self.logger = logger
        state = Mutex(State())
    }

    /// Whether other processes write to the store.
    var isShared: Bool { index != nil }

    /// Whether decisions stand on nothing that anybody could look at.
    var looksAtNothing: Bool {
        switch rule {
        case .everybody, .byName: true
        case .looking, .roles: false
        }
    }

    /// Whether nothing but grants decides, so that who has lost one may do nothing any more.
    var isByRolesAlone: Bool { if case .roles = rule { true } else { false } }

    /// The moment to remember before a view of the store begins.
    var grantTime: UInt64 { state.withLock { $0.grants.now } }

    /// Decisions that a reader made so far.
    var lookCount: Int { state.withLock { $0.lookCount } }

    // MARK: At once

    /// Whether it is allowed; nil where only the store can say. Neither waits nor reads.
    ///
    /// Where others write to the store, too, it answers only what is good without a look: what is
    /// denied in any case, and a push, which the transaction decides. Whoever reads has to ask
    /// where the log ends (`admit`).
    func ruling(_ question: AccessQuestion) -> Ruling? {
        guard isShared else { return known(question) }
        guard case .allowed(let pass)? = known(question) else {
            if case .app = ScopeOwner(of: question.scope, askedBy: question.user),
                !looksAtNothing
            {
                return nil
            }
            return known(question)
        }
        return question.action == .push && pass.seen.isEmpty ? .allowed(pass) : nil
    }

    /// What memory says; nil where only the store can say. Where others write to the store, this
    /// is the newest of what was learned since the request came, and no more.
    func known(_ question: AccessQuestion) -> Ruling? {
        switch ScopeOwner(of: question.scope, askedBy: question.user) {
        case .framework, .user(isAsker: false): return .denied
        case .user(isAsker: true): return .allowed(free(question))
        case .app: break
        }
        switch rule {
        case .everybody: return .allowed(free(question))
        case .byName(let allows):
            return allows(question.user, question.scope, question.action)
                ? .allowed(free(question)) : .denied
        case .looking(let authorize):
            let look = AccessLook()
            let result = Result { try authorize(Access(question, look)) }
            // Whatever the closure made of it that there was nothing to read.
            guard !look.wantsReader else { return remembered(question, as: question.action) }
            return ruling(question, result, look, era: 0)
        case .roles:
            guard question.user != nil else { return .denied }
            return remembered(question, as: .pull)
        }
    }

    /// The rulings on a push: whether it may be made, and whether who makes it may read what others
    /// are told of it, which is asked only if it may. Where roles decide, both are one decision,
    /// which is looked up once.
    func rulings(
        ofPushTo scope: Name, by user: Name?
    ) -> (push: Ruling?, pull: Ruling?) {
        let push = AccessQuestion(user: user, scope: scope, action: .push)
        let pull = AccessQuestion(user: user, scope: scope, action: .pull)
        guard !isShared, isByRolesAlone, user != nil,
            ScopeOwner(of: scope, askedBy: user) == .app
        else {
            let ruling = ruling(push)
            // Whether it is compressed may be decided by what was so a moment ago.
            return (ruling, ruling?.isAllowed == true ? known(pull) : nil)
        }
        guard let (found, era) = decision(pull, as: .pull) else { return (nil, nil) }
        return (
            ruling(push, found.level, found.seen, era: era),
            ruling(pull, found.level, found.seen, era: era)
        )
    }

    /// A pass that stands on nothing.
    private func free(_ question: AccessQuestion) -> AccessPass {
        AccessPass(question: question, seen: [], era: 0)
    }

    private func ruling(
        _ question: AccessQuestion, _ result: Result<Bool, any Error>, _ look: AccessLook,
        era: UInt32
    ) -> Ruling {
        ruling(question, result.map { $0 ? .write : .nothing }, look, era: era)
    }

    private func ruling(
        _ question: AccessQuestion, _ result: Result<AccessLevel, any Error>, _ look: AccessLook,
        era: UInt32
    ) -> Ruling {
        if let failure = look.failure {
            if case .thrown(let error) = failure { report(error, question) }
            return .failed(failure)
        }
        switch result {
        case .success(let level):
            return ruling(question, level, look.seen, era: era)
        case .failure(let error):
            report(error, question)
            return .failed(.thrown(error))
        }
    }

    private func ruling(
        _ question: AccessQuestion, _ level: AccessLevel, _ seen: [AccessPass.Seen], era: UInt32
    ) -> Ruling {
        level >= AccessLevel(for: question.action)
            ? .allowed(AccessPass(question: question, seen: seen, era: era)) : .denied
    }

    private func report(_ error: any Error, _ question: AccessQuestion) {
        logger.error("authorize failed in the scope \(question.scope), so it is refused: \(error)")
    }

    private func remembered(_ question: AccessQuestion, as action: SyncAction) -> Ruling? {
        guard let (found, era) = decision(question, as: action) else { return nil }
        return ruling(question, found.level, found.seen, era: era)
    }

    /// What was decided, if that still holds.
    /// - Parameter action: as which it is remembered: where roles decide, all actions have one
    ///   decision.
    private func decision(
        _ question: AccessQuestion, as action: SyncAction
    ) -> (DecisionCache.Decision, era: UInt32)? {
        let key = DecisionCache.Key(question, as: action)
        let (found, era) = state.withLock { state in
            (state.decisions.find(key), state.era)
        }
        guard let found, hold(found.seen, era: era) else { return nil }
        return (found, era)
    }

    // MARK: Later

    /// Whether all that a pass stood on is as it was.
    func holds(_ pass: AccessPass) -> Bool {
        pass.seen.isEmpty || hold(pass.seen, era: pass.era)
    }

    /// Whether nobody has taken the right away that a pass stood on, as far as grants say it.
    /// Whoever reads first and asks then has read nothing that was written after it was taken.
    /// - Parameter cursor: up to where the question's scope was read, if that is known. Where
    ///   others write to the store, grants of another scope are known to hold only as far as they
    ///   were looked at together.
    func isGranted(_ pass: AccessPass, through cursor: Int = .max) -> Bool {
        if pass.seen.isEmpty { return true }
        if isShared, cursor > pass.asOf,
            pass.seen.contains(where: { $0.isGrant && $0.scope != pass.question.scope })
        {
            return false
        }
        return hold(pass.seen.filter(\.isGrant), era: pass.era)
    }

    private func hold(_ seen: [AccessPass.Seen], era: UInt32) -> Bool {
        let areGrantsHeld = state.withLock { state in
            guard state.era == era else { return false }
            for what in seen {
                switch what {
                case .grant(_, let mark), .sharedGrant(_, let mark, _):
                    if !state.grants.holds(mark) { return false }
                case .records, .unwritten: break
                }
            }
            return true
        }
        guard areGrantsHeld else { return false }
        for what in seen {
            switch what {
            case .grant: break
            case .sharedGrant(let scope, _, let position):
                guard tail.covers(scope, from: position) else { return false }
            case .records(let scope, let position):
                guard tail.ends(scope, at: position) else { return false }
            case .unwritten(let scope):
                guard tail.ends(scope, at: .start) else { return false }
            }
        }
        return true
    }

    // MARK: On a reader's thread

    /// Decides, with a reader, and remembers it.
    /// - Returns: what is decided, and what it stands on also where that is no.
    func decide(
        _ question: AccessQuestion, _ turn: Readers.ReadTurn
    ) -> (ruling: Ruling, seen: [AccessPass.Seen], era: UInt32) {
        if let ruling = fixedRuling(question) { return (ruling, [], 0) }
        let era = state.withLock { state in
            state.lookCount += 1
            return state.era
        }
        let source = AccessLook.Source(reader: turn.reader, check: turn.check, control: self)
        var ensured: [Name] = []
        while true {
            let look = AccessLook(source, ensuring: ensured)
            let result: Result<AccessLevel, any Error> = Result { try self.ask(question, look) }
            let unsure = look.end()
            guard unsure.isEmpty || look.failure != nil else {
                ensured += unsure
                continue
            }
            let ruling = ruling(question, result, look, era: era)
            guard case .success(let level) = result, look.failure == nil else {
                return (ruling, [], era)
            }
            if !look.seen.isEmpty { keep(question, level, look.seen, era: era) }
            return (ruling, look.seen, era)
        }
    }

    private func fixedRuling(_ question: AccessQuestion) -> Ruling? {
        guard !looksAtNothing, ScopeOwner(of: question.scope, askedBy: question.user) == .app
        else { return known(question) }
        return nil
    }

    private func ask(_ question: AccessQuestion, _ look: AccessLook) throws -> AccessLevel {
        switch rule {
        case .everybody, .byName: return .nothing
        case .looking(let authorize):
            return try authorize(Access(question, look)) ? .write : .nothing
        case .roles(let roles):
            guard let user = question.user else { return .nothing }
            if try look.isUnwritten(question.scope) { return .write }
            let role = try look.role(of: user, in: question.scope)
            return AccessLevel(role.flatMap { roles.right(of: $0) })
        }
    }

    private func keep(
        _ question: AccessQuestion, _ level: AccessLevel, _ seen: [AccessPass.Seen], era: UInt32
    ) {
        for what in seen where what.scope.isInternal {
            looksAtInternal.store(true, ordering: .releasing)
        }
        let action: SyncAction = isByRolesAlone ? .pull : question.action
        state.withLock { state in
            guard state.era == era else { return }
            state.decisions.keep(
                DecisionCache.Decision(level: level, seen: seen),
                as: DecisionCache.Key(question, as: action))
        }
    }

    /// The scopes of which it is to be known where they end before the question can be answered
    /// from memory: the question's own first, then what a remembered decision stood on.
    func scopes(behind question: AccessQuestion) -> [Name] {
        var scopes = [question.scope]
        guard !looksAtNothing else { return scopes }
        let key = DecisionCache.Key(question, as: isByRolesAlone ? .pull : question.action)
        for what in state.withLock({ $0.decisions.find(key) })?.seen ?? []
        where !scopes.contains(what.scope) {
            scopes.append(what.scope)
        }
        return scopes
    }

    // MARK: What changes decisions

    /// Takes in whose grants commits have changed. To be called when that is durable and before
    /// anybody is told of it.
    func noteGrants(_ feed: [CommittedChanges]) {
        for changes in feed where !changes.changedRights.isEmpty {
            let hands = changes.changedRights.map {
                GrantClock.hand(of: $0.user, in: changes.scope)
            }
            state.withLock { state in
                for hand in hands { state.grants.move(hand) }
            }
        }
    }

    /// Those of the framework's scopes that permissions may stand on.
    func watched(_ heads: [InternalHead]) -> [Name] {
        guard !heads.isEmpty, looksAtInternal.load(ordering: .acquiring) else { return [] }
        return heads.map(\.scope)
    }

    /// Nothing that was decided holds any more.
    func forgetAll() {
        state.withLock { state in
            state.era &+= 1
            state.decisions.forgetAll()
        }
    }
}

extension AccessPass.Seen {
    /// Whether it is about who has which right, and not about records.
    var isGrant: Bool { if case .records = self { false } else { true } }
}

extension Access {
    init(_ question: AccessQuestion, _ look: AccessLook) {
        user = question.user
        scope = question.scope
        action = question.action
        self.look = look
    }
}
