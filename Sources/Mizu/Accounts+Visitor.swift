// Who asks for something with an account: what of a request is needed when the request itself is
// gone, because a password takes its time. A value; any thread.

import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuIdentity

extension Accounts {
    /// A browser that wants to sign in, or has done so.
    public struct Visitor: Sendable {
        /// Where it is.
        public let peer: PeerAddress
        /// What it is, in plain words.
        public let device: String
        /// Whether its cookies are those of TLS.
        public let isSecure: Bool
        /// Who is signed in; nil for nobody.
        public let user: String?
        /// By which session; nil for none.
        public let credential: String?
        /// Whether it was the session that said so, and no token or middleware of the app. What
        /// changes an account needs that: who has found a script's token must not get the account.
        public var hasSession: Bool {
            user != nil && credential != nil && token?.credential == credential
        }
        let token: SessionToken?
        let deviceCookie: String?
        /// The client has told that sealed edits of somebody lie in this browser (protocol.md,
        /// "GET /_sync/session").
        let hasSealedEdits: Bool
        /// Scheme and host as the browser named them.
        let origin: String
        /// It named the server by an address that is not of its own machine, or not at all: then
        /// nobody has proved that the server is there, also where HOSTS lets it pass.
        let asksByAddress: Bool

        /// Takes what is needed out of a request.
        public init(_ request: borrowing Request) {
            peer = request.peer
            device = DeviceWords.words(for: request.header("User-Agent"))
            isSecure = request.isSecure
            user = request.user
            credential = request.credential
            token = SessionCookie.token(in: request)
            deviceCookie = request.cookie("\(SessionCookie.deviceName(isSecure: request.isSecure))")
            hasSealedEdits = request.cookie("mizu-kept") == "1"
            let host = request.host
            origin = (request.isSecure ? "https://" : "http://") + (host ?? "localhost")
            let address = host.flatMap { HostPolicy.address($0) }
            asksByAddress =
                host == nil || address.map { !AddressRanges.loopback.contains($0) } ?? false
        }

        /// Who is signed in by a session.
        /// - Throws: `HTTPError` 401 if nobody is.
        func userOfSession() throws -> String {
            guard hasSession, let user else {
                throw HTTPError(.unauthorized, code: "unauthenticated", message: "sign in first")
            }
            return user
        }

        /// The place by address, for the list of sessions.
        var place: String { peer.host }

        /// Mixed bits for the queue of passwords, of the address, a /64 for IPv6. Others in each
        /// process, so nobody can choose what collides.
        var source: UInt64 { AddressKey(peer)?.hash ?? 0 }
    }

    // MARK: Browsers that are known

    /// The cookie by which a browser is known that has signed in to the account with this address,
    /// so that strangers who guess at it do not lock its owner out.
    func deviceCookie(of email: EmailAddress, for visitor: Visitor) -> SetCookie {
        let days: Int64 = 180
        let text = keys.sign(
            [email.hash, String(decoding: Hex.encode(Randomness.bytes(8)), as: UTF8.self)],
            for: .device, untilMilliseconds: WallClock.milliseconds + days * 86_400_000)
        return SessionCookie.device(
            text, isSecure: visitor.isSecure, seconds: Int(days) * 86_400)
    }

    /// Who is counted if a try with this address fails. A browser that is known is counted by
    /// itself alone: whoever guesses from the address that it shares with others (an office, a
    /// provider's) costs it nothing.
    func subjects(
        of visitor: Visitor, email: EmailAddress?, typed: String
    ) -> (name: SignInLimiter.Subject, addresses: [SignInLimiter.Subject]) {
        if let device = knownDevice(of: visitor, for: email) {
            return (SignInLimiter.Subject(Self.mixed("device", device), .device), [])
        }
        return (
            SignInLimiter.Subject(Self.mixed("name", email?.key ?? typed), .name),
            addresses(of: visitor, for: "sign-in")
        )
    }

    /// By which name a browser is known that has signed in to the account with this address; nil
    /// for any other.
    func knownDevice(of visitor: Visitor, for email: EmailAddress?) -> String? {
        guard let email, let cookie = visitor.deviceCookie,
            let fields = keys.verify(cookie, for: .device, now: WallClock.milliseconds),
            fields.count == 2, fields[0] == email.hash
        else { return nil }
        return fields[1]
    }

    /// The visitor's address as it is counted for `purpose`, a /64 for IPv6, and that of its
    /// network, a /48; none where the address has no limits.
    func addresses(of visitor: Visitor, for purpose: String) -> [SignInLimiter.Subject] {
        guard !isExempt(visitor.peer), let address = AddressKey(visitor.peer) else { return [] }
        var subjects = [SignInLimiter.Subject(Self.mixed(purpose, address), .address)]
        if let network = AddressKey(networkOf: visitor.peer) {
            subjects.append(SignInLimiter.Subject(Self.mixed(purpose, network), .network))
        }
        return subjects
    }

    static func mixed(_ kind: String, _ subject: some Hashable) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(kind)
        hasher.combine(subject)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    /// Begins a try.
    /// - Throws: `AccountError.tooManyTries`.
    func begin(_ subjects: [SignInLimiter.Subject]) throws(AccountError) {
        let wait = limiter.withLock { $0.begin(subjects, now: .now) }
        guard let wait else { return }
        throw .tooManyTries(retryAfterSeconds: Int(clamping: (wait + 999) / 1_000))
    }
}
