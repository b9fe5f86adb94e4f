// The way into every worker's topics, from any thread: new changes after a commit, a word that a
// scope has moved, a message of the app. Best effort and independent of Sync's truth: who misses
// something pulls.

import MizuBytes
import MizuLive
import MizuServer
import MizuSync
import Synchronization

public final class LiveFeed: Sendable {
    let workers: Workers

    public init(workers: Workers) { self.workers = workers }

    /// Tells subscribers what a commit added. Called by the committer before its answers leave.
    public func publish(_ feed: [CommittedChanges]) {
        let news = feed.map(CommitNews.init)
        workers.performOnAll { worker in
            worker.service(LiveService.self)?.deliver(news)
        }
    }

    /// Tells the subscribers of a scope that it may have moved: the one seam by which a source
    /// other than this process's committer feeds topics. Each gets a poke at the scope's position.
    public func notify(scope: Name) {
        workers.performOnAll { worker in
            worker.service(LiveService.self)?.poke(scope, on: worker)
        }
    }

    /// Asks all who are subscribed to a scope to connect anew, as a restart would: a backup was put
    /// back under the server, and only who says where it stands can be told that this is no more.
    public func positionsLost() {
        workers.performOnAll { worker in
            worker.service(LiveService.self)?.closeSubscribers(on: worker)
        }
    }

    /// Sends `payload` (one JSON value) to the subscribers of an app's topic. Topics of Sync are
    /// nobody's to publish to: a call with one is ignored.
    public func publish(topic: String, payload: ByteSlice) {
        let name = ByteSlice(topic)
        guard !TopicName.isSync(name) else { return }
        let message = Publication(message: payload, to: name, charging: workers.queued)
        workers.performOnAll { worker in
            worker.service(LiveService.self)?.tell(message, to: name)
        }
    }

    /// All live sessions, collected from every worker and handed to `receive` on one of their
    /// threads. Never called where a worker has ended.
    public func sessions(_ receive: @escaping @Sendable ([LiveSession]) -> Void) {
        let gathered = Gathering(expected: workers.count)
        workers.performOnAll { worker in
            let own = worker.service(LiveService.self)?.sessionList ?? []
            if let all = gathered.add(own) { receive(all) }
        }
    }

    /// Closes a session with 1008; nothing happens where it has gone.
    public func close(session id: String, reason: String = "closed by the application") {
        workers.performOnAll { worker in
            worker.service(LiveService.self)?.close(session: id, reason: reason, on: worker)
        }
    }

    /// Asks again for every subscription whether its user may have it; those who may not are told
    /// so and lose it. Call it when permissions have changed.
    public func permissionsChanged() {
        workers.performOnAll { worker in
            worker.service(LiveService.self)?.checkAllPermissions(on: worker)
        }
    }

    private final class Gathering: Sendable {
        private let state: Mutex<(missing: Int, sessions: [LiveSession])>

        init(expected: Int) { state = Mutex((expected, [])) }

        /// - Returns: all of them, when the last worker has answered.
        func add(_ sessions: [LiveSession]) -> [LiveSession]? {
            state.withLock { state in
                state.sessions += sessions
                state.missing -= 1
                return state.missing == 0 ? state.sessions : nil
            }
        }
    }
}
