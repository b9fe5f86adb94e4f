// What is kept of passkeys: records of the internal scope `mizu:accounts`, beside the accounts
// whose they are, and the mutations that write them, which are the server's alone. Nothing here is
// secret: a passkey's private key never leaves its authenticator.
//
//   mizu.passkey    id: hash of the credential's id   whose, its key, its counter
//   mizu.passkeys   id: user                          which they have

import MizuBytes
import MizuSync

/// The entities and the mutations of passkeys.
public enum PasskeyRecords {
    public static let passkey: Name = "mizu.passkey"
    public static let passkeys: Name = "mizu.passkeys"

    /// Passkeys that one account has at most.
    public static let countMax = 20
    /// Bytes of a passkey's name.
    public static let nameBytesMax = 200

    /// `mizu.passkey`. Bytes are in base64url.
    public struct Passkey: Codable, Sendable, Equatable {
        public var user: String
        public var name: String
        public var credentialID: String
        public var publicKey: String
        public var counter: UInt32
        public var isBackupEligible: Bool
        public var isBackedUp: Bool
        public var createdMilliseconds: Int64
        public var seenMilliseconds: Int64

        public init(
            user: String, name: String, credentialID: String, publicKey: String, counter: UInt32,
            isBackupEligible: Bool, isBackedUp: Bool, createdMilliseconds: Int64
        ) {
            self.user = user
            self.name = name
            self.credentialID = credentialID
            self.publicKey = publicKey
            self.counter = counter
            self.isBackupEligible = isBackupEligible
            self.isBackedUp = isBackedUp
            self.createdMilliseconds = createdMilliseconds
            seenMilliseconds = createdMilliseconds
        }

        private enum CodingKeys: String, CodingKey {
            case user, name, counter
            case credentialID = "credential"
            case publicKey = "key"
            case isBackupEligible = "eligible"
            case isBackedUp = "backed_up"
            case createdMilliseconds = "created"
            case seenMilliseconds = "seen"
        }
    }

    /// `mizu.passkeys`: hashes, in the order in which they were made.
    public struct Passkeys: Codable, Sendable {
        public var hashes: [String]
    }

    /// The id of a credential's record: a hash, because a credential's id may be longer than one.
    public static func hash(of credentialID: ByteSlice) -> String {
        credentialID.withUnsafeBytes { SHA256.digest($0) }.hex
    }

    // MARK: Mutations

    public static let add: Name = "mizu.passkey.add"
    public static let use: Name = "mizu.passkey.use"
    public static let remove: Name = "mizu.passkey.remove"

    public struct Add: Codable, Sendable {
        public var hash: String
        public var passkey: Passkey

        public init(hash: String, passkey: Passkey) {
            self.hash = hash
            self.passkey = passkey
        }
    }

    public struct Use: Codable, Sendable {
        public var hash: String
        /// The counter that the signature was compared with; another one by now: refused.
        public var before: UInt32
        public var counter: UInt32
        public var isBackedUp: Bool

        public init(hash: String, before: UInt32, counter: UInt32, isBackedUp: Bool) {
            self.hash = hash
            self.before = before
            self.counter = counter
            self.isBackedUp = isBackedUp
        }
    }

    public struct Remove: Codable, Sendable {
        public var user: String
        /// Nil: all that the user has.
        public var hash: String?

        public init(user: String, hash: String?) {
            self.user = user
            self.hash = hash
        }
    }

    public static let tooMany = Rejection(
        code: "conflict", message: "there are \(countMax) passkeys already: remove one first")
    public static let known = Rejection(
        code: "conflict", message: "this passkey is known already")
    public static let usedMeanwhile = Rejection(
        code: "conflict", message: "the passkey was used meanwhile")

    /// Tells the engine of them.
    public static func register(in system: SystemMutations) {
        system.register(add, fromWire: false) { (mutation, store) throws(Rejection) in
            var new: Add = try mutation.args.decode()
            new.passkey.createdMilliseconds = mutation.timeMilliseconds
            new.passkey.seenMilliseconds = mutation.timeMilliseconds
            let user = new.passkey.user
            guard try store.get(AccountRecords.account, id: user) != nil else { throw .notFound }
            guard try store.get(passkey, id: new.hash) == nil else { throw known }
            var hashes = try hashes(of: user, &store)
            guard hashes.count < countMax else { throw tooMany }
            hashes.append(new.hash)
            try store.create(passkey, id: new.hash, new.passkey)
            try store.put(passkeys, id: user, Passkeys(hashes: hashes))
        }
        system.register(use, fromWire: false) { (mutation, store) throws(Rejection) in
            let use: Use = try mutation.args.decode()
            guard var found = try store.get(passkey, id: use.hash, as: Passkey.self) else {
                throw .notFound
            }
            guard found.counter == use.before else { throw usedMeanwhile }
            found.counter = use.counter
            found.isBackedUp = use.isBackedUp
            found.seenMilliseconds = mutation.timeMilliseconds
            try store.update(passkey, id: use.hash, found)
        }
        system.register(remove, fromWire: false) { (mutation, store) throws(Rejection) in
            let ended: Remove = try mutation.args.decode()
            let hashes = try hashes(of: ended.user, &store)
            let gone = hashes.filter { ended.hash == nil || $0 == ended.hash }
            guard !gone.isEmpty || ended.hash == nil else { throw .notFound }
            for hash in gone { try store.delete(passkey, id: hash) }
            guard !gone.isEmpty else { return }
            let left = hashes.filter { !gone.contains($0) }
            if left.isEmpty {
                try store.delete(passkeys, id: ended.user)
            } else {
                try store.put(passkeys, id: ended.user, Passkeys(hashes: left))
            }
        }
    }

    private static func hashes(
        of user: String, _ store: inout Transaction
    ) throws(Rejection) -> [String] {
        try store.get(passkeys, id: user, as: Passkeys.self)?.hashes ?? []
    }
}
