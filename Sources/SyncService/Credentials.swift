// Who a socket may be, and for how long (protocol.md, "Who a socket is"): what a token is worth,
// the time in which somebody has to sign in, and the moment from which a socket is sent nothing
// more. Says what is to be done; the service does it. Confined to its worker.
//
//   opened ──nobody, and the app asks for users──► awaited ──auth in time──► known
//      │                                              └──time is over──► ended: unauthenticated
//      ├──a user whose credentials end──► known ──auth──► known, with the new moment
//      │                                    └──its moment──► ended: expired
//      └──everybody else──► served without end
//
//   awaited: only `auth` and `ping` are served
//   ended:   closed; asked for before each message that is sent, so that none slips out afterwards

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuSync
import MizuWire

struct Credentials: ~Copyable {
    private let requiresUser: Bool
    private let authMilliseconds: UInt64
    private let authenticate: (@Sendable (_ token: String) -> Authentication)?
    private var table = CredentialTable()

    init(_ hooks: LiveHooks, limits: LiveLimits) {
        requiresUser = hooks.requiresUser
        authenticate = hooks.authenticate
        authMilliseconds = limits.authMilliseconds
    }

    /// A socket has been opened by a request of `user`.
    mutating func begin(
        _ socket: Token, user: String?, expires: Expiry?, clock: Clock, now: Instant
    ) {
        if user == nil && requiresUser {
            let due = now.adding(milliseconds: authMilliseconds)
            table.set(socket, .unauthenticated, due: due.nanoseconds)
        } else if let expires {
            renew(socket, millisecondsLeft: Self.left(of: expires, clock), now: now)
        }
    }

    /// Sockets that have a moment.
    var count: Int { table.count }

    /// The socket has gone.
    mutating func remove(_ socket: Token) { table.remove(socket) }

    /// Whether a request may be served before anybody has signed in.
    func serves(_ request: ClientMessage.Request, of socket: Token) -> Bool {
        guard requiresUser, table.isAwaited(socket) else { return true }
        switch request {
        case .auth, .ping: return true
        case .subscribe, .join, .presence, .unsubscribe, .push, .publish: return false
        }
    }

    // MARK: Signing in

    /// What an `auth` comes to.
    enum SignIn: Equatable {
        case refused(Refusal)
        /// The socket is somebody else's: refuse, and close it.
        case wrongUser
        /// The socket is this user's from now on; permissions are to be asked for again.
        case signedIn(String, credential: String?)
        /// Nothing but the moment has changed.
        case unchanged
    }

    /// Asks the app what a token is worth; nil: it takes none.
    func worth(of token: ByteSlice) -> Authentication? { authenticate?(token.string) }

    /// Keeps until when a token is good.
    /// - Parameters:
    ///   - worth: what the app says of it; nil: it takes no tokens.
    ///   - current: whose the socket is so far.
    ///   - isTied: whether it ends with a session or a token. What has no name of its own leaves
    ///     that as it is, and its moment comes no later.
    mutating func signIn(
        _ socket: Token, as worth: Authentication?, current: String?, isTied: Bool,
        clock: Clock, now: Instant
    ) -> SignIn {
        guard let worth else {
            return .refused(.unauthenticated("this server accepts no tokens"))
        }
        switch worth {
        case .refused(let code, let message):
            return .refused(
                Refusal(status: code == "unavailable" ? 503 : 401, code: code, message: message))
        case .accepted(let user, let expires, let credential):
            let left = expires.map { Self.left(of: $0, clock) }
            guard left != 0 else { return .refused(.tokenExpired) }
            if let user {
                guard current == nil || current == user else { return .wrongUser }
                if credential == nil, isTied {
                    shorten(socket, millisecondsLeft: left, now: now)
                } else {
                    renew(socket, millisecondsLeft: left, now: now)
                }
                return .signedIn(user, credential: credential)
            }
            // A token for nobody changes nothing for somebody, nor for how long.
            guard current == nil else { return .unchanged }
            guard !requiresUser else {
                return .refused(.unauthenticated("the token names no user"))
            }
            renew(socket, millisecondsLeft: left, now: now)
            return .unchanged
        }
    }

    /// - Parameter millisecondsLeft: nil: what the socket has holds without end.
    private mutating func renew(_ socket: Token, millisecondsLeft: UInt64?, now: Instant) {
        guard let millisecondsLeft else { return table.remove(socket) }
        let due = now.adding(milliseconds: millisecondsLeft)
        table.set(socket, .expired, due: due.nanoseconds)
    }

    /// The earlier of two moments counts.
    private mutating func shorten(
        _ socket: Token, millisecondsLeft: UInt64?, now: Instant
    ) {
        guard let millisecondsLeft else { return }
        let due = now.adding(milliseconds: millisecondsLeft)
        guard table.due(of: socket).map({ due.nanoseconds < $0 }) ?? true else { return }
        table.set(socket, .expired, due: due.nanoseconds)
    }

    private static func left(of expires: Expiry, _ clock: Clock) -> UInt64 {
        expires.millisecondsLeft(at: clock.wallMilliseconds)
    }

    // MARK: The end

    /// Whether the moment of any socket may have come. One comparison, for each message sent.
    @inline(__always)
    func isAnyDue(at now: Instant) -> Bool { table.next <= now.nanoseconds }

    /// When the next moment comes; nil: none will.
    var next: Instant? { table.next == .max ? nil : Instant(nanoseconds: table.next) }

    /// Takes the socket out if its moment has come.
    /// - Returns: why it ends; nil if it does not.
    mutating func takeDue(_ socket: Token, at now: Instant) -> Refusal? {
        table.takeDue(socket, at: now.nanoseconds).map(Self.refusal)
    }

    /// Takes out one socket whose moment has come; nil if there is none.
    mutating func takeDue(at now: Instant) -> (socket: Token, refusal: Refusal)? {
        table.takeDue(at: now.nanoseconds).map { ($0.token, Self.refusal($0.end)) }
    }

    private static func refusal(_ end: CredentialEnd) -> Refusal {
        switch end {
        case .unauthenticated: .unauthenticated("nobody signed in in time")
        case .expired: .tokenExpired
        }
    }
}
