// The other nodes, as their heartbeats have it: when each was heard last, and what it said of
// itself. A node that is silent for its grace is gone. Nothing decides by it but presence: what is
// true stands in the store. Bounded, because Redis is not trusted. A value; the moment is passed
// in.
//
//   unknown ──heartbeat──► known ──silent for the grace, or goodbye──► gone
//     ▲ └──another word──► stranger ──heartbeat──► known                │
//     │                       └──silent for the grace──► gone           │
//     └───────────────────────── it had been paused, or cut off ────────┘

import MizuEventLoop

/// What is known of the other nodes. One owner.
package struct NodeTable: Sendable {
    package struct Entry: Sendable {
        package let node: NodeID
        package fileprivate(set) var report: NodeReport
        package fileprivate(set) var lastSeen: Instant
    }

    /// More are not remembered: their members of presence are shown all the same, until the
    /// carrier is lost.
    static let nodesMax = 4_096

    private var entries: [NodeID: Entry] = [:]
    /// When nodes spoke of which no heartbeat has come: they may die before the first.
    private var strangers: [NodeID: Instant] = [:]
    /// When it was looked for silent ones last.
    private var lastLook: Instant?
    /// Since when nobody is known, as far as that was looked at.
    private var aloneSince: Instant?

    package init() {}

    /// Those that are known, by the time of their start.
    package var all: [Entry] {
        entries.values.sorted {
            ($0.report.startedMilliseconds, $0.node.bits)
                < ($1.report.startedMilliseconds, $1.node.bits)
        }
    }

    package var count: Int { entries.count }

    package func isKnown(_ node: NodeID) -> Bool { entries[node] != nil }

    /// Takes a heartbeat in.
    /// - Returns: whether the node was not known before.
    package mutating func heard(_ report: NodeReport, of node: NodeID, at now: Instant) -> Bool {
        let isKnown = entries[node] != nil
        guard isKnown || entries.count < Self.nodesMax else { return false }
        entries[node] = Entry(node: node, report: report, lastSeen: now)
        strangers[node] = nil
        aloneSince = nil
        return !isKnown
    }

    /// Takes in that a node has told who is present with it: when it falls silent, somebody is to
    /// be gone.
    package mutating func met(_ node: NodeID, at now: Instant) {
        guard entries[node] == nil,
            strangers[node] != nil || strangers.count < Self.nodesMax
        else { return }
        strangers[node] = now
    }

    /// Takes in that a node ends in order.
    package mutating func left(_ node: NodeID) {
        entries[node] = nil
        strangers[node] = nil
    }

    /// While the carrier is away nobody can be heard: their silence begins now.
    package mutating func forgive(at now: Instant) {
        for node in entries.keys { entries[node]?.lastSeen = now }
        for node in strangers.keys { strangers[node] = now }
        aloneSince = nil
    }

    /// Looks whether anybody is there, once a second while they could be heard.
    /// - Returns: whether nobody was for that long.
    package mutating func lookAround(at now: Instant, graceMilliseconds: UInt64) -> Bool {
        guard entries.isEmpty, strangers.isEmpty else {
            aloneSince = nil
            return false
        }
        guard let since = aloneSince else {
            aloneSince = now
            return false
        }
        return now.milliseconds(since: since) >= graceMilliseconds
    }

    /// Takes out those that were silent for that long. Who looks later than it should was paused
    /// itself: what the others have said is still on its way, so they are forgiven.
    package mutating func takeSilent(
        at now: Instant, graceMilliseconds: UInt64
    ) -> [NodeID] {
        defer { lastLook = now }
        if let last = lastLook, now.milliseconds(since: last) > graceMilliseconds / 2 {
            forgive(at: now)
        }
        let isOver = { now.milliseconds(since: $0) >= graceMilliseconds }
        let gone =
            entries.values.filter { isOver($0.lastSeen) }.map(\.node)
            + strangers.filter { isOver($0.value) }.map(\.key)
        for node in gone { left(node) }
        return gone
    }
}
