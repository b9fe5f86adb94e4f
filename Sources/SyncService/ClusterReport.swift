// Which nodes there are and how they fare, as one of them sees it: what `/cluster` of the admin
// address answers and `mizu cluster` shows. Values and their JSON alone; whoever keeps the table of
// nodes fills it. Nothing decides by it.
//
// {"node":ID,"store":TEXT,"news":TEXT,"nodes":[{"node":ID,"address":TEXT,"version":TEXT,
//   "started":MS,"seen_ms":N,"draining":BOOL,"figures":{NAME:N,…}},…]}

import MizuBytes

/// The nodes of one store.
package struct ClusterReport: Sendable {
    /// Figures that the command has columns for; a node may have others, or lack some.
    package enum Figure {
        /// WebSockets that are open.
        package static let sockets = "sockets"
        /// Scopes that its sockets follow.
        package static let scopes = "scopes"
        /// Thousandths of a processor that it has used since the report before.
        package static let cpu = "cpu_permille"
        /// Milliseconds from the commit of a change elsewhere to its sockets here, the worst
        /// lately.
        package static let feedLag = "feed_lag_ms"
        /// Changes that the store had and the node did not know of, over the scopes that it
        /// follows, when it looked last.
        package static let behind = "changes_behind"
    }

    package struct Node: Sendable {
        /// Random, for as long as its process lives.
        package var id: String
        /// Where it listens, for people.
        package var address: String
        package var version: String
        /// Milliseconds since 1970.
        package var startedMilliseconds: Int
        /// Since it was heard of last; 0 of the one that tells.
        package var seenMilliseconds: Int
        package var isDraining: Bool
        package var figures: [String: Int]

        package init(
            id: String, address: String, version: String, startedMilliseconds: Int,
            seenMilliseconds: Int, isDraining: Bool, figures: [String: Int]
        ) {
            self.id = id
            self.address = address
            self.version = version
            self.startedMilliseconds = startedMilliseconds
            self.seenMilliseconds = seenMilliseconds
            self.isDraining = isDraining
            self.figures = figures
        }
    }

    /// The one that tells.
    package var node: String
    /// What it stands on, without a password.
    package var store: String
    /// `redis`, `notify`, `poll`, or `none` where no other process writes to the store.
    package var news: String
    package var nodes: [Node]

    package init(node: String, store: String, news: String, nodes: [Node]) {
        self.node = node
        self.store = store
        self.news = news
        self.nodes = nodes
    }

    /// One object, the nodes in the order of their ids.
    package var json: ByteSlice {
        var json = JSONWriter(capacity: 256 + 256 * nodes.count)
        json.beginObject()
        json.key("node")
        json.string(node)
        json.key("store")
        json.string(store)
        json.key("news")
        json.string(news)
        json.key("nodes")
        json.beginArray()
        for node in nodes.sorted(by: { $0.id < $1.id }) { Self.write(node, to: &json) }
        json.endArray()
        json.endObject()
        return json.finish()
    }

    private static func write(_ node: Node, to json: inout JSONWriter) {
        json.beginObject()
        json.key("node")
        json.string(node.id)
        json.key("address")
        json.string(node.address)
        json.key("version")
        json.string(node.version)
        json.key("started")
        json.int(node.startedMilliseconds)
        json.key("seen_ms")
        json.int(node.seenMilliseconds)
        json.key("draining")
        json.bool(node.isDraining)
        json.key("figures")
        json.beginObject()
        for (name, value) in node.figures.sorted(by: { $0.key < $1.key }) {
            json.key(name)
            json.int(value)
        }
        json.endObject()
        json.endObject()
    }
}
