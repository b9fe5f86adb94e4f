// What a worker does for the cluster: it says which of the app's topics its sockets follow, once a
// tick, and what it has, once a second. Scopes are followed by StoreNews. Nothing here where the
// node is alone.

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuTopics
import MizuWire

extension LiveService {
    /// Once a tick.
    func workCluster(_ live: LiveWorker) -> ServiceWork {
        guard let cluster else { return .done }
        if subscriptions.topics.hasMovedTopics { tellMovedTopics(cluster) }
        presence?.tellMovedRooms(cluster)
        let now = live.worker.now
        // What lasts for less than the time between two heartbeats would never be told.
        let isNews = sync.workers.isDraining && !hasToldDraining
        guard now >= nextBeat || isNews else { return .until(nextBeat) }
        hasToldDraining = sync.workers.isDraining
        nextBeat = now.adding(milliseconds: cluster.times.heartbeat)
        cluster.note(
            [
                "sockets": sockets.count, "subscriptions": subscriptions.topics.count,
                "topics": subscriptions.topics.topicCount,
            ], of: live.worker.index)
        if live.worker.index == 0 {
            cluster.beat(graceMilliseconds: limits.presence.graceMilliseconds)
        }
        return .until(nextBeat)
    }

    private func tellMovedTopics(_ cluster: Cluster) {
        for (name, exists) in subscriptions.topics.takeMovedTopics() {
            let isFollowed = followedTopics.contains(name)
            guard exists != isFollowed, !TopicName.isSync(name) else { continue }
            if exists {
                followedTopics.insert(name)
                cluster.follow(.topic(name))
            } else {
                followedTopics.remove(name)
                cluster.unfollow(.topic(name))
            }
        }
    }
}
