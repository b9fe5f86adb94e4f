// Who is connected, and what concerns all parts of a socket: signing in and the end of credentials,
// an app's topics with presence or without, and the sessions that the app lists and closes.
// Permissions are in +Permissions.

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuSync
import MizuTopics
import MizuWire

extension LiveService {
    // MARK: An app's own topics

    /// Subscribes to an app's topic, without presence.
    func subscribe(_ asker: Asker) {
        beginApp(asker) { asker, _ in
            // It takes the place of a subscription that may have had presence.
            asker.service.presence?.leave(asker)
            asker.acknowledge()
        }
    }

    /// Subscribes to an app's topic and enters it; the ack says who is here. If the app keeps no
    /// presence, or not for this session, it is a subscribe like every other.
    func join(_ asker: Asker, info: JSONValue?) {
        beginApp(asker) { asker, session in
            let presence = asker.service.presence
            guard let presence, let wish = presence.wish(of: session, for: asker.topic, info: info)
            else {
                presence?.leave(asker)
                return asker.acknowledge()
            }
            presence.join(asker, as: wish, info: info)
        }
    }

    /// Answers with the members of a topic, if the socket may see them.
    func list(_ asker: Asker) {
        guard let presence else {
            return asker.refuse(.invalidRequest("presence is not kept here"))
        }
        presence.list(asker)
    }

    /// Enters the subscription, if the app allows it and, where the topic belongs to a scope,
    /// whoever decides about that; and then goes on.
    private func beginApp(
        _ asker: Asker, then proceed: @escaping @Sendable (Asker, LiveSession) -> Void
    ) {
        admitToTopic(asker) { asker, pass in
            let service = asker.service
            guard let session = asker.session,
                service.hooks.onMessage(session, .subscribe(topic: asker.topic.string)) == .allow
            else { return asker.refuse(.topicDenied) }
            let lastMessage = service.fanOuts.lastMessage
            guard service.subscriptions.subscribe(asker, after: lastMessage) else { return }
            if let pass { service.stand(asker, on: pass) }
            proceed(asker, session)
        }
    }

    /// Goes on if the socket's user may have the scope to which the topic belongs, if it belongs to
    /// one.
    func admitToTopic(
        _ asker: Asker, _ proceed: @escaping @Sendable (Asker, AccessPass?) -> Void
    ) {
        guard let scope = hooks.scopeOfTopic?(asker.topic.string) else {
            return proceed(asker, nil)
        }
        admit(asker, to: scope, for: .subscribe) { asker, ruling in
            switch ruling {
            case .allowed(let pass): proceed(asker, pass)
            case .denied: asker.refuse(.topicDenied)
            case .failed: asker.refuse(ruling.refusal(for: scope) ?? .topicDenied)
            }
        }
    }

    // MARK: Credentials

    /// Takes a token: at once, or when somebody else has said what it is worth, with the rest of
    /// what the socket says in line behind it.
    func signIn(_ asker: Asker, token: ByteSlice) {
        let path = asker.returnPath
        let isLater = hooks.authenticateLater?(token.string) { worth in
            path.resume { asker in
                if asker.isHere { asker.service.signIn(asker, as: worth) }
                asker.service.lines.release(asker.socket)
                asker.service.performHeld(asker)
            }
        }
        guard isLater == true else { return signIn(asker, as: credentials.worth(of: token)) }
        lines.hold(asker.socket)
    }

    private func signIn(_ asker: Asker, as worth: Authentication?) {
        let outcome = credentials.signIn(
            asker.socket, as: worth, current: sockets[asker.socket]?.user,
            isTied: sockets[asker.socket].map { $0.credential != .none } ?? false,
            clock: asker.worker.clock, now: asker.worker.now)
        switch outcome {
        case .refused(let refusal): return asker.refuse(refusal)
        case .wrongUser:
            asker.refuse(.wrongUser)
            return asker.close(code: 1008, reason: "wrong_user")
        case .signedIn(let user, let credential):
            sockets.update(asker.socket) {
                $0.user = user
                // One that does not end by itself unties nobody: the socket goes with the session
                // that opened it.
                if let credential { $0.credential = LiveSocket.Credential(credential) }
            }
            let topics = subscriptions.topics.topicNames(of: asker.socket)
            return checkPermissions(asker, topics[...]) { $0.acknowledge() }
        case .unchanged: break
        }
        asker.acknowledge()
    }

    /// Whether the socket's credentials hold; if they do no longer, it is closed.
    @inline(__always)
    func holds(_ socket: Token, on worker: Worker) -> Bool {
        guard credentials.isAnyDue(at: worker.now) else { return true }
        return holdsYet(socket, on: worker)
    }

    private func holdsYet(_ socket: Token, on worker: Worker) -> Bool {
        guard let refusal = credentials.takeDue(socket, at: worker.now) else { return true }
        end(LiveWorker(service: self, worker: worker).socket(socket), because: refusal)
        return false
    }

    /// Sockets whose moment has come that are closed in one tick.
    private static let tickEndsMax = 512

    /// Once a tick: closes sockets whose moment has come.
    func endCredentials(_ live: LiveWorker) -> ServiceWork {
        var budget = Self.tickEndsMax
        while credentials.isAnyDue(at: live.worker.now) {
            guard budget > 0 else { return .more }
            budget -= 1
            guard let due = credentials.takeDue(at: live.worker.now) else { break }
            end(live.socket(due.socket), because: due.refusal)
        }
        return credentials.next.map { .until($0) } ?? .done
    }

    /// What waits for the socket is not sent any more; it is sent the reason, and closed.
    private func end(_ asker: Asker, because refusal: Refusal) {
        let worker = asker.worker
        guard worker.withRecipient(asker.socket, { worker.dropQueued(of: $0) }) else { return }
        leaveAllPresence(asker)
        asker.refuse(refusal)
        asker.close(code: 1008, reason: refusal.code)
    }

    // MARK: Sessions

    /// The socket as the app sees it; nil once it has gone.
    func session(of socket: Token) -> LiveSession? { sockets[socket].map(describe) }

    /// All sockets as the app sees them. O(sockets).
    var sessions: [LiveSession] { sockets.all.map(describe) }

    private func describe(_ row: LiveSocket) -> LiveSession {
        LiveSession(
            id: row.id.text, user: row.user,
            topics: subscriptions.topics.topicNames(of: row.token).map(\.string),
            sinceMilliseconds: row.sinceMilliseconds)
    }

    /// Ends the sockets that a session or a token has opened: they are sent nothing more.
    func close(credential: LiveSocket.Credential, _ live: LiveWorker) {
        close(credentials: [credential], live)
    }

    func close(credentials: Set<LiveSocket.Credential>, _ live: LiveWorker) {
        for row in sockets.all where credentials.contains(row.credential) {
            end(live.socket(row.token), because: .tokenExpired)
        }
    }

    /// Closes all sockets that end with a session or a token, after a word of when to come back.
    func closeAllWithCredentials(_ live: LiveWorker) {
        for row in sockets.all where row.credential != .none {
            draining(row.token, on: live.worker)
            live.socket(row.token).close(code: 1012, reason: "credentials_unknown")
        }
    }

    func close(session id: String, reason: String, _ live: LiveWorker) {
        guard let row = sockets.find(id: id) else { return }
        let asker = live.socket(row.token)
        // Nobody who was put out lingers in a list.
        leaveAllPresence(asker)
        asker.close(code: 1008, reason: reason)
    }

    private func leaveAllPresence(_ asker: Asker) {
        guard let presence else { return }
        for topic in subscriptions.topics.topicNames(of: asker.socket) {
            presence.leave(asker.about(topic))
        }
    }

    /// Closes the sockets that are subscribed to a scope, after a word of when to come back.
    func closeSubscribers(_ live: LiveWorker) {
        for row in sockets.all {
            let topics = subscriptions.topics.topicNames(of: row.token)
            guard topics.contains(where: TopicName.isSync) else { continue }
            draining(row.token, on: live.worker)
            live.socket(row.token).close(code: 1012, reason: "epoch_changed")
        }
    }
}
