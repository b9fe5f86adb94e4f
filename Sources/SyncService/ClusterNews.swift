// What nodes that share a store tell each other, as seen from above the wire: messages about
// subjects, which a node follows only while something of its own hangs on them. News is a favour:
// it makes what the store knows arrive sooner, and nobody is ever refused, blocked or told wrongly
// because a message was lost, came twice, or came late. Carriers: PubSubNews, by Redis or NOTIFY.
//
//   commit, publish ──► ClusterNews.publish ─┄ Redis ┄─► receive ──► the tail, topics, presence

import MizuBytes
import MizuEventLoop
import MizuSync

/// A node's name for as long as its process lives: random, so that nothing has to be configured.
package struct NodeID: Hashable, Sendable, CustomStringConvertible {
    package let bits: UInt64

    package init(bits: UInt64) { self.bits = bits }

    package static func random() -> NodeID {
        var numbers = RandomNumbers()
        return NodeID(bits: numbers.next())
    }

    /// Sixteen hexadecimal digits.
    package var description: String {
        var text = ByteBuffer(capacity: 16)
        text.append(hexadecimal: bits, digitsMin: 16)
        return text.finish().string
    }
}

/// What messages are about. A carrier brings those of subjects that are followed.
package enum NewsSubject: Hashable, Sendable {
    /// What concerns every node, which each follows from its start.
    case nodes
    /// The commits of a scope.
    case scope(Name)
    /// What is published to an app's topic.
    case topic(ByteSlice)
    /// Who is present in an app's topic.
    case presence(ByteSlice)
}

/// One message of a node to the others.
package enum NewsMessage: Sendable {
    /// A commit's changes to one scope, of which the store is the source.
    case commit(CommittedChanges)
    /// A scope has moved to there; the changes are too large for news, or the carrier brings none.
    case position(Name, ScopeHead)
    /// Internal scopes that have changed, on which permissions and accounts stand.
    case internalHeads([InternalHead])
    /// An app's message: one JSON value.
    case publication(topic: ByteSlice, payload: ByteSlice, isByReader: Bool)
    case presence(topic: ByteSlice, PresenceShare)
    /// Sockets with that credential are to end, and what is remembered of it.
    case credentialEnded(String)
    /// The live session of that id is to be closed.
    case sessionClosed(id: String, reason: String)
    /// Permissions have changed for reasons that no scope shows.
    case permissionsChanged
    /// The node lives; each says so once a second.
    case heartbeat(NodeReport)
    /// The node ends in order.
    case goodbye

    package var subject: NewsSubject {
        switch self {
        case .commit(let changes): .scope(changes.scope)
        case .position(let scope, _): .scope(scope)
        case .publication(let topic, _, _): .topic(topic)
        case .presence(let topic, _): .presence(topic)
        case .internalHeads, .credentialEnded, .sessionClosed, .permissionsChanged, .heartbeat,
            .goodbye:
            .nodes
        }
    }
}

/// What one node says of the members that are in a topic by its own sockets.
package enum PresenceShare: Sendable, Equatable {
    /// Nil: every node is asked which version it is at; else that one for its list.
    case ask(of: NodeID?)
    /// Which version it is at.
    case version(Int)
    /// All of its members, as a JSON array of `{"id":…,"info":…}`, or one part of that, from 0.
    case list(version: Int, part: Int, of: Int, members: ByteSlice)
    /// What has changed since `base`: entries as a JSON array, and ids of who left.
    case changes(base: Int, version: Int, joined: ByteSlice, left: [ByteSlice])

    /// Whether it says that there is nobody.
    var isEmptyList: Bool {
        if case .list(_, _, 1, let members) = self { members.count == 2 } else { false }
    }
}

/// What a node says of itself, for `mizu cluster` and metrics; nothing decides by it but by `term`.
package struct NodeReport: Sendable, Equatable {
    /// Where it listens, for people.
    package var address: String
    /// Of the program.
    package var version: String
    /// When it started, in milliseconds since 1970.
    package var startedMilliseconds: Int
    /// How often its carrier was connected.
    package var links: Int
    /// Whether it lets go of its clients.
    package var isDraining: Bool
    /// Figures by name (`sockets`, `scopes`), 0 or more; a node of another version may have others.
    package var figures: [String: Int]
    /// The latest primary of the store that it knows of.
    package var term: PrimaryTerm?

    package init(
        address: String = "", version: String = "", startedMilliseconds: Int = 0,
        links: Int = 0, isDraining: Bool = false, figures: [String: Int] = [:],
        term: PrimaryTerm? = nil
    ) {
        self.address = address
        self.version = version
        self.startedMilliseconds = startedMilliseconds
        self.links = links
        self.isDraining = isDraining
        self.figures = figures
        self.term = term
    }
}

/// What a carrier hands on, in order.
package enum NewsEvent: Sendable {
    /// The carrier can be spoken through from now on. Every subject says `following` again.
    case connected
    /// What is said about the subject from now on comes. Something may have been missed before:
    /// whoever wants to know looks at the store once, or asks.
    case following(NewsSubject)
    case message(NewsMessage, from: NodeID)
    /// Nothing comes until `connected`.
    case disconnected
}

/// A carrier of news. Any thread may call it; nothing of it ever waits.
package protocol ClusterNews: Sendable {
    /// The name under which this node speaks.
    var node: NodeID { get }
    /// What carries it, for people: `redis`, `notify`.
    var name: String { get }

    /// Starts it, once.
    /// - Parameter receive: gets what comes of other nodes, on the carrier's thread; it must not
    ///   wait.
    func start(_ receive: @escaping @Sendable (NewsEvent) -> Void) throws(SystemError)

    /// Tells the others. Dropped where the carrier is away or takes too little.
    func publish(_ message: NewsMessage)

    /// Begins to follow; `NewsEvent.following` says when. Each subject once until `unfollow`.
    func follow(_ subject: NewsSubject)
    func unfollow(_ subject: NewsSubject)

    /// Says goodbye and ends the carrier's thread.
    func stop()

    /// Figures of the carrier by name, for metrics.
    var figures: [String: Int] { get }
}
