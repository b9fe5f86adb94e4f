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
            let all = shared?.advance(
                &table, to: live.worker.now.nanoseconds, isLinked: { cluster.isConnected })
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
        guard let reply = shared?.take(share, of: topic, from: node, &table, now: now) else {
            return
        }
        live.service.cluster?.publish(.presence(topic: topic, reply))
    }

    /// What the others say of a topic is heard from now on: they are asked.
    func following(_ topic: ByteSlice, _ live: LiveWorker) {
        guard let cluster = live.service.cluster, cluster.follows(.presence(topic)),
            let question = shared?.following(topic)
        else { return }
        cluster.publish(.presence(topic: topic, question))
    }

    func linked() { shared?.linked() }

    func nodeAppeared(_ node: NodeID, _ live: LiveWorker) {
        for (topic, share) in shared?.appeared(node) ?? [] {
            live.service.cluster?.publish(.presence(topic: topic, share))
        }
    }

    func nodeLeft(_ node: NodeID, inOrder: Bool, _ live: LiveWorker) {
        let now = live.worker.now.nanoseconds
        if inOrder {
            shared?.ended(node, &table, now: now)
        } else {
            shared?.silent(node, &table, now: now)
        }
    }

    func forgetOthers(in topic: ByteSlice, _ live: LiveWorker) {
        shared?.forget(topic, &table, now: live.worker.now.nanoseconds)
    }
}
