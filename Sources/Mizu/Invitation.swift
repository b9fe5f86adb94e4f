// The two halves of an invitation: the token goes into the link and nowhere else, its key into the
// scope, where all who may read it can see it and nobody can use it (people.md, "Invitations").

import MizuEventLoop
import MizuSync

/// A fresh invitation, for `Transaction.invite`.
public struct Invitation: Sendable {
    /// What stands in the link: 256 random bits. Whoever has it can come in.
    public let token: String
    /// What a mutation is given: the token's SHA-256.
    public let key: String

    /// Makes one that nobody can guess.
    public init() {
        token = String(decoding: Hex.encode(Randomness.bytes(32)), as: UTF8.self)
        key = InvitationRecord.key(of: token)
    }
}
