// Log entries as commits would have told them: what a store's log says where nobody did. From what
// a node has missed (StoreNews+CatchUp), and from what a reader has read for a pull, so that the
// next one finds it in memory. Any thread.

import MizuBytes
import MizuSync
import MizuWire

/// Log entries put together as one run of changes.
struct LogRun: ~Copyable {
    private(set) var cursor: Int
    private var buffer = ByteBuffer(capacity: 4 << 10)
    private var ends: [Int] = []
    private var borders: [Int] = []
    /// Whose grant was changed, with the role they have now.
    private var roles: [(user: Name, role: String?)] = []

    init(after cursor: Int) {
        self.cursor = cursor
    }

    var byteCount: Int { buffer.count }

    /// Adds what an entry has behind `cursor`.
    mutating func take(_ entry: LogEntry) {
        // A log has no gap; what a damaged one has is not told.
        guard entry.first <= cursor + 1, entry.last > cursor else { return }
        let skipped = cursor + 1 - entry.first
        guard skipped >= 0, skipped < entry.ends.count else { return }
        var from = skipped == 0 ? 0 : entry.ends[skipped - 1] + 1
        for index in skipped..<entry.ends.count {
            let end = entry.ends[index]
            guard from <= end, end <= entry.bytes.count else { return }
            if buffer.count > 0 { buffer.append(UInt8(ascii: ",")) }
            let change = entry.bytes[from..<end]
            buffer.append(change)
            ends.append(buffer.count)
            note(change)
            from = end + 1
        }
        borders += entry.borders.filter { $0 > cursor }
        cursor = entry.last
    }

    /// Most changes are not of grants, and are looked through once.
    private mutating func note(_ change: ByteSlice) {
        guard let json = try? JSON.parse(change), let entity = json.member("entity")?.string,
            entity == GrantRecord.entity.string,
            let user = json.member("id")?.string.flatMap({ Name($0) })
        else { return }
        roles.append((user, json.member("data").flatMap { GrantRecord($0) }?.role))
    }

    /// - Parameter rights: what a role's holder may do.
    func finish(
        _ scope: Name, base: Position, epoch: Name, checksum: ScopeChecksum?,
        rights: (String?) -> Right?
    ) -> CommittedChanges {
        var changed: [Name: RightsChange] = [:]
        for (user, role) in roles {
            // What they had before is not in the log: as if it had been everything.
            changed[user] = RightsChange(user: user, before: .manage, after: rights(role))
        }
        return CommittedChanges(
            scope: scope, base: base, head: Position(cursor: cursor, epoch: epoch),
            bytes: ByteSlice(copying: buffer.readable), ends: ends, borders: borders,
            checksum: checksum,
            // Nobody knows who they were.
            isByReaders: false, changedRights: Array(changed.values))
    }
}

extension SyncService {
    /// Reads what a pull wants, and leaves in the tail what it says of the log's end: after a
    /// restart thousands come back to the same scope. Where others write to the store, and nobody
    /// tells what they wrote because no socket here follows the scope, a short page stays there
    /// itself. On a reader's thread.
    /// - Parameters:
    ///   - position: a copy of the store that reaches it will do.
    ///   - moment: taken before.
    func readChanges(
        _ request: PullRequest, from reader: any SyncReader, reaching position: Position? = nil,
        since moment: LogTail.Moment
    ) throws(StoreError) -> Result<PullPage, Refusal> {
        let read = try reader.read(
            request, limits: limits, reaching: position,
            keeping: isShared ? limits.tailPageBytesMax : 0)
        guard let head = read.head else { return read.answer }
        guard !read.entries.isEmpty else {
            tail.learn(head, of: request.scope, since: moment)
            return read.answer
        }
        var run = LogRun(after: request.cursor)
        for entry in read.entries { run.take(entry) }
        guard run.cursor == head.cursor else {
            tail.learn(head, of: request.scope, since: moment)
            return read.answer
        }
        let base = Position(cursor: request.cursor, epoch: request.epoch ?? head.position.epoch)
        let changes = run.finish(
            request.scope, base: base, epoch: head.position.epoch, checksum: head.checksum,
            // Whose grant it is is enough to know.
            rights: { _ in nil })
        // First, as after a commit: what was decided before them does not hold behind them.
        access.noteGrants([changes])
        tail.learn(head, of: request.scope, with: changes, since: moment)
        return read.answer
    }
}
