// The way into every worker's topics, from any thread: new changes after a commit, a word that a
// scope has moved, a message of the app; and who is there, for the app's own code. Best effort and
// independent of Sync's truth: a client that misses something pulls.

import MizuBytes
import MizuServer
import MizuSync
import MizuTopics
import MizuWire
import Synchronization

public final class LiveFeed: Sendable {
    let workers: Workers
    /// Nil where the node is alone.
    package let cluster: Cluster?

    /// - Parameter cluster: the other nodes, which are told what concerns their sockets, too.
    public init(workers: Workers, cluster: Cluster? = nil) {
        self.workers = workers
        self.cluster = cluster
    }

    /// Publishes what a commit added to its subscribers: into the mail to which the committer then
    /// adds the commit's answers.
    /// - Parameter internalScopes: those of the framework's that changed and on which permissions
    ///   stand.
    public func publish(
        _ feed: [CommittedChanges], _ internalScopes: [Name], in mail: inout MailBatch
    ) {
        let commit = CommitPublication(feed, internalScopes: internalScopes)
        mail.performLiveOnAll { $0.service.take(commit, $0) }
    }

    /// Pokes the subscribers of a scope, which may have moved, at its position: the one seam by
    /// which a source other than this process's committer feeds topics.
    public func notify(scope: Name) {
        workers.performLiveOnAll { live in
            live.service.fanOuts.publishPoke(of: scope, on: live.worker.index)
        }
    }

    /// Asks all who are subscribed to a scope to connect again, as a restart would: a backup was
    /// put back under the server, and only a client that says where it stands can be told that this
    /// is no more.
    public func positionsLost() {
        workers.performLiveOnAll { $0.service.closeSubscribers($0) }
    }

    /// Publishes `payload` (one JSON value) to the subscribers of an app's topic. Nobody publishes
    /// to topics of Sync: a call with one is ignored.
    public func publish(topic: String, payload: ByteSlice) {
        let name = ByteSlice(topic)
        guard !TopicName.isSync(name) else { return }
        let message = Publication(message: payload, to: name, charging: workers.queued)
        workers.performLiveOnAll { $0.service.fanOuts.publish(message, to: name) }
        cluster?.publish(.publication(topic: name, payload: payload, isByReader: true))
    }

    /// All live sessions, collected from every worker and handed to `receive` on one of their
    /// threads. Never called if a worker has ended.
    public func sessions(_ receive: @escaping @Sendable ([LiveSession]) -> Void) {
        let gathered = Gathering<LiveSession>(expected: workers.count)
        workers.performLiveOnAll { live in
            if let all = gathered.add(live.service.sessions) { receive(all) }
        }
    }

    /// Hands all members of a topic to `receive`, as they are now, in the order in which they came;
    /// none if the app keeps no presence. Called once, on the thread of the worker that owns the
    /// topic, so it must not wait; never if that has ended. Any thread may ask.
    /// O(members · log members).
    public func presence(
        of topic: String, _ receive: @escaping @Sendable ([PresenceMember]) -> Void
    ) {
        let name = ByteSlice(topic)
        workers.performLive(on: PresenceRooms.owner(of: name, among: workers)) { live in
            let entries = live.service.presence?.table.members(of: name) ?? []
            receive(entries.map { PresenceMember(id: $0.id.string, info: $0.info) })
        }
    }

    /// Closes a session with 1008; nothing happens if it has gone.
    public func close(session id: String, reason: String = "closed by the application") {
        workers.performLiveOnAll { $0.service.close(session: id, reason: reason, $0) }
        cluster?.publish(.sessionClosed(id: id, reason: reason))
    }

    /// Ends the sockets whose requests had this `Request.credential`: each is sent
    /// `token_expired` and closed with 1008, on every worker at once, and nothing after that. Call
    /// it when a session or a token has ended, after whatever answers requests knows so.
    public func close(credential: String) {
        let hash = LiveSocket.Credential(credential)
        workers.performLiveOnAll { $0.service.close(credential: hash, $0) }
        cluster?.publish(.credentialEnded(credential))
    }

    /// The same for what has ended elsewhere and is known there: nobody else is told.
    package func closeHere(credentials: [String]) {
        guard !credentials.isEmpty else { return }
        let ended = Set(credentials.map { LiveSocket.Credential($0) })
        workers.performLiveOnAll { $0.service.close(credentials: ended, $0) }
    }

    /// Asks all sockets that a session or a token has opened to come again and prove it: nobody
    /// knows which of these have ended.
    package func credentialsLost() {
        workers.performLiveOnAll { $0.service.closeAllWithCredentials($0) }
    }

    /// Calls `body` with each credential that has ended on another node, before its sockets are
    /// closed here. It runs on the thread of news and must not wait.
    public func onCredentialEnd(_ body: @escaping @Sendable (_ credential: String) -> Void) {
        cluster?.onCredentialEnd(body)
    }

    /// What proved who sockets are that are open now, on every worker. Never called if a worker has
    /// ended.
    package func openCredentials(_ receive: @escaping @Sendable (OpenCredentials) -> Void) {
        let gathered = Gathering<LiveSocket.Credential>(expected: workers.count)
        workers.performLiveOnAll { live in
            let open = Set(live.service.sockets.all.map(\.credential)).subtracting([.none])
            if let all = gathered.add(Array(open)) { receive(OpenCredentials(all: Set(all))) }
        }
    }

    /// Asks again for every subscription whether its user may have it; those that may not stand are
    /// ended, and their sockets are sent the reason. Call it when permissions have changed for
    /// reasons that no scope shows: what `Access` has looked at is watched without it.
    public func permissionsChanged() {
        workers.performLiveOnAll { $0.service.checkAllPermissions($0) }
        cluster?.publish(.permissionsChanged)
    }

    private final class Gathering<Element: Sendable>: Sendable {
        private let state: Mutex<(missing: Int, elements: [Element])>

        init(expected: Int) { state = Mutex((expected, [])) }

        /// - Returns: all of them, when the last worker has answered.
        func add(_ elements: [Element]) -> [Element]? {
            state.withLock { state in
                state.elements += elements
                state.missing -= 1
                return state.missing == 0 ? state.elements : nil
            }
        }
    }
}

/// The sessions and tokens that have an open socket.
package struct OpenCredentials: Sendable {
    let all: Set<LiveSocket.Credential>

    package var isEmpty: Bool { all.isEmpty }

    /// Whether one with this `Request.credential` has.
    package func contains(_ credential: String) -> Bool {
        all.contains(LiveSocket.Credential(credential))
    }
}
