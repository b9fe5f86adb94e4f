// What an app adds to `/ws`: who somebody is, and which topics of its own exist. Sync's topics need
// none of it. Called on workers' threads; must not wait.

import MizuBytes
import MizuHTTP
import MizuSync

/// A live connection as an app sees it.
public struct LiveSession: Sendable, Equatable {
    /// Random and unique; names the session in `Live.close`.
    public let id: String
    /// Who it is; nil for nobody.
    public let user: String?
    /// The names of its topics, `sync:` and the scope for Sync's.
    public let topics: [String]
    /// When it was opened, in milliseconds since 1970.
    public let sinceMilliseconds: Int
}

/// What a client asks of the app's own topics.
public enum LiveRequest: Sendable {
    case subscribe(topic: String)
    case publish(topic: String, payload: JSONValue)
}

/// Whether it may.
public enum LiveReply: Sendable { case allow, deny }

/// What a token is worth.
public enum Authentication: Sendable {
    /// The token is good for this user (nil: for nobody in particular), until that moment (nil:
    /// for as long as the socket lives). `credential` is its public name, by which
    /// `LiveFeed.close(credential:)` finds the socket; nil: it does not end by itself.
    case accepted(user: String?, until: Expiry? = nil, credential: String? = nil)
    /// It is not; `code` is `unauthenticated` or `token_expired`.
    case refused(code: String, message: String)
}

/// The app's part in the conversation. The defaults refuse every token, serve everybody, deny every
/// topic of the app and compress all that is told.
public struct LiveHooks: Sendable {
    /// What a token is worth; nil: no token is taken.
    public var authenticate: (@Sendable (_ token: String) -> Authentication)?
    /// The same where that is to be asked elsewhere first. Returns whether `answer` is called, once
    /// and on any thread; otherwise `authenticate` is asked. Nil: it always is.
    package var authenticateLater:
        (
            @Sendable (_ token: String, _ answer: @escaping @Sendable (Authentication) -> Void) ->
                Bool
        )?
    /// Whether a socket has to be somebody's: of the request that opened it, or else of an `auth`
    /// within `LiveLimits.authMilliseconds`. Until then it is served nothing else.
    public var requiresUser = false
    /// Whether what is told in a topic may be compressed, with what was told there before; nil: it
    /// may everywhere. Sizes tell something where people who may not read it can make the app write
    /// there.
    public var compresses: (@Sendable (_ topic: String) -> Bool)?
    /// The scope to which a topic of the app belongs; nil where it belongs to none. Whoever may not
    /// subscribe to that scope may not have the topic, and loses it with the scope. Nil: topics of
    /// the app belong to no scope.
    public var scopeOfTopic: (@Sendable (_ topic: String) -> Name?)?
    public var onMessage: @Sendable (LiveSession, LiveRequest) -> LiveReply = { _, _ in .deny }
    public var onClose: @Sendable (LiveSession) -> Void = { _ in }
    /// Whether presence is kept, and what is shown of whom; nil: never, and nothing is spent on it.
    public var onPresence: PresenceHook?

    public init() {}
}
