// In whose name a push is made. A wire never says: whoever takes a push from a wire makes it the
// user's that was proved, or nobody's.

/// Who is behind a push.
public enum PushAuthority: Hashable, Sendable {
    /// A user, or nobody: checked against roles, and kept out of what is the framework's.
    case user(Name?)
    /// The server itself, with every right, to internal scopes too.
    case server

    /// Nil for nobody and for the server.
    public var user: Name? {
        guard case .user(let user) = self else { return nil }
        return user
    }
}
