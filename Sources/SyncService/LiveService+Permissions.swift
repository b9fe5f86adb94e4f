// Permission on a worker's sockets: what a socket asks for waits in line until it is decided; what
// it has is asked for again when the app says so, when somebody signs in, and when something
// changes that the decision stood on; and what a commit takes away ends before anything that the
// commit wrote is sent.

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuSync
import MizuTopics
import MizuWire

extension LiveService {
    // MARK: Asking

    /// Goes on when it is decided whether the socket's user may: at once, or later on this worker
    /// with the rest of what the socket says in line behind it. Not at all if the socket has gone.
    func admit(
        _ asker: Asker, to scope: Name, for action: SyncAction,
        _ proceed: @escaping @Sendable (Asker, Ruling) -> Void
    ) {
        let question = AccessQuestion(user: asker.user, scope: scope, action: action)
        if let ruling = sync.access.ruling(question) { return proceed(asker, ruling) }
        lines.hold(asker.socket)
        ask(question, asker) { asker, ruling in
            if asker.isHere { proceed(asker, ruling) }
            asker.service.lines.release(asker.socket)
            asker.service.performHeld(asker)
        }
    }

    private func ask(
        _ question: AccessQuestion, _ asker: Asker,
        _ resume: @escaping @Sendable (Asker, Ruling) -> Void
    ) {
        let path = asker.returnPath
        let source = sockets[asker.socket]?.source ?? .server
        sync.access.admit(
            question, for: ReadAsker(source: source, kind: .socket, watch: nil)
        ) { ruling in
            path.resume { resume($0, ruling) }
        }
    }

    /// The scope that a topic tells of, or to which the app says it belongs.
    func scope(of topic: ByteSlice) -> Name? {
        if let bytes = TopicName.scope(of: topic) { return Name(bytes) }
        return hooks.scopeOfTopic?(topic.string)
    }

    // MARK: Asking again

    /// Asks again for all of a socket's subscriptions, one after the other, and then goes on.
    func checkPermissions(
        _ asker: Asker, _ topics: ArraySlice<ByteSlice>,
        then proceed: @escaping @Sendable (Asker) -> Void
    ) {
        guard let topic = topics.first else { return proceed(asker) }
        let (question, rest) = (asker.question.compacted, topics.dropFirst())
        let about = asker.about(topic)
        guard let scope = scope(of: topic) else {
            checkTopic(about)
            return checkPermissions(asker, rest, then: proceed)
        }
        admit(about, to: scope, for: .subscribe) { about, ruling in
            about.service.take(ruling, about, scope)
            about.service.checkPermissions(about.live.asker(question), rest, then: proceed)
        }
    }

    /// The app says that permissions have changed, for reasons that no scope shows.
    func checkAllPermissions(_ live: LiveWorker) {
        sync.access.forgetAll()
        for row in sockets.all {
            let topics = subscriptions.topics.topicNames(of: row.token)
            if sync.access.looksAtNothing {
                checkPermissions(live.socket(row.token), topics[...]) { _ in }
            } else {
                for topic in topics {
                    rechecks.add(Asker.Seat(socket: row.token, topic: topic))
                }
            }
        }
    }

    /// Once a tick: asks for subscriptions whose permission may have changed.
    func workRechecks(_ live: LiveWorker) -> ServiceWork {
        let touched = rechecks.sweep(now: live.worker.now)
        if !touched.isEmpty { addSubscriptions(standingOn: touched) }
        for _ in 0..<Rechecks.tickMax {
            guard let seat = rechecks.next() else { break }
            recheck(live.socket(seat.socket, topic: seat.topic))
        }
        return rechecks.work
    }

    private func addSubscriptions(standingOn touched: Set<PermissionBases.ID>) {
        for row in sockets.all {
            var found: [TopicID] = []
            subscriptions.topics.forEachSubscription(of: row.token) { subscription in
                if touched.contains(subscriptions.topics[subscription].basis) {
                    found.append(subscription.topic)
                }
            }
            for case let topic? in found.map({ subscriptions.topics.name(of: $0) }) {
                rechecks.add(Asker.Seat(socket: row.token, topic: topic))
            }
        }
    }

    /// All subscriptions to a scope, and all whose permission stands on it.
    func recheckAll(of scope: Name) {
        rechecks.note(subscriptions.bases.touched(by: .records(scope)))
        rechecks.note(subscriptions.bases.touched(by: .grants(scope)))
        let name = TopicName.sync(scope: ByteSlice(scope.bytes))
        guard hooks.scopeOfTopic != nil || subscriptions.topics.topic(named: name) != nil else {
            return
        }
        for row in sockets.all {
            for topic in subscriptions.topics.topicNames(of: row.token)
            where self.scope(of: topic) == scope {
                rechecks.add(Asker.Seat(socket: row.token, topic: topic))
            }
        }
    }

    private func recheck(_ asker: Asker) {
        guard subscriptions.topics.subscription(of: asker.socket, to: asker.topic) != nil else {
            return
        }
        guard let scope = scope(of: asker.topic) else { return checkTopic(asker) }
        let question = AccessQuestion(user: asker.user, scope: scope, action: .subscribe)
        if let ruling = sync.access.ruling(question) { return take(ruling, asker, scope) }
        rechecks.began()
        ask(question, asker) { asker, ruling in
            asker.service.rechecks.finished()
            asker.service.take(ruling, asker, scope)
        }
    }

    /// Takes in what was decided of a subscription that stands, if it does yet.
    private func take(_ ruling: Ruling, _ asker: Asker, _ scope: Name) {
        guard asker.isHere,
            subscriptions.topics.subscription(of: asker.socket, to: asker.topic) != nil
        else { return }
        guard case .allowed(let pass) = ruling else {
            let refusal = ruling.refusal(for: scope) ?? .scopeDenied(scope)
            return withdraw(asker, TopicName.isSync(asker.topic) ? refusal : .topicDenied)
        }
        stand(asker, on: pass)
        if !TopicName.isSync(asker.topic) { checkTopic(asker) }
    }

    /// Records what a subscription's permission stands on. If that has changed since it was
    /// decided, it is asked for again.
    func stand(_ asker: Asker, on pass: AccessPass) {
        let basis = subscriptions.stand(asker, on: pass)
        if basis != 0, !sync.access.holds(pass) { rechecks.note([basis]) }
    }

    /// Asks the app again for a topic of its own.
    private func checkTopic(_ asker: Asker) {
        guard let session = asker.session else { return }
        guard hooks.onMessage(session, .subscribe(topic: asker.topic.string)) == .deny else {
            presence?.checkSeat(asker, of: session)
            return
        }
        withdraw(asker, .topicDenied)
    }

    /// Ends a subscription and says so.
    private func withdraw(_ asker: Asker, _ refusal: Refusal) {
        presence?.leave(asker)
        subscriptions.end(asker)
        asker.withdraw(refusal)
    }

    // MARK: What commits change

    /// Takes in a commit: first what it took away from whom, then what it wrote.
    func take(_ commit: CommitPublication, _ live: LiveWorker) {
        guard subscriptions.topics.topicCount > 0 else { return }
        for changes in commit.feed { takeRights(changes, live) }
        fanOuts.publish(commit)
        guard !subscriptions.bases.isEmpty else { return }
        for changes in commit.feed {
            rechecks.note(subscriptions.bases.touched(by: .records(changes.scope)))
            guard !changes.changedRights.isEmpty else { continue }
            rechecks.note(subscriptions.bases.touched(by: .grants(changes.scope)))
        }
        for scope in commit.internalScopes {
            rechecks.note(subscriptions.bases.touched(by: .records(scope)))
        }
    }

    /// Whom a commit concerns.
    private enum Whom {
        case these(Set<String>)
        case allBut(Set<String>)

        func contains(_ user: String?) -> Bool {
            switch self {
            case .these(let users): user.map { users.contains($0) } ?? false
            case .allBut(let users): user.map { !users.contains($0) } ?? true
            }
        }
    }

    private func takeRights(_ changes: CommittedChanges, _ live: LiveWorker) {
        let scope = changes.scope
        // It was open to all until its first mutation, and is from then on to its members.
        if changes.base.cursor == 0, sync.access.isByRolesAlone,
            ScopeOwner(of: scope, askedBy: nil) == .app
        {
            let members = changes.changedRights.filter { $0.after != nil }
            return end(.allBut(Set(members.map { $0.user.string })), scope, live)
        }
        let lost = changes.changedRights.filter { $0.isLoss && $0.after == nil }
        if !lost.isEmpty { end(.these(Set(lost.map { $0.user.string })), scope, live) }
    }

    /// Ends what these users hear of the scope: its topic, and the app's topics that belong to it.
    /// Where the app decides by itself it is asked.
    private func end(_ whom: Whom, _ scope: Name, _ live: LiveWorker) {
        let name = TopicName.sync(scope: ByteSlice(scope.bytes))
        guard hooks.scopeOfTopic != nil || subscriptions.topics.topic(named: name) != nil else {
            return
        }
        for row in sockets.all where whom.contains(row.user) {
            for topic in subscriptions.topics.topicNames(of: row.token)
            where self.scope(of: topic) == scope {
                guard sync.access.isByRolesAlone else {
                    rechecks.add(Asker.Seat(socket: row.token, topic: topic))
                    continue
                }
                let refusal = TopicName.isSync(topic) ? Refusal.scopeDenied(scope) : .topicDenied
                withdraw(live.socket(row.token, topic: topic), refusal)
            }
        }
    }
}
