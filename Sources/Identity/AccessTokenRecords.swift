// What is kept of this server's own tokens: records of the internal scope `mizu:tokens`, which no
// wire serves and which keeps no log, and the mutations that write them, which are the server's
// alone. Of a token there is its SHA-256. So a token is made and revoked exactly once, durably, and
// is in every backup.
//
//   mizu.token    id: hash of the token    whose, its name, what it may do
//   mizu.tokens   id: user                 which they have

import MizuBytes
import MizuSync

/// The scope, the entities and the mutations of tokens.
public enum AccessTokenRecords {
    public static let scope: Name = "mizu:tokens"
    public static let token: Name = "mizu.token"
    public static let tokens: Name = "mizu.tokens"

    /// Tokens that one user has at most.
    public static let countMax = 100
    /// Bytes of a token's name.
    public static let nameBytesMax = 200
    /// Scopes that a token names.
    public static let scopesMax = 100

    /// `mizu.token`.
    public struct Token: Codable, Sendable, Equatable {
        public var user: String
        public var name: String
        /// Whether it may push; else it only reads.
        public var writes: Bool
        /// The only scopes that it may be used for; nil: all.
        public var scopes: [String]?
        public var createdMilliseconds: Int64
        /// Nil: without end.
        public var untilMilliseconds: Int64?

        public init(
            user: String, name: String, writes: Bool, scopes: [String]?,
            createdMilliseconds: Int64, untilMilliseconds: Int64?
        ) {
            self.user = user
            self.name = name
            self.writes = writes
            self.scopes = scopes
            self.createdMilliseconds = createdMilliseconds
            self.untilMilliseconds = untilMilliseconds
        }

        private enum CodingKeys: String, CodingKey {
            case user, name, writes, scopes
            case createdMilliseconds = "created"
            case untilMilliseconds = "until"
        }
    }

    /// `mizu.tokens`: hashes, in the order in which they were made.
    public struct Tokens: Codable, Sendable {
        public var hashes: [String]
    }

    // MARK: Mutations

    public static let create: Name = "mizu.token.create"
    public static let revoke: Name = "mizu.token.revoke"

    public struct Create: Codable, Sendable {
        public var hash: String
        public var token: Token

        public init(hash: String, token: Token) {
            self.hash = hash
            self.token = token
        }
    }

    public struct Revoke: Codable, Sendable {
        public var user: String
        /// Nil: all that the user has.
        public var hash: String?

        public init(user: String, hash: String?) {
            self.user = user
            self.hash = hash
        }
    }

    public static let tooMany = Rejection(
        code: "conflict", message: "there are \(countMax) tokens already: revoke one first")

    /// Tells the engine of them.
    public static func register(in system: SystemMutations) {
        system.register(create, fromWire: false) { (mutation, store) throws(Rejection) in
            var new: Create = try mutation.args.decode()
            new.token.createdMilliseconds = mutation.timeMilliseconds
            var hashes = try hashes(of: new.token.user, &store)
            guard hashes.count < countMax else { throw tooMany }
            hashes.append(new.hash)
            try store.create(token, id: new.hash, new.token)
            try store.put(tokens, id: new.token.user, Tokens(hashes: hashes))
        }
        system.register(revoke, fromWire: false) { (mutation, store) throws(Rejection) in
            let ended: Revoke = try mutation.args.decode()
            let hashes = try hashes(of: ended.user, &store)
            let gone = hashes.filter { ended.hash == nil || $0 == ended.hash }
            guard !gone.isEmpty || ended.hash == nil else { throw .notFound }
            for hash in gone { try store.delete(token, id: hash) }
            guard !gone.isEmpty else { return }
            let left = hashes.filter { !gone.contains($0) }
            if left.isEmpty {
                try store.delete(tokens, id: ended.user)
            } else {
                try store.put(tokens, id: ended.user, Tokens(hashes: left))
            }
        }
    }

    private static func hashes(
        of user: String, _ store: inout Transaction
    ) throws(Rejection) -> [String] {
        try store.get(tokens, id: user, as: Tokens.self)?.hashes ?? []
    }
}
