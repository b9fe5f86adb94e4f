// The other nodes, as their heartbeats have it: when each was heard last, and what it said of
// itself. A node that is silent for its grace is gone. Nothing decides by it but presence: what is
// true stands in the store. Bounded, because Redis is not trusted. A value; the moment is passed
// in.
//
//   unknown ──heartbeat──► known ──silent for the grace, or goodbye──► gone
//                            └──another number of links──► it has missed news, and we of it

import MizuEventLoop

/// What is known of the other nodes. One owner.
package struct NodeTable: Sendable {
    package struct Entry: Sendable {
        package let node: NodeID
        package fileprivate(set) var report: NodeReport
        package fileprivate(set) var lastSeen: Instant
    }

    /// What a heartbeat shows.
    package enum News: Sendable, Equatable {
        /// Nothing that concerns others.
        case nothing
        case appeared
        /// Its connection to the carrier is another one than before.
        case linkedAgain
    }

    /// More are not remembered: their members of presence are shown all the same, until the
    /// carrier is lost.
    static let nodesMax = 4_096

    private var entries: [NodeID: Entry] = [:]

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
    package mutating func heard(_ report: NodeReport, of node: NodeID, at now: Instant) -> News {
        guard let before = entries[node] else {
            guard entries.count < Self.nodesMax else { return .nothing }
            entries[node] = Entry(node: node, report: report, lastSeen: now)
            return .appeared
        }
        entries[node] = Entry(node: node, report: report, lastSeen: now)
        return before.report.links == report.links ? .nothing : .linkedAgain
    }

    /// Takes in that a node ends in order.
    package mutating func left(_ node: NodeID) { entries[node] = nil }

    /// While the carrier is away nobody can be heard: their silence begins now.
    package mutating func forgive(at now: Instant) {
        for node in entries.keys { entries[node]?.lastSeen = now }
    }

    /// Takes out those that were silent for that long.
    package mutating func takeSilent(
        at now: Instant, graceMilliseconds: UInt64
    ) -> [NodeID] {
        let gone = entries.values.filter {
            now.milliseconds(since: $0.lastSeen) >= graceMilliseconds
        }
        for entry in gone { entries[entry.node] = nil }
        return gone.map(\.node)
    }
}
