// Who is in one topic: members, their connections, and the difference between what is so and what
// was told. That difference is all that is kept of the past: who came and left between two messages
// is in neither, and nobody can see a leave before its join.
//
//             ┌────enter────►      ──last one lost──►
//      absent                 here                    broken
//        ▲    ◄─last one left─      ◄─────enter─────    │
//        └──────────────────grace is over───────────────┘
//
//   here:   at least one connection
//   broken: none, and its grace runs
//   absent: forgotten once that is told
//
// Confined to the table that owns it. Knows no clock; deadlines are the table's.

import MizuBytes

final class PresenceTopic {
    let name: ByteSlice
    /// When its next message is due; means something while `hasChanges`.
    var due: UInt64 = 0
    /// Whether its table has it among those that have something to tell.
    var isListed = false
    /// When its last message was made; nil before the first.
    private(set) var toldAt: UInt64?
    /// The number of the last message; of the table's last one where there was none.
    private(set) var version: Int
    private(set) var hereCount = 0
    /// Every connection that watches, with its member's id; the empty one for who is not shown.
    private var connections: [PresenceConnection: ByteSlice] = [:]
    private var members: [ByteSlice: Member] = [:]
    /// Ids of members whose entry may differ from what was told.
    private var changed: [ByteSlice] = []
    private(set) var toldCount = 0
    private var toldBytes = 0
    private var naming = Naming.byName
    private var lastNumber = 0
    /// The list at `version`, once somebody has asked for it.
    private var list: PresenceList?

    private enum Naming { case byName, byCount }

    private struct Member {
        /// In the order in which they came.
        let number: Int
        var entry: PresenceEntry
        /// The entry that was published last, as JSON; nil: none.
        var told: ByteSlice?
        var connectionCount = 0
        /// When its grace ends; nil where none runs.
        var leavesAt: UInt64?
        var isChanged = false

        var isHere: Bool { connectionCount > 0 || leavesAt != nil }
    }

    init(_ name: ByteSlice, version: Int) {
        self.name = name
        self.version = version
    }

    var hasChanges: Bool { !changed.isEmpty }
    var watcherCount: Int { connections.count }
    /// Nobody is here, nobody watches and all is told.
    var isEmpty: Bool { connections.isEmpty && members.isEmpty }

    // MARK: Coming and going

    /// Enters a connection, or changes as whom it is here. O(1).
    /// - Parameter entry: nil to watch without being shown.
    /// - Returns: whether it is shown.
    func enter(
        _ connection: PresenceConnection, as entry: PresenceEntry?, membersMax: Int
    ) -> Bool {
        let before = connections[connection]
        if let before, before != entry?.id { leave(connection) }
        guard let entry, admit(entry, membersMax: membersMax) else {
            connections[connection] = .empty
            return false
        }
        if before != entry.id { members[entry.id]?.connectionCount += 1 }
        members[entry.id]?.leavesAt = nil
        connections[connection] = entry.id
        return true
    }

    /// Makes the member exist, shown as `entry` has it.
    private func admit(_ entry: PresenceEntry, membersMax: Int) -> Bool {
        let isHere = members[entry.id]?.isHere ?? false
        guard isHere || hereCount < membersMax else { return false }
        if members[entry.id] == nil {
            lastNumber += 1
            members[entry.id] = Member(number: lastNumber, entry: entry)
        }
        members[entry.id]?.entry = entry
        if !isHere { hereCount += 1 }
        if !isHere || members[entry.id]?.told != entry.json { noteChange(of: entry.id) }
        return true
    }

    /// Ends a connection's part; its member leaves with its last one, at once. O(1).
    func leave(_ connection: PresenceConnection) {
        guard let id = connections.removeValue(forKey: connection), !id.isEmpty,
            let left = removeConnection(of: id), left == 0
        else { return }
        end(id)
    }

    /// The same for a connection that broke off: its member gets until `deadline` to come back.
    /// - Returns: the member whose grace begins; nil where it has another connection.
    func lose(_ connection: PresenceConnection, until deadline: UInt64) -> ByteSlice? {
        guard let id = connections.removeValue(forKey: connection), !id.isEmpty,
            let left = removeConnection(of: id), left == 0
        else { return nil }
        members[id]?.leavesAt = deadline
        return id
    }

    /// Ends the grace of a member that began with this deadline; nothing happens where it came
    /// back.
    func graceEnded(_ id: ByteSlice, deadline: UInt64) {
        guard let member = members[id], member.connectionCount == 0, member.leavesAt == deadline
        else { return }
        members[id]?.leavesAt = nil
        end(id)
    }

    /// - Returns: how many the member has left.
    private func removeConnection(of id: ByteSlice) -> Int? {
        members[id]?.connectionCount -= 1
        return members[id]?.connectionCount
    }

    private func end(_ id: ByteSlice) {
        hereCount -= 1
        noteChange(of: id)
    }

    private func noteChange(of id: ByteSlice) {
        guard members[id]?.isChanged == false else { return }
        members[id]?.isChanged = true
        changed.append(id)
    }

    // MARK: Telling

    /// Takes what has changed since the last message. O(changes), and O(members) where they begin
    /// to be named again.
    /// - Returns: nil where that cancels out.
    func tell(as next: Int, at now: UInt64, limits: PresenceLimits) -> PresenceNews? {
        var (joined, left): ([ByteSlice], [ByteSlice]) = ([], [])
        for id in changed {
            guard let member = members[id] else { continue }
            members[id]?.isChanged = false
            if member.isHere {
                let json = member.entry.json
                guard member.told != json else { continue }
                joined.append(json)
                count(json, 1)
                if let told = member.told { count(told, -1) }
                members[id]?.told = json
            } else {
                members[id] = nil
                guard let told = member.told else { continue }
                left.append(id)
                count(told, -1)
            }
        }
        changed.removeAll()
        guard !joined.isEmpty || !left.isEmpty else { return nil }
        let base = version
        version = next
        toldAt = now
        list = nil
        let content = content(joined, left, limits)
        return PresenceNews(
            topic: name, base: base, version: next, content: content, count: toldCount)
    }

    private func count(_ json: ByteSlice, _ sign: Int) {
        toldCount += sign
        toldBytes += sign * (json.count + 1)
    }

    /// Names come back at three quarters of their limit, so that a topic at the limit does not send
    /// whole lists for ever.
    private func content(
        _ joined: [ByteSlice], _ left: [ByteSlice], _ limits: PresenceLimits
    ) -> PresenceNews.Content {
        let (countMax, bytesMax) = (limits.namedMembersMax, limits.namedBytesMax)
        switch naming {
        case .byName where toldCount > countMax || toldBytes > bytesMax:
            naming = .byCount
        case .byCount where toldCount <= countMax / 4 * 3 && toldBytes <= bytesMax / 4 * 3:
            naming = .byName
            return .members(toldList().members ?? .empty)
        case .byName: return .changes(joined: joined, left: left)
        case .byCount: break
        }
        return .countAlone
    }

    /// Who is here as far as it was told. O(1), the first time after a message O(members).
    func toldList() -> PresenceList {
        if let list { return list }
        let fresh = PresenceList(
            version: version, members: naming == .byName ? publishedJSON() : nil,
            count: toldCount)
        list = fresh
        return fresh
    }

    /// The members who are here now, in the order in which they came. O(members · log members).
    func currentMembers() -> [PresenceEntry] {
        members.values.filter(\.isHere).sorted { $0.number < $1.number }.map(\.entry)
    }

    /// The entries that were published last, in the order in which their members came.
    func toldEntries() -> [ByteSlice] {
        var entries: [(number: Int, json: ByteSlice)] = []
        for member in members.values {
            if let json = member.told { entries.append((member.number, json)) }
        }
        return entries.sorted { $0.number < $1.number }.map(\.json)
    }

    /// The same as JSON with commas between.
    private func publishedJSON() -> ByteSlice {
        let entries = toldEntries()
        var text = ByteBuffer(capacity: entries.reduce(1) { $0 + $1.count + 1 })
        for (index, entry) in entries.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text.append(entry)
        }
        return text.finish()
    }
}
