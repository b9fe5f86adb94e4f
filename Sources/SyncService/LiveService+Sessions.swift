// Who is here: sessions to list and to close, and permission asked again when something changed.

import MizuBytes
import MizuEventLoop
import MizuLive
import MizuServer
import MizuSync

extension LiveService {
    /// The user of a socket, as Sync knows users.
    func user(of socket: Token) -> Name? {
        sessions.find(socket.bits)?.user.flatMap { Name($0) }
    }

    func session(of socket: Token) -> LiveSession? {
        sessions.find(socket.bits).map(describe)
    }

    private func describe(_ session: Session) -> LiveSession {
        LiveSession(
            id: session.id, user: session.user,
            topics: topics.topicNames(of: session.token).map(\.string),
            sinceMilliseconds: session.sinceMilliseconds)
    }

    var sessionList: [LiveSession] { sessions.all.map(describe) }

    func close(session id: String, reason: String, on worker: Worker) {
        guard let session = sessions.find(id: id) else { return }
        // Nobody who was put out lingers in a list.
        leaveAllPresence(Token(bits: session.token), on: worker)
        worker.close(Token(bits: session.token), code: 1008, reason: reason)
    }

    /// Closes the sockets that are subscribed to a scope, with the word of when to come back.
    func closeSubscribers(on worker: Worker) {
        for session in sessions.all {
            let socket = Token(bits: session.token)
            guard topics.topicNames(of: session.token).contains(where: TopicName.isSync) else {
                continue
            }
            draining(socket, on: worker)
            worker.close(socket, code: 1012, reason: "epoch_changed")
        }
    }

    func checkAllPermissions(on worker: Worker) {
        for session in sessions.all { checkPermissions(of: Token(bits: session.token), on: worker) }
    }

    /// Ends the subscriptions that the socket's user may no longer have; each is told so.
    func checkPermissions(of socket: Token, on worker: Worker) {
        guard let session = session(of: socket) else { return }
        let user = user(of: socket)
        for topic in topics.topicNames(of: socket.bits) {
            guard let bytes = TopicName.scope(of: topic) else {
                checkPermission(of: session, socket, for: topic, on: worker)
                continue
            }
            guard let scope = Name(bytes), !sync.mayUse(user, scope, .subscribe) else { continue }
            topics.unsubscribe(socket.bits, from: topic)
            refuse(socket, nil, topic: topic, .scopeDenied(scope), on: worker)
        }
    }

    /// The same for a topic of the app.
    private func checkPermission(
        of session: LiveSession, _ socket: Token, for topic: ByteSlice, on worker: Worker
    ) {
        guard hooks.onMessage(session, .subscribe(topic: topic.string)) == .deny else {
            return checkPresence(of: session, socket, for: topic, on: worker)
        }
        leavePresence(socket, topic, on: worker)
        topics.unsubscribe(socket.bits, from: topic)
        say(to: socket, on: worker) {
            LiveWriter.error(
                ref: nil, topic: topic, code: "topic_denied",
                text: "no permission for this topic", to: &$0)
        }
    }
}
