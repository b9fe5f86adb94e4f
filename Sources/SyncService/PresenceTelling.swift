// What one node tells the others of its own members, for the topics that one worker owns: a log
// for each topic, with versions that only grow. What is told may be lost, so it is said again
// which version is the last: after one beat, two, four and so on up to sixteen, from the last
// change on (variable heartbeats: Holbrook, Singhal and Cheriton, "Log-Based Receiver-Reliable
// Multicast", SIGCOMM 1995). Who hears a version that it does not have asks for the list.
//
//   a change ──► told ──1 beat──► its version ──2──► again ──4──► … ──16──► again, for as long as
//     ▲           │                                                        there are members
//     └───────────┘       nobody is left: an empty list in its place, until 16 beats have passed
//
//   asked for the list ──► listing: some parts ──pause by their bytes──► more ──► all sent
//                             └──asked meanwhile: once more when all are sent
//
// A list is told in parts, and of one topic at most so many bytes a second, however often it is
// asked for: who asks again adopts the parts that it has. Confined to its worker; sends nothing.

import MizuBytes
import MizuTopics

/// This node's part of presence over nodes. One owner, one thread.
struct PresenceTelling: ~Copyable {
    private var own: PresenceTable
    /// When the version of a topic is said again.
    private var repeats: [ByteSlice: Repeat] = [:]
    private var listings: [ByteSlice: Listing] = [:]
    /// When one of these has something to say.
    private var listingDue: UInt64?
    private let listingPause: UInt64
    private let repeatsMax: Int

    /// In beats.
    private struct Repeat {
        var wait = 1
        var left = 1
    }

    private struct Listing {
        var version = 0
        var parts: [ByteSlice] = []
        var sent = 0
        var isWanted = true
        /// When it goes on, or may begin again.
        var due: UInt64

        var isSent: Bool { sent == parts.count }
        var isIdle: Bool { isSent && !isWanted }
    }

    /// Bytes of entries in one message. A change with more is told by its version.
    static let partBytesMax = 256 << 10
    /// Parts of one topic that are told at once.
    private static let partsAtOnce = 4
    /// Nanoseconds for each byte of a list: 4 MiB a second.
    private static let nanosecondsPerByte: UInt64 = 239
    /// Bytes of lists in one call of `advance`, roughly; the rest comes in the next.
    private static let advanceBytesMax = 2 << 20
    /// Beats between two repetitions at most.
    static let waitMax = 16

    init(limits: PresenceLimits) {
        var all = limits
        // By name, however many: the limits of what sockets are told are the other table's.
        (all.namedMembersMax, all.namedBytesMax) = (.max, .max)
        own = PresenceTable(limits: all, tellsNobody: true)
        listingPause = min(limits.intervalMilliseconds, 60_000) * 1_000_000
        repeatsMax = min(limits.topicsMax, 1 << 30) * 2
    }

    // MARK: Own members

    mutating func enter(
        _ connection: PresenceConnection, _ topic: ByteSlice, as entry: PresenceEntry?, now: UInt64
    ) {
        guard let entry else { return own.leave(connection, topic, now: now) }
        _ = own.enter(connection, topic, as: entry, now: now)
    }

    mutating func leave(_ connection: PresenceConnection, _ topic: ByteSlice, now: UInt64) {
        own.leave(connection, topic, now: now)
    }

    mutating func lose(_ connection: PresenceConnection, _ topic: ByteSlice, now: UInt64) {
        own.lose(connection, topic, now: now)
    }

    // MARK: Telling

    /// Whether anything waits for a beat.
    var hasBeats: Bool { !repeats.isEmpty }

    /// When `advance` has something to do.
    var next: UInt64? { [own.next, listingDue].compactMap { $0 }.min() }

    /// Makes what is to be told of changes and of lists that were asked for.
    mutating func advance(to now: UInt64, _ said: inout [SharedPresence.Telling]) {
        for news in own.advance(to: now) {
            if news.count > 0 || repeats[news.topic] != nil || repeats.count < repeatsMax {
                repeats[news.topic] = Repeat()
            }
            said.append((news.topic, Self.share(news)))
        }
        if let due = listingDue, due <= now { advanceListings(now, &said) }
    }

    private static func share(_ news: PresenceNews) -> PresenceShare {
        guard case .changes(let joined, let left) = news.content,
            (joined + left).reduce(0, { $0 + $1.count }) <= partBytesMax
        else { return .version(news.version) }
        // All that there are: whoever missed what was before need not ask.
        if joined.count == news.count {
            return .list(version: news.version, part: 0, of: 1, members: array(joined))
        }
        return .changes(
            base: news.base, version: news.version, joined: array(joined), left: left)
    }

    /// Says again which versions are the last.
    mutating func beat(now: UInt64, _ said: inout [SharedPresence.Telling]) {
        for (topic, last) in repeats {
            guard last.left <= 1 else {
                repeats[topic]?.left = last.left - 1
                continue
            }
            let isOver = last.wait >= Self.waitMax
            let wait = isOver ? Self.waitMax : last.wait * 2
            let share = version(of: topic)
            // That nobody is left is not said for ever.
            repeats[topic] = isOver && share.isEmptyList ? nil : Repeat(wait: wait, left: wait)
            said.append((topic, share))
        }
        for (topic, listing) in listings where listing.isIdle && listing.due <= now {
            listings[topic] = nil
        }
    }

    /// Has every version said again soon: others may have missed what was told, or counted this
    /// node out.
    mutating func repeatAll() {
        for topic in repeats.keys { repeats[topic] = Repeat() }
    }

    /// Where a topic's log is; that of nobody is told whole.
    func version(of topic: ByteSlice) -> PresenceShare {
        let told = own.told(topic)
        return told.count == 0
            ? .list(version: told.version, part: 0, of: 1, members: "[]") : .version(told.version)
    }

    // MARK: Lists

    /// Somebody lacks the list of a topic.
    /// - Returns: what is to be told at once.
    mutating func wantList(of topic: ByteSlice, now: UInt64) -> PresenceShare? {
        let share = version(of: topic)
        if share.isEmptyList { return share }
        let due = listings[topic]?.due ?? now
        listings[topic.compacted, default: Listing(due: now)].isWanted = true
        listingDue = min(listingDue ?? .max, max(due, now))
        return nil
    }

    private mutating func advanceListings(
        _ now: UInt64, _ said: inout [SharedPresence.Telling]
    ) {
        var (next, byteCount) = (UInt64.max, 0)
        for topic in listings.keys {
            guard var listing = listings[topic], !listing.isIdle else { continue }
            guard listing.due <= now, byteCount < Self.advanceBytesMax else {
                next = min(next, listing.due)
                continue
            }
            if listing.isSent {
                let list = own.toldEntries(of: topic)
                listing = Listing(
                    version: list.version, parts: Self.parts(list.entries), isWanted: false,
                    due: now)
            }
            var bytes: UInt64 = 0
            for part in listing.parts[listing.sent...].prefix(Self.partsAtOnce) {
                said.append(
                    (
                        topic,
                        .list(
                            version: listing.version, part: listing.sent, of: listing.parts.count,
                            members: part)
                    ))
                listing.sent += 1
                bytes += UInt64(part.count)
            }
            byteCount += Int(bytes)
            listing.due = now + max(listingPause, bytes * Self.nanosecondsPerByte)
            listings[topic] = listing
            if !listing.isIdle { next = min(next, listing.due) }
        }
        listingDue = next == .max ? nil : next
    }

    private static func parts(_ entries: [ByteSlice]) -> [ByteSlice] {
        var parts: [ByteSlice] = []
        var (start, byteCount) = (0, 0)
        for (index, entry) in entries.enumerated() {
            if byteCount + entry.count > partBytesMax, index > start {
                parts.append(array(Array(entries[start..<index])))
                (start, byteCount) = (index, 0)
            }
            byteCount += entry.count + 1
        }
        parts.append(array(Array(entries[start...])))
        return parts
    }

    private static func array(_ values: [ByteSlice]) -> ByteSlice {
        var text = ByteBuffer(capacity: values.reduce(2) { $0 + $1.count + 1 })
        text.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text.append(value)
        }
        text.append(UInt8(ascii: "]"))
        return text.finish()
    }
}
