// Presence between nodes, on the worker that owns a topic: what own sockets do is told to the
// others as it is entered here, and what they tell is entered beside it (SharedPresence). Where the
// node is alone there is no `shared`, and nothing of this is done.

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuTopics
import MizuWire

extension PresenceRooms {
    // MARK: Own sockets

    func enterOwn(
        _ connection: PresenceConnection, _ topic: ByteSlice, as entry: PresenceEntry?, now: UInt64
    ) -> PresenceEntrance? {
        let entrance = table.enter(connection, topic, as: entry, now: now)
        shared?.enter(
            connection, topic, as: entrance?.isShown == true ? entry : nil, now: now)
        return entrance
    }

    func leaveOwn(_ connection: PresenceConnection, _ topic: ByteSlice, now: UInt64) {
        table.leave(connection, topic, now: now)
        shared?.leave(connection, topic, now: now)
    }

    func loseOwn(_ connection: PresenceConnection, _ topic: ByteSlice, now: UInt64) {
        table.lose(connection, topic, now: now)
        shared?.lose(connection, topic, now: now)
    }

    /// Tells the other nodes what is due. Once a tick.
    func tellOthers(_ live: LiveWorker) {
        guard let cluster = live.service.cluster,
            let all = shared?.advance(&table, to: live.worker.now.nanoseconds)
        else { return }
        for (topic, share) in all { cluster.publish(.presence(topic: topic, share)) }
    }

    /// Follows the topics that sockets of this worker have begun to watch, and others no more.
    func tellMovedRooms(_ cluster: Cluster) {
        guard !movedRooms.isEmpty else { return }
        let names = movedRooms
        movedRooms = []
        for name in names {
            let exists = rooms[name] != nil
            guard exists != followedRooms.contains(name) else { continue }
            if exists {
                followedRooms.insert(name)
                cluster.follow(.presence(name))
            } else {
                followedRooms.remove(name)
                cluster.unfollow(.presence(name))
            }
        }
    }

    // MARK: Other nodes

    func take(
        _ share: PresenceShare, of topic: ByteSlice, from node: NodeID, _ live: LiveWorker
    ) {
        let now = live.worker.now.nanoseconds
        guard let reply = shared?.take(share, of: topic, from: node, &table, now: now),
            let cluster = live.service.cluster
        else { return }
        switch reply {
        case .nothing: break
        case .ask: cluster.publish(.presence(topic: topic, .ask))
        case .tell(let share): cluster.publish(.presence(topic: topic, share))
        }
    }

    /// What the others have said of a topic may be old: they are asked.
    func doubt(_ topic: ByteSlice, _ live: LiveWorker) {
        guard let cluster = live.service.cluster, cluster.follows(.presence(topic)) else { return }
        shared?.doubt(topic, now: live.worker.now.nanoseconds)
        cluster.publish(.presence(topic: topic, .ask))
    }

    func doubtAll(of node: NodeID, _ live: LiveWorker) {
        for topic in shared?.topics(of: node) ?? [] { doubt(topic, live) }
    }

    func nodeLeft(_ node: NodeID, inOrder: Bool, _ live: LiveWorker) {
        shared?.nodeLeft(node, inOrder: inOrder, &table, now: live.worker.now.nanoseconds)
    }

    func forgetOthers(in topic: ByteSlice, _ live: LiveWorker) {
        shared?.forget(topic, &table, now: live.worker.now.nanoseconds)
    }
}
