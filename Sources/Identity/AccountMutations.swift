// The mutations of accounts: what each does to the records of `mizu:accounts`, in one transaction
// each. They are the server's alone: no wire may push them. So a sign-in, a change of password and
// a deletion are exactly once, ordered and durable like every other edit.
//
// A password is compared long before its mutation is applied, on another thread. So a mutation that
// stands on one names the hash that was compared, and is refused if that is no more the account's:
// whoever signs in with the old password while it is being changed gets no session.

import MizuBytes
import MizuSync

public enum AccountMutations {
    public static let create: Name = "mizu.account.create"
    public static let rename: Name = "mizu.account.rename"
    public static let delete: Name = "mizu.account.delete"
    public static let forget: Name = "mizu.account.forget"
    public static let setPassword: Name = "mizu.password.set"
    public static let startSession: Name = "mizu.session.create"
    public static let touchSession: Name = "mizu.session.touch"
    public static let endSessions: Name = "mizu.session.end"

    /// As the engine calls it: `Mutator.apply`, on the committer's thread.
    public typealias Apply =
        @Sendable (_ mutation: Mutation, _ store: inout Transaction) throws(Rejection) -> Void

    /// What of an app's settings the mutations stand on.
    private struct Sessions {
        let countMax: Int
        /// Whether ends are noted for other processes.
        let notesEnds: Bool
    }

    /// All of them; `rules` say how many sessions an account has.
    /// - Parameter isShared: other processes serve the store, too, and read which sessions have
    ///   ended (`SessionEnds`).
    public static func table(
        _ rules: SessionRules, isShared: Bool = false
    ) -> [(name: Name, apply: Apply)] {
        let rules = Sessions(countMax: max(1, rules.countMax), notesEnds: isShared)
        return [
            (
                create,
                { (mutation, store) throws(Rejection) in
                    try create(mutation, &store, rules)
                }
            ),
            (rename, { (mutation, store) throws(Rejection) in try rename(mutation, &store) }),
            (
                delete,
                { (mutation, store) throws(Rejection) in try delete(mutation, &store, rules) }
            ),
            (
                forget,
                { (mutation, store) throws(Rejection) in
                    let which: Which = try mutation.args.decode()
                    try remove(AccountRecords.deletion, which.user, &store)
                }
            ),
            (
                setPassword,
                { (mutation, store) throws(Rejection) in
                    try setPassword(mutation, &store, rules)
                }
            ),
            (
                startSession,
                { (mutation, store) throws(Rejection) in
                    try startSession(mutation, &store, rules)
                }
            ),
            (touchSession, { (mutation, store) throws(Rejection) in try touch(mutation, &store) }),
            (
                endSessions,
                { (mutation, store) throws(Rejection) in
                    let ended: End = try mutation.args.decode()
                    try end(ended.hashes, of: ended.user, &store, rules)
                }
            ),
        ]
    }

    // MARK: Arguments

    /// A session to begin.
    public struct NewSession: Codable, Sendable {
        public var hash: String
        public var device: String
        public var address: String
        /// A session that ends with it: the one that the browser had before.
        public var replaces: String?

        public init(hash: String, device: String, address: String, replaces: String? = nil) {
            self.hash = hash
            self.device = device
            self.address = address
            self.replaces = replaces
        }
    }

    public struct Create: Codable, Sendable {
        public var user: String
        public var email: String
        public var emailHash: String
        public var name: String
        /// Nil for an account that signs in by something else.
        public var phc: String?
        /// An invitation that is used up.
        public var invitation: String?
        /// Until when it would have held.
        public var invitationUntil: Int64?
        public var session: NewSession?

        public init(
            user: String, email: EmailAddress, name: String, phc: String?, invitation: String?,
            invitationUntil: Int64? = nil, session: NewSession?
        ) {
            self.user = user
            self.email = email.text
            emailHash = email.hash
            self.name = name
            self.phc = phc
            self.invitation = invitation
            self.invitationUntil = invitationUntil
            self.session = session
        }
    }

    public struct Rename: Codable, Sendable {
        public var user: String
        public var name: String

        public init(user: String, name: String) {
            self.user = user
            self.name = name
        }
    }

    public struct Which: Codable, Sendable {
        public var user: String

        public init(user: String) { self.user = user }
    }

    public struct SetPassword: Codable, Sendable {
        public var user: String
        public var phc: String
        /// The hash that is replaced, or `noPassword`; nil: whatever there is.
        public var replaces: String?
        /// The one session that there is then; nil: none.
        public var session: NewSession?

        public init(user: String, phc: String, replaces: String?, session: NewSession?) {
            self.user = user
            self.phc = phc
            self.replaces = replaces
            self.session = session
        }
    }

    public struct StartSession: Codable, Sendable {
        public var user: String
        public var session: NewSession
        /// The hash that the password was compared with; nil: something else proved who it is.
        public var proof: String?
        /// The same password, hashed by stronger parameters.
        public var raised: String?

        public init(user: String, session: NewSession, proof: String?, raised: String? = nil) {
            self.user = user
            self.session = session
            self.proof = proof
            self.raised = raised
        }
    }

    public struct Touch: Codable, Sendable {
        public var hash: String
        /// Nil: the one of before, as for a page that is open all the time.
        public var address: String?

        public init(hash: String, address: String?) {
            self.hash = hash
            self.address = address
        }
    }

    public struct End: Codable, Sendable {
        public var user: String
        public var hashes: [String]

        public init(user: String, hashes: [String]) {
            self.user = user
            self.hashes = hashes
        }
    }

    /// What `SetPassword` replaces where the account has none.
    public static let noPassword = ""

    /// `conflict`, with one message for each cause: the caller tells them apart by it.
    public static let emailTaken = Rejection(code: "conflict", message: "the address is taken")
    public static let invitationUsed = Rejection(
        code: "conflict", message: "the invitation was used")
    public static let proofIsOld = Rejection(
        code: "conflict", message: "the password was changed meanwhile")

    // MARK: What they do

    private static func create(
        _ mutation: Mutation, _ store: inout Transaction, _ rules: Sessions
    ) throws(Rejection) {
        let new: Create = try mutation.args.decode()
        let now = mutation.timeMilliseconds
        guard try store.get(AccountRecords.email, id: new.emailHash) == nil else {
            throw emailTaken
        }
        if let invitation = new.invitation {
            guard try store.get(AccountRecords.usedInvitation, id: invitation) == nil else {
                throw invitationUsed
            }
            try removeLateMarks(at: now, &store)
            try store.create(
                AccountRecords.usedInvitation, id: invitation,
                AccountRecords.Mark(
                    atMilliseconds: now, untilMilliseconds: new.invitationUntil))
        }
        try store.create(
            AccountRecords.account, id: new.user,
            AccountRecords.Account(
                email: new.email, name: new.name, createdMilliseconds: now))
        try store.create(
            AccountRecords.email, id: new.emailHash, AccountRecords.Email(user: new.user))
        if let phc = new.phc {
            try store.create(
                AccountRecords.password, id: new.user, AccountRecords.Password(phc: phc))
        }
        if let session = new.session {
            try start(session, of: new.user, now: now, &store, rules)
        }
    }

    private static func rename(
        _ mutation: Mutation, _ store: inout Transaction
    ) throws(Rejection) {
        let rename: Rename = try mutation.args.decode()
        var account = try account(rename.user, &store)
        account.name = rename.name
        try store.update(AccountRecords.account, id: rename.user, account)
    }

    private static func delete(
        _ mutation: Mutation, _ store: inout Transaction, _ rules: Sessions
    ) throws(Rejection) {
        let which: Which = try mutation.args.decode()
        let account = try account(which.user, &store)
        try end(nil, of: which.user, &store, rules)
        try remove(AccountRecords.password, which.user, &store)
        if let email = EmailAddress(account.email) {
            try remove(AccountRecords.email, email.hash, &store)
        }
        try store.delete(AccountRecords.account, id: which.user)
        try store.put(
            AccountRecords.deletion, id: which.user,
            AccountRecords.Mark(atMilliseconds: mutation.timeMilliseconds))
    }

    private static func setPassword(
        _ mutation: Mutation, _ store: inout Transaction, _ rules: Sessions
    ) throws(Rejection) {
        let change: SetPassword = try mutation.args.decode()
        _ = try account(change.user, &store)
        if let replaces = change.replaces { try check(replaces, of: change.user, &store) }
        try store.put(
            AccountRecords.password, id: change.user, AccountRecords.Password(phc: change.phc))
        try end(nil, of: change.user, &store, rules)
        if let session = change.session {
            try start(
                session, of: change.user, now: mutation.timeMilliseconds, &store, rules)
        }
    }

    private static func startSession(
        _ mutation: Mutation, _ store: inout Transaction, _ rules: Sessions
    ) throws(Rejection) {
        let new: StartSession = try mutation.args.decode()
        _ = try account(new.user, &store)
        if let proof = new.proof {
            try check(proof, of: new.user, &store)
            if let raised = new.raised {
                try store.put(
                    AccountRecords.password, id: new.user, AccountRecords.Password(phc: raised))
            }
        }
        try start(new.session, of: new.user, now: mutation.timeMilliseconds, &store, rules)
    }

    private static func touch(
        _ mutation: Mutation, _ store: inout Transaction
    ) throws(Rejection) {
        let touch: Touch = try mutation.args.decode()
        guard
            var session = try store.get(
                AccountRecords.session, id: touch.hash, as: AccountRecords.Session.self)
        else { throw .notFound }
        session.seenMilliseconds = max(session.seenMilliseconds, mutation.timeMilliseconds)
        if let address = touch.address { session.address = address }
        try store.update(AccountRecords.session, id: touch.hash, session)
    }

    // MARK: Their parts

    private static func account(
        _ user: String, _ store: inout Transaction
    ) throws(Rejection) -> AccountRecords.Account {
        let account = try store.get(
            AccountRecords.account, id: user, as: AccountRecords.Account.self)
        guard let account else {
            throw Rejection(code: Rejection.notFound.code, message: "no such account")
        }
        return account
    }

    private static func check(
        _ proof: String, of user: String, _ store: inout Transaction
    ) throws(Rejection) {
        let password = try store.get(
            AccountRecords.password, id: user, as: AccountRecords.Password.self)
        guard (password?.phc ?? noPassword) == proof else { throw proofIsOld }
    }

    private static func sessions(
        of user: String, _ store: inout Transaction
    ) throws(Rejection) -> [String] {
        try store.get(
            AccountRecords.sessions, id: user, as: AccountRecords.Sessions.self)?.hashes ?? []
    }

    private static func start(
        _ new: NewSession, of user: String, now: Int64, _ store: inout Transaction,
        _ rules: Sessions
    ) throws(Rejection) {
        if let replaces = new.replaces { try end([replaces], of: user, &store, rules) }
        var hashes = try sessions(of: user, &store)
        while hashes.count >= rules.countMax {
            let seen = try seenLongestAgo(of: hashes, &store)
            let ended = hashes.remove(at: seen)
            if rules.notesEnds { try SessionEnds.note([ended], &store) }
        }
        try store.create(
            AccountRecords.session, id: new.hash,
            AccountRecords.Session(
                user: user, createdMilliseconds: now, seenMilliseconds: now, device: new.device,
                address: new.address))
        try store.put(
            AccountRecords.sessions, id: user,
            AccountRecords.Sessions(hashes: hashes + [new.hash]))
    }

    /// Removes the record of the session that was seen longest ago; returns its place.
    private static func seenLongestAgo(
        of hashes: [String], _ store: inout Transaction
    ) throws(Rejection) -> Int {
        var (oldest, place) = (Int64.max, 0)
        for (index, hash) in hashes.enumerated() {
            let session = try store.get(
                AccountRecords.session, id: hash, as: AccountRecords.Session.self)
            let seen = session?.seenMilliseconds ?? .min
            if seen < oldest { (oldest, place) = (seen, index) }
        }
        try remove(AccountRecords.session, hashes[place], &store)
        return place
    }

    /// Ends sessions of `user`; those of somebody else are left alone.
    /// - Parameter ended: hashes; nil: all.
    private static func end(
        _ ended: [String]?, of user: String, _ store: inout Transaction, _ rules: Sessions
    ) throws(Rejection) {
        let hashes = try sessions(of: user, &store)
        let ended = Set(ended ?? hashes)
        let left = hashes.filter { !ended.contains($0) }
        guard left.count < hashes.count else { return }
        let gone = hashes.filter { ended.contains($0) }
        for hash in gone { try remove(AccountRecords.session, hash, &store) }
        if rules.notesEnds { try SessionEnds.note(gone, &store) }
        if left.isEmpty {
            try remove(AccountRecords.sessions, user, &store)
        } else {
            try store.put(
                AccountRecords.sessions, id: user, AccountRecords.Sessions(hashes: left))
        }
    }

    /// An invitation that is late is refused for that: nobody has to know that it was used.
    private static func removeLateMarks(
        at now: Int64, _ store: inout Transaction
    ) throws(Rejection) {
        let marks = try store.list(
            AccountRecords.usedInvitation, as: AccountRecords.Mark.self)
        // A clock that is set back by less than a day brings none of them to life.
        for (id, mark) in marks {
            guard let until = mark.untilMilliseconds, until < now - 86_400_000 else { continue }
            try store.delete(AccountRecords.usedInvitation, id: id.string)
        }
    }

    private static func remove(
        _ entity: Name, _ id: String, _ store: inout Transaction
    ) throws(Rejection) {
        guard try store.get(entity, id: id) != nil else { return }
        try store.delete(entity, id: id)
    }
}
