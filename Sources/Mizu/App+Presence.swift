// Presence as an app asks for it: who is here, in which of its topics, shown how.

import MizuSyncService

extension App {
    /// Keeps presence in topics of the app: who subscribes with `"presence":true` is asked about
    /// here, after `live(onMessage:)` has allowed the topic, and is told who is there, who comes
    /// and who leaves. Without this call there is no presence. The messages are in live.md,
    /// "Presence".
    ///
    ///     app.presence { session, topic, info in
    ///         guard topic.utf8.starts(with: "room:".utf8) else { return .deny }
    ///         return .join(PresenceMember(id: session.user ?? session.id, info: info))
    ///     }
    ///
    /// It is of this process: members are not kept, and other processes know nothing of them.
    /// - Parameters:
    ///   - graceMilliseconds: how long a member whose last connection broke off has to come back
    ///     before it is told as left: reloads and short breaks are not seen.
    ///   - decide: called on workers' threads; must not wait.
    public func presence(
        graceMilliseconds: UInt64 = 10_000, _ decide: @escaping PresenceHook
    ) {
        live.onPresence = decide
        liveLimits.presence.graceMilliseconds = graceMilliseconds
    }
}
