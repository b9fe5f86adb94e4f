// Presence over nodes, for the topics that one worker owns. Each node tells the others who is in a
// topic by its own sockets (PresenceTelling); the others enter these members into their tables
// beside their own (PresenceHearing), one connection for each node and member. So a member is here
// as long as any node has it, and graces, intervals and limits are those of PresenceTable.
//
//   own socket ──► table, and its log ──changes; versions, again and again──► the others
//   another's changes ──continue what is known──► guests ──► table
//          │  └──a gap, or a version that is not known──► asks that node, again and again
//          └──a list, whole──► guests ──► table
//
// What can happen, and what makes it good. A message is lost: the node repeats its version, which
// shows the gap; a question or an answer is lost: it is asked again; a doubled or late one is older
// than what is known. A link comes back: who had lost it says all its versions (`linked`) and asks
// for all others' (`following`). A node starts: it asks. A node dies: it falls silent, and its
// members leave (`silent`); it had only been paused: it notices that its beat is late and says all
// its versions, and who had counted it out asks it when it is heard. A node ends in order: its
// members get their grace (`ended`). What was known of a node that is not heard of in a topic for
// 40 beats is forgotten, so nothing that came late is shown for ever.
//
// Costs. A node tells a topic's changes together, one message for each interval; a version is
// repeated in at most every 16th beat; of a list at most 4 MiB a second are told, for all who ask.
// Confined to its worker; sends nothing, what is to be said is returned.

import MizuBytes
import MizuTopics

/// What the others are told of this worker's topics, and what they have told. One owner, one
/// thread.
struct SharedPresence: ~Copyable {
    typealias Telling = (topic: ByteSlice, share: PresenceShare)

    private let node: NodeID
    private let beatNanoseconds: UInt64
    private var telling: PresenceTelling
    private var hearing: PresenceHearing
    private var lastBeat: UInt64?

    /// Beats after which this node may have been counted out by others.
    private static let beatsLate: UInt64 = 3

    init(node: NodeID, limits: PresenceLimits, beatMilliseconds: UInt64) {
        self.node = node
        beatNanoseconds = beatMilliseconds * 1_000_000
        telling = PresenceTelling(limits: limits)
        hearing = PresenceHearing(limits: limits)
    }

    // MARK: Own members

    /// A socket of this node is in the topic as that member; nil: as none.
    mutating func enter(
        _ connection: PresenceConnection, _ topic: ByteSlice, as entry: PresenceEntry?, now: UInt64
    ) {
        telling.enter(connection, topic, as: entry, now: now)
    }

    mutating func leave(_ connection: PresenceConnection, _ topic: ByteSlice, now: UInt64) {
        telling.leave(connection, topic, now: now)
    }

    mutating func lose(_ connection: PresenceConnection, _ topic: ByteSlice, now: UInt64) {
        telling.lose(connection, topic, now: now)
    }

    // MARK: Time

    private var nextBeat: UInt64 { lastBeat.map { $0 + beatNanoseconds } ?? 0 }

    /// When `advance` has something to do.
    var next: UInt64? {
        guard telling.hasBeats || hearing.hasBeats else { return telling.next }
        return min(nextBeat, telling.next ?? .max)
    }

    /// Makes what is to be told. Cheap where there is nothing.
    /// - Parameter isLinked: whether the others can be heard; asked once a beat.
    mutating func advance(
        _ table: inout PresenceTable, to now: UInt64, isLinked: () -> Bool
    ) -> [Telling] {
        var said: [Telling] = []
        telling.advance(to: now, &said)
        guard now >= nextBeat else { return said }
        if let lastBeat, now - lastBeat > beatNanoseconds * Self.beatsLate { telling.repeatAll() }
        lastBeat = now
        guard isLinked() else { return said }
        telling.beat(now: now, &said)
        hearing.beat(&table, now: now, &said)
        return said
    }

    // MARK: Others

    /// Takes in what a node has said of a topic that is watched here.
    /// - Returns: what is to be said of it at once.
    mutating func take(
        _ share: PresenceShare, of topic: ByteSlice, from sender: NodeID,
        _ table: inout PresenceTable, now: UInt64
    ) -> PresenceShare? {
        switch share {
        case .ask(of: nil): return telling.version(of: topic)
        case .ask(of: let asked):
            return asked == node ? telling.wantList(of: topic, now: now) : nil
        case .version, .list, .changes:
            let isMissing = hearing.take(share, of: topic, from: sender, &table, now: now)
            return isMissing ? .ask(of: sender) : nil
        }
    }

    /// The carrier has come back: what was told meanwhile is lost.
    mutating func linked() { telling.repeatAll() }

    /// What is said of the topic from now on is heard; what was said before may be lost.
    /// - Returns: what is to be said.
    mutating func following(_ topic: ByteSlice) -> PresenceShare {
        hearing.begin(topic)
        return .ask(of: nil)
    }

    /// A node is gone without a word.
    mutating func silent(_ node: NodeID, _ table: inout PresenceTable, now: UInt64) {
        hearing.silent(node, &table, now: now)
    }

    /// A node has ended in order.
    mutating func ended(_ node: NodeID, _ table: inout PresenceTable, now: UInt64) {
        hearing.ended(node, &table, now: now)
    }

    /// A node is heard for the first time, or again.
    mutating func appeared(_ node: NodeID) -> [Telling] {
        var said: [Telling] = []
        hearing.appeared(node, &said)
        return said
    }

    /// Nobody here watches the topic any more.
    mutating func forget(_ topic: ByteSlice, _ table: inout PresenceTable, now: UInt64) {
        hearing.forget(topic, &table, now: now)
    }
}
