// Who a socket is, and for how long (protocol.md, "Who a socket is"): `auth`, the time in which
// somebody has to say who they are, and the moment from which a socket is told nothing more. That
// moment is asked for before each message that is sent, so none slips out behind it; where a socket
// has no such moment, asking is one comparison of two numbers.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuLive
import MizuServer
import MizuSync

extension LiveService {
    /// Sockets whose moment has come that are closed in one tick.
    private static let tickEndsMax = 512

    /// A socket has been opened by a request of `user`.
    func beginCredentials(
        _ socket: Token, user: String?, expires: Expiry?, on worker: Worker
    ) {
        if user == nil && hooks.requiresUser {
            let due = worker.now.adding(milliseconds: limits.authMilliseconds)
            credentials.set(socket.bits, .unauthenticated, due: due.nanoseconds)
        } else if let expires {
            renew(socket, millisecondsLeft: Self.left(of: expires, on: worker), on: worker)
        }
    }

    func authenticate(
        _ token: ByteSlice, _ ref: JSONValue?, _ socket: Token, on worker: Worker
    ) {
        guard let authenticate = hooks.authenticate else {
            return refuse(socket, ref, .unauthenticated("no tokens are taken here"), on: worker)
        }
        switch authenticate(token.string) {
        case .refused(let code, let message):
            say(to: socket, on: worker) {
                LiveWriter.error(ref: ref, code: code, text: message, to: &$0)
            }
        case .accepted(let user, let expires):
            let left = expires.map { Self.left(of: $0, on: worker) }
            guard left != 0 else { return refuse(socket, ref, .tokenExpired, on: worker) }
            accept(user, millisecondsLeft: left, ref, socket, on: worker)
        }
    }

    private func accept(
        _ user: String?, millisecondsLeft: UInt64?, _ ref: JSONValue?, _ socket: Token,
        on worker: Worker
    ) {
        let before = sessions.find(socket.bits)?.user
        if let user {
            if let before, before != user {
                refuse(socket, ref, .wrongUser, on: worker)
                return worker.close(socket, code: 1008, reason: "wrong_user")
            }
            sessions.signIn(socket.bits, as: user)
            renew(socket, millisecondsLeft: millisecondsLeft, on: worker)
            checkPermissions(of: socket, on: worker)
        } else if before == nil {
            guard !hooks.requiresUser else {
                return refuse(
                    socket, ref, .unauthenticated("the token names no user"), on: worker)
            }
            renew(socket, millisecondsLeft: millisecondsLeft, on: worker)
        }
        // A token for nobody changes nothing for somebody, nor for how long.
        say(to: socket, on: worker) { LiveWriter.ack(ref: ref, to: &$0) }
    }

    /// - Parameter millisecondsLeft: nil: what the socket has holds without end.
    private func renew(_ socket: Token, millisecondsLeft: UInt64?, on worker: Worker) {
        guard let millisecondsLeft else { return credentials.remove(socket.bits) }
        let due = worker.now.adding(milliseconds: millisecondsLeft)
        credentials.set(socket.bits, .expired, due: due.nanoseconds)
    }

    private static func left(of expires: Expiry, on worker: Worker) -> UInt64 {
        expires.millisecondsLeft(at: worker.clock.wallMilliseconds)
    }

    /// Whether a request may be served before anybody has said who they are.
    func isServed(_ request: ClientMessage.Request, of socket: Token) -> Bool {
        guard hooks.requiresUser, credentials.isAwaited(socket.bits) else { return true }
        switch request {
        case .auth, .ping: return true
        case .subscribe, .join, .presence, .unsubscribe, .push, .publish: return false
        }
    }

    // MARK: The end

    /// Whether the socket's credentials hold; where they do no longer, it is closed.
    @inline(__always)
    func holds(_ socket: Token, on worker: Worker) -> Bool {
        guard credentials.next <= worker.now.nanoseconds else { return true }
        return !endIfDue(socket, on: worker)
    }

    private func endIfDue(_ socket: Token, on worker: Worker) -> Bool {
        guard let end = credentials.takeDue(socket.bits, at: worker.now.nanoseconds) else {
            return false
        }
        self.end(socket, end, on: worker)
        return true
    }

    /// Once a tick: closes sockets whose moment has come.
    func endCredentials(on worker: Worker) -> ServiceWork {
        var budget = Self.tickEndsMax
        while credentials.next <= worker.now.nanoseconds {
            guard budget > 0 else { return .more }
            budget -= 1
            guard let due = credentials.takeDue(at: worker.now.nanoseconds) else { break }
            end(Token(bits: due.token), due.end, on: worker)
        }
        return credentials.next == .max
            ? .done : .until(Instant(nanoseconds: credentials.next))
    }

    /// What waits for the socket is not sent any more; it is told why, and closed.
    private func end(_ socket: Token, _ end: CredentialEnd, on worker: Worker) {
        guard let recipient = worker.recipient(socket) else { return }
        let refusal: Refusal =
            switch end {
            case .unauthenticated: .unauthenticated("nobody has signed in in time")
            case .expired: .tokenExpired
            }
        worker.dropQueued(of: recipient)
        leaveAllPresence(socket, on: worker)
        refuse(socket, nil, refusal, on: worker)
        worker.close(socket, code: 1008, reason: refusal.code)
    }
}

extension Refusal {
    static func unauthenticated(_ message: String) -> Refusal {
        Refusal(status: 401, code: "unauthenticated", message: message)
    }
    static let tokenExpired = Refusal(
        status: 401, code: "token_expired", message: "the credentials hold no longer")
}

extension ServiceWork {
    /// What two kinds of work come to.
    func with(_ other: ServiceWork) -> ServiceWork {
        switch (self, other) {
        case (.more, _), (_, .more): .more
        case (.done, let due), (let due, .done): due
        case (.until(let one), .until(let two)): .until(min(one, two))
        }
    }
}
