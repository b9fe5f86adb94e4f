// Passkeys as the second way into an account (WebAuthn level 2): a question, a passkey's answer,
// and the record of the key. The page's part is `mizu/passkeys.js`.
//
// A question is sealed with a key that only this process has, and each is answered once: what was
// answered well is remembered until it is too old anyway. So nothing is kept of those who only ask
// or guess, and a recorded answer is worth nothing, also after a restart. Tries are not counted:
// nobody guesses a signature. Any thread.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuIdentity
import MizuSync
import MizuWebAuthn
import Synchronization

/// The passkeys of an app's accounts. `App.passkeys` returns it.
public final class Passkeys: Sendable {
    /// A passkey as its owner sees it in a list.
    public struct Info: Sendable, Equatable {
        /// Its public name.
        public let id: String
        /// What its owner calls it.
        public let name: String
        /// Since 1970.
        public let createdMilliseconds: Int64
        /// When somebody signed in with it last; since 1970.
        public let seenMilliseconds: Int64
        /// Whether its owner's password store has copies of it.
        public let isBackedUp: Bool
    }

    /// What a page needs for `navigator.credentials`.
    struct Question: Sendable {
        let note: String
        let options: ByteSlice
    }

    let accounts: Accounts
    private let origins: [String]?
    private let seal = ChallengeSeal(key: Randomness.bytes(32))
    /// Challenges that were answered, and until when they are remembered.
    private let answered = Mutex<[[UInt8]: Int64]>([:])

    /// Answered challenges that are remembered; beyond it nobody signs in by passkey until the
    /// oldest are five minutes old.
    private static let answeredMax = 100_000

    /// - Parameter origins: nil: what the request says, which HOSTS bounds.
    init(_ accounts: Accounts, origins: [String]?) {
        self.accounts = accounts
        self.origins = origins
    }

    func party(_ visitor: Accounts.Visitor) -> RelyingParty {
        RelyingParty(name: accounts.options.title, origins: origins ?? [visitor.origin])
    }

    // MARK: Registering

    /// A question to somebody who is signed in.
    func registrationQuestion(_ visitor: Accounts.Visitor) async throws -> Question {
        let account = try await owner(visitor)
        let challenge = Randomness.bytes(ChallengeSeal.challengeBytes)
        let known = try await records(of: account.id).map {
            ByteSlice(Base64.decode(Array($0.record.credentialID.utf8), alphabet: .url) ?? [])
        }
        return Question(
            note: seal.note(
                of: challenge, for: .registration, subject: account.id,
                now: WallClock.milliseconds),
            options: party(visitor).creationOptions(
                challenge: challenge, handle: ByteSlice(account.id), userName: account.email,
                displayName: account.name, excluding: known))
    }

    /// Takes the answer, and keeps the passkey.
    /// - Parameter password: the account's; needed if the sign-in is not fresh.
    func register(
        note: String, answer: JSONValue, name: String, password: String?,
        _ visitor: Accounts.Visitor
    ) async throws {
        let account = try await owner(visitor)
        guard (1...PasskeyRecords.nameBytesMax).contains(name.utf8.count) else {
            throw AccountError.nameMalformed
        }
        // Whoever has stolen a session must not get a key that outlives it.
        if let password {
            try await accounts.confirm(password, by: visitor)
        } else {
            guard try await accounts.isFresh(visitor) else { throw Self.confirmFirst }
        }
        let challenge = try open(note, for: .registration, subject: account.id)
        let credential = try RegistrationResponse(answer).verify(
            challenge: challenge.bytes, for: party(visitor))
        try take(challenge)
        let passkey = PasskeyRecords.Passkey(
            user: account.id, name: name, credentialID: Self.text(credential.id),
            publicKey: Self.text(credential.publicKey), counter: credential.counter,
            isBackupEligible: credential.isBackupEligible, isBackedUp: credential.isBackedUp,
            createdMilliseconds: WallClock.milliseconds)
        try await accounts.push(
            PasskeyRecords.add,
            PasskeyRecords.Add(hash: PasskeyRecords.hash(of: credential.id), passkey: passkey))
    }

    private static let confirmFirst = HTTPError(
        .forbidden, code: "forbidden",
        message: "give the password, or sign in anew: the sign-in is too long ago")

    /// The account of who is signed in by a session: a token may not change what is its user's.
    func owner(_ visitor: Accounts.Visitor) async throws -> Accounts.Account {
        guard let account = try await accounts.account(try visitor.userOfSession()) else {
            throw AccountError.noAccount
        }
        return account
    }

    // MARK: Signing in

    /// A question to anybody.
    func signInQuestion(_ visitor: Accounts.Visitor) -> Question {
        let challenge = Randomness.bytes(ChallengeSeal.challengeBytes)
        return Question(
            note: seal.note(
                of: challenge, for: .signIn, subject: "", now: WallClock.milliseconds),
            options: party(visitor).requestOptions(challenge: challenge))
    }

    /// Takes the answer, and signs its owner in.
    func signIn(
        note: String, answer: JSONValue, _ visitor: Accounts.Visitor
    ) async throws -> Accounts.SignedIn {
        let challenge = try open(note, for: .signIn, subject: "")
        let response = try AssertionResponse(answer)
        let hash = PasskeyRecords.hash(of: response.id)
        let found = try await accounts.sync.read(
            AccountRecords.scope, onBehalfOf: visitor.peer
        ) { snapshot in
            try snapshot.record(PasskeyRecords.passkey, id: hash)?
                .decode(PasskeyRecords.Passkey.self)
        }
        guard let found,
            let id = Base64.decode(Array(found.credentialID.utf8), alphabet: .url),
            let key = Base64.decode(Array(found.publicKey.utf8), alphabet: .url)
        else { throw WebAuthnRefusal.wrongCredential }
        let credential = PasskeyCredential(
            id: ByteSlice(id), publicKey: ByteSlice(key), counter: found.counter,
            isBackupEligible: found.isBackupEligible, isBackedUp: found.isBackedUp)
        let seen = try response.verify(
            challenge: challenge.bytes, by: credential, of: ByteSlice(found.user),
            for: party(visitor))
        try take(challenge)
        try await accounts.push(
            PasskeyRecords.use,
            PasskeyRecords.Use(
                hash: hash, before: found.counter, counter: seen.counter,
                isBackedUp: seen.isBackedUp))
        return try await accounts.signIn(user: found.user, from: visitor)
    }

    private func open(
        _ note: String, for purpose: ChallengeSeal.Purpose, subject: String
    ) throws(WebAuthnRefusal) -> ChallengeSeal.Challenge {
        try seal.open(note, for: purpose, subject: subject, now: WallClock.milliseconds)
    }

    /// Notes that a challenge was answered, once the answer is found good: what strangers send
    /// takes no place here.
    private func take(_ challenge: ChallengeSeal.Challenge) throws(WebAuthnRefusal) {
        let now = WallClock.milliseconds
        let isFirst = answered.withLock { answered in
            if answered.count >= Self.answeredMax { answered = answered.filter { $0.value > now } }
            guard answered.count < Self.answeredMax, answered[challenge.bytes] == nil else {
                return false
            }
            answered[challenge.bytes] = challenge.untilMilliseconds
            return true
        }
        guard isFirst else { throw .wrongChallenge }
    }

    // MARK: Listing and removing

    /// The passkeys of `user`, in the order in which they were made.
    public func list(of user: String) async throws -> [Info] {
        try await records(of: user).map { hash, record in
            Info(
                id: hash, name: record.name, createdMilliseconds: record.createdMilliseconds,
                seenMilliseconds: record.seenMilliseconds, isBackedUp: record.isBackedUp)
        }
    }

    /// Removes a passkey of `user`, so that nobody signs in with it any more. Sessions that began
    /// with it go on.
    /// - Throws: `AccountError.noAccount` if they have no such passkey.
    public func remove(_ id: String, of user: String) async throws {
        try await accounts.push(
            PasskeyRecords.remove, PasskeyRecords.Remove(user: user, hash: id))
    }

    func removeAll(of user: String) async throws {
        try await accounts.push(
            PasskeyRecords.remove, PasskeyRecords.Remove(user: user, hash: nil))
    }

    private func records(
        of user: String
    ) async throws -> [(hash: String, record: PasskeyRecords.Passkey)] {
        try await accounts.sync.read(AccountRecords.scope) { snapshot in
            let hashes = try snapshot.record(PasskeyRecords.passkeys, id: user)?
                .decode(PasskeyRecords.Passkeys.self).hashes
            var found: [(hash: String, record: PasskeyRecords.Passkey)] = []
            for hash in hashes ?? [] {
                guard let record = try snapshot.record(PasskeyRecords.passkey, id: hash) else {
                    continue
                }
                found.append((hash, try record.decode(PasskeyRecords.Passkey.self)))
            }
            return found
        }
    }

    private static func text(_ bytes: ByteSlice) -> String {
        bytes.withUnsafeBytes { String(decoding: Base64.encode($0, alphabet: .url), as: UTF8.self) }
    }
}
