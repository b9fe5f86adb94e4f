// Presence in the topics that one worker owns: when graces end and when messages are due, with the
// clock passed in (nanoseconds of any steady clock, never going back). Who is where is in
// `PresenceTopic`. Confined to its owner; sends nothing and knows no socket.
//
// How often is told: a topic's change at once where its last message is an interval old, else when
// it is; changes meanwhile go together. The interval is `PresenceLimits.intervalMilliseconds`, and
// more where that would send more than `messagesPerSecondMax`: 10,000 who join a topic within ten
// seconds cause about 100,000 messages, not 50 million.

import MizuBytes

/// Members, connections and graces by topic. One owner, one thread.
public struct PresenceTable: ~Copyable {
    private let limits: PresenceLimits
    private let tellsNobody: Bool
    private var topics: [ByteSlice: PresenceTopic] = [:]
    /// Topics that have something to tell, each once.
    private var changed: ContiguousArray<PresenceTopic> = []
    /// When these are looked at next; nil where there is none.
    private var lookDue: UInt64?
    /// No look comes earlier than this.
    private var nextLook: UInt64 = 0
    /// In the order of their ends, because every grace is as long; those before `graceStart` are
    /// over.
    private var graces: ContiguousArray<Grace> = []
    private var graceStart = 0
    private var lastVersion = 0

    private struct Grace {
        let deadline: UInt64
        let topic: ByteSlice
        let member: ByteSlice
    }

    /// Nanoseconds from one look at all changed topics to the next: many quiet topics that change
    /// one after the other are not all looked at each time.
    private static let lookNanoseconds: UInt64 = 10_000_000
    /// Messages made in one call of `advance`; the rest comes in the next.
    private static let newsMax = 256
    /// The same in bytes, roughly.
    private static let newsBytesMax = 1 << 20

    /// - Parameter tellsNobody: what has changed is told also where nobody is left in a topic to be
    ///   told of it: somebody else keeps a list.
    public init(limits: PresenceLimits = PresenceLimits(), tellsNobody: Bool = false) {
        self.limits = limits
        self.tellsNobody = tellsNobody
    }

    /// Topics that anybody is in, watches, or has left untold.
    public var topicCount: Int { topics.count }

    // MARK: Coming and going

    /// Enters a connection into a topic, or changes as whom it is there.
    /// - Parameters:
    ///   - name: copied if the topic is new.
    ///   - entry: how its member is shown from now on; nil to watch without being shown.
    /// - Returns: nil where there are `topicsMax` topics; nothing changed.
    public mutating func enter(
        _ connection: PresenceConnection, _ name: ByteSlice, as entry: PresenceEntry?,
        now: UInt64
    ) -> PresenceEntrance? {
        guard let topic = topics[name] ?? addTopic(name) else { return nil }
        let isShown = topic.enter(connection, as: entry, membersMax: limits.membersMax)
        noteChanges(of: topic, now)
        return PresenceEntrance(list: topic.toldList(), isShown: isShown)
    }

    /// Ends a connection's part in a topic at once: it has unsubscribed, or may no longer be there.
    public mutating func leave(
        _ connection: PresenceConnection, _ name: ByteSlice, now: UInt64
    ) {
        guard let topic = topics[name] else { return }
        topic.leave(connection)
        settle(topic, now)
    }

    /// A connection broke off: if it was its member's last one, the grace begins.
    public mutating func lose(_ connection: PresenceConnection, _ name: ByteSlice, now: UInt64) {
        guard limits.graceMilliseconds > 0 else { return leave(connection, name, now: now) }
        guard let topic = topics[name] else { return }
        let deadline = now.addingSaturating(limits.graceMilliseconds.saturatingNanoseconds)
        if let member = topic.lose(connection, until: deadline) {
            graces.append(Grace(deadline: deadline, topic: topic.name, member: member))
        }
        settle(topic, now)
    }

    private mutating func addTopic(_ name: ByteSlice) -> PresenceTopic? {
        guard topics.count < limits.topicsMax else { return nil }
        let name = name.compacted
        let topic = PresenceTopic(name, version: lastVersion)
        topics[name] = topic
        return topic
    }

    private mutating func settle(_ topic: PresenceTopic, _ now: UInt64) {
        noteChanges(of: topic, now)
        forgetIfEmpty(topic)
    }

    private mutating func forgetIfEmpty(_ topic: PresenceTopic) {
        if topic.isEmpty, topics[topic.name] === topic { topics[topic.name] = nil }
    }

    /// Has the topic looked at when its next message may go.
    private mutating func noteChanges(of topic: PresenceTopic, _ now: UInt64) {
        guard topic.hasChanges, !topic.isListed else { return }
        topic.isListed = true
        let interval = limits.interval(subscribers: topic.watcherCount)
        topic.due = max(now, topic.toldAt.map { $0.addingSaturating(interval) } ?? now)
        changed.append(topic)
        lookDue = min(lookDue ?? .max, max(topic.due, nextLook))
    }

    // MARK: Asking

    /// Who is in a topic as its last message left it; nil where there is no such topic.
    public func list(of name: ByteSlice) -> PresenceList? { topics[name]?.toldList() }

    /// At which version a topic is, and how many members were told then. Of a topic that is not
    /// there it is the version that it would begin with, so that versions only grow. O(1).
    public func told(_ name: ByteSlice) -> (version: Int, count: Int) {
        topics[name].map { ($0.version, $0.toldCount) } ?? (lastVersion, 0)
    }

    /// The entries of the members that were told, as JSON, in the order in which they came.
    /// O(members · log members).
    public func toldEntries(of name: ByteSlice) -> (version: Int, entries: [ByteSlice]) {
        topics[name].map { ($0.version, $0.toldEntries()) } ?? (lastVersion, [])
    }

    /// The members of a topic as they are now, in the order in which they came.
    /// O(members · log members).
    public func members(of name: ByteSlice) -> [PresenceEntry] {
        topics[name]?.currentMembers() ?? []
    }

    // MARK: Time

    /// When `advance` has something to do; nil: not before something happens.
    public var next: UInt64? {
        let grace = graceStart < graces.count ? graces[graceStart].deadline : nil
        guard let lookDue else { return grace }
        return min(lookDue, grace ?? .max)
    }

    /// Ends the graces that are over and makes the messages that are due. Cheap where there is
    /// nothing. Those of one topic come in the order of their versions.
    public mutating func advance(to now: UInt64) -> [PresenceNews] {
        endGraces(now)
        guard let lookDue, now >= lookDue else { return [] }
        var news: [PresenceNews] = []
        var byteCount = 0
        var waiting: ContiguousArray<PresenceTopic> = []
        for topic in changed {
            guard topic.due <= now, news.count < Self.newsMax, byteCount < Self.newsBytesMax
            else {
                waiting.append(topic)
                continue
            }
            topic.isListed = false
            if let told = topic.tell(as: lastVersion + 1, at: now, limits: limits) {
                lastVersion += 1
                byteCount += told.byteCount
                // Nobody is there to be told of the last one who left.
                if topic.watcherCount > 0 || tellsNobody { news.append(told) }
            }
            forgetIfEmpty(topic)
        }
        changed = waiting
        nextLook = now.addingSaturating(Self.lookNanoseconds)
        let earliest = waiting.map(\.due).min()
        self.lookDue = earliest.map { $0 <= now ? now : max($0, nextLook) }
        return news
    }

    private mutating func endGraces(_ now: UInt64) {
        while graceStart < graces.count, graces[graceStart].deadline <= now {
            let grace = graces[graceStart]
            graceStart += 1
            guard let topic = topics[grace.topic] else { continue }
            topic.graceEnded(grace.member, deadline: grace.deadline)
            settle(topic, now)
        }
        if graceStart > 64, graceStart * 2 > graces.count {
            graces.removeFirst(graceStart)
            graceStart = 0
        }
    }
}

extension PresenceNews {
    /// Bytes of its message, roughly.
    fileprivate var byteCount: Int {
        switch content {
        case .changes(let joined, let left):
            (joined + left).reduce(128) { $0 + $1.count + 3 }
        case .countAlone: 128
        case .members(let all): 128 + all.count
        }
    }
}
