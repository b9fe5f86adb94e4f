// What is kept of people: records of the internal scope `mizu:accounts`, which no wire serves and
// which keeps no log. Of a password there is its hash, of a session the hash of its token, of an
// address its hash as a name and its text in the account. Values.
//
//   mizu.account   id: user           who it is          mizu.email     id: hash of the address
//   mizu.password  id: user           the PHC text       mizu.session   id: hash of the token
//   mizu.sessions  id: user           which they have    mizu.used      id: an invitation's nonce
//   mizu.deletion  id: user           data that is still to be deleted

import MizuBytes
import MizuSync

/// The scope and the entities of accounts.
public enum AccountRecords {
    public static let scope: Name = "mizu:accounts"

    public static let account: Name = "mizu.account"
    public static let password: Name = "mizu.password"
    public static let email: Name = "mizu.email"
    public static let session: Name = "mizu.session"
    public static let sessions: Name = "mizu.sessions"
    public static let usedInvitation: Name = "mizu.used"
    public static let deletion: Name = "mizu.deletion"

    /// `mizu.account`.
    public struct Account: Codable, Sendable {
        public var email: String
        public var name: String
        public var createdMilliseconds: Int64

        private enum CodingKeys: String, CodingKey {
            case email, name
            case createdMilliseconds = "created"
        }
    }

    /// `mizu.password`.
    public struct Password: Codable, Sendable {
        public var phc: String
    }

    /// `mizu.email`.
    public struct Email: Codable, Sendable {
        public var user: String
    }

    /// `mizu.session`.
    public struct Session: Codable, Sendable {
        public var user: String
        public var createdMilliseconds: Int64
        public var seenMilliseconds: Int64
        /// In plain words.
        public var device: String
        public var address: String

        private enum CodingKeys: String, CodingKey {
            case user, device, address
            case createdMilliseconds = "created"
            case seenMilliseconds = "seen"
        }
    }

    /// `mizu.sessions`: hashes of tokens, in the order in which they were made.
    public struct Sessions: Codable, Sendable {
        public var hashes: [String]
    }

    /// `mizu.used` and `mizu.deletion`.
    public struct Mark: Codable, Sendable {
        public var atMilliseconds: Int64
        /// When it says nothing any more, and may go; nil: never.
        public var untilMilliseconds: Int64?

        private enum CodingKeys: String, CodingKey {
            case atMilliseconds = "at"
            case untilMilliseconds = "until"
        }
    }
}
