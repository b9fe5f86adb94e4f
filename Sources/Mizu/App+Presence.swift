// Presence as an app asks for it: who is here, in which of its topics, shown how.

import MizuSyncService

extension App {
    /// Keeps presence in topics of the app. A client that subscribes with `"presence":true` becomes
    /// a member if `live(onMessage:)` allows the topic and `decide` allows the member; it then gets
    /// the list of members, and who joins and leaves. Without this call there is no presence. The
    /// messages are in live.md, "Presence".
    ///
    ///     app.presence { session, topic, info in
    ///         guard topic.utf8.starts(with: "room:".utf8) else { return .deny }
    ///         return .join(PresenceMember(id: session.user ?? session.id, info: info))
    ///     }
    ///
    /// Members are not stored. Nodes that share a database tell each other theirs, where there is
    /// a carrier of news (many-machines.md, "News between nodes").
    /// - Parameters:
    ///   - graceMilliseconds: how long a member may be without a connection before it has left.
    ///     Reloads and short breaks are not seen.
    ///   - decide: runs on workers' threads and must not wait.
    public func presence(
        graceMilliseconds: UInt64 = 10_000, _ decide: @escaping PresenceHook
    ) {
        live.onPresence = decide
        liveLimits.presence.graceMilliseconds = graceMilliseconds
    }
}
