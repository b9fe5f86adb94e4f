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
        worker.close(Token(bits: session.token), code: 1008, reason: reason)
    }

    func checkAllPermissions(on worker: Worker) {
        for session in sessions.all { checkPermissions(of: Token(bits: session.token), on: worker) }
    }

    /// Ends the subscriptions that the socket's user may no longer have; each is told so.
    func checkPermissions(of socket: Token, on worker: Worker) {
        let user = user(of: socket)
        for topic in topics.topicNames(of: socket.bits) {
            guard let scope = TopicName.scope(of: topic).flatMap({ Name($0) }),
                !sync.mayUse(user, scope, .subscribe)
            else { continue }
            topics.unsubscribe(socket.bits, from: topic)
            refuse(socket, nil, topic: topic, .scopeDenied(scope), on: worker)
        }
    }
}
