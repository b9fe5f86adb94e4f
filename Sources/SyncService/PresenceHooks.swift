// What an app decides about presence: whether it is kept in a topic, and what is shown of whom.
// Without the hook there is none, and none of it costs anything.

import MizuBytes

/// A member of a topic as the others see it.
public struct PresenceMember: Sendable {
    /// Connections with the same id are one member: a user's tabs and devices. Public: the user's
    /// own id or, for somebody without one, `LiveSession.id`, which is random and opens nothing.
    /// Never a Sync client's id, which is that client's secret. At most 128 bytes.
    public let id: String
    /// One JSON value for the page, such as a name and a colour; the one that came last counts. At
    /// most 1 KiB, else it is left out.
    public let info: JSONValue?

    public init(id: String, info: JSONValue? = nil) {
        self.id = id
        self.info = info
    }

    /// - Throws: what `info` throws as it is encoded.
    public init(id: String, info: some Encodable) throws {
        self.init(id: id, info: JSONValue(validated: try JSONEncoding.encode(info)))
    }
}

/// What an app says to somebody who wants presence in a topic.
public enum PresenceReply: Sendable {
    /// No presence; the subscription stands without it.
    case deny
    /// Sees who is here and is not shown.
    case watch
    /// Is shown, and sees.
    case join(PresenceMember)
}

/// Asked when a session subscribes with presence, signs in, and when permissions have changed,
/// each time after `onMessage` has allowed the subscription. `info` is what the client says of
/// itself, at most 1 KiB: any JSON, to be believed or not. On workers' threads; must not wait.
public typealias PresenceHook =
    @Sendable (_ session: LiveSession, _ topic: String, _ info: JSONValue?) -> PresenceReply
