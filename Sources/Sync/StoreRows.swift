// What a store keeps, as values: the rows that the engine writes and that readers read. Their
// meaning is protocol.md's; a store moves them and does not look inside.

import MizuBytes

/// Which record: the scope is given beside it.
public struct RecordKey: Hashable, Comparable, Sendable {
    public let entity: Name
    public let id: Name

    public init(entity: Name, id: Name) {
        self.entity = entity
        self.id = id
    }

    public static func < (left: RecordKey, right: RecordKey) -> Bool {
        left.entity == right.entity ? left.id < right.id : left.entity < right.entity
    }
}

/// The state of a scope's log.
public struct ScopeState: Hashable, Sendable {
    /// The last change's cursor, 0 before the first, and the epoch it was written in (the store's
    /// own before the first).
    public var head: Position
    /// Changes up to here are trimmed; 0 where none is.
    public var base: Int
    /// Records in the scope now.
    public var recordCount: Int
    /// Of these records.
    public var checksum: ScopeChecksum
    /// Their bytes: JSON, entity and id.
    public var byteCount: Int
    /// Bytes of the changes in the log.
    public var logByteCount: Int
    /// Who made the scope; nil where that is nobody's account.
    public var owner: Account?

    public init(
        head: Position, base: Int, recordCount: Int, checksum: ScopeChecksum, byteCount: Int,
        logByteCount: Int, owner: Account?
    ) {
        self.head = head
        self.base = base
        self.recordCount = recordCount
        self.checksum = checksum
        self.byteCount = byteCount
        self.logByteCount = logByteCount
        self.owner = owner
    }

    /// A scope that was never written to, in a store of this epoch.
    public init(unwrittenIn epoch: Name) {
        self.init(
            head: Position(cursor: 0, epoch: epoch), base: 0, recordCount: 0, checksum: .empty,
            byteCount: 0, logByteCount: 0, owner: nil)
    }
}

/// A record as it is stored.
public struct StoredRecord: Hashable, Sendable {
    public let json: ByteSlice
    /// The cursor of the change that wrote it last; 0 where it is from before versions were kept.
    public let version: Int

    public init(json: ByteSlice, version: Int) {
        self.json = json
        self.version = version
    }
}

/// What is counted over all scopes.
public struct StoreTotals: Hashable, Sendable {
    /// The time that the store has lived through (`AgingClock`).
    public var agingMilliseconds: Int64
    public var outcomeCount: Int

    static let none = StoreTotals(agingMilliseconds: 0, outcomeCount: 0)

    public init(agingMilliseconds: Int64, outcomeCount: Int) {
        self.agingMilliseconds = agingMilliseconds
        self.outcomeCount = outcomeCount
    }
}

/// The changes of neighbouring mutations. The engine appends one mutation at a time; a store may
/// keep, and give back, several as one. A mutation is the unit in which pages end and logs are
/// trimmed.
public struct LogEntry: Sendable {
    /// The cursor of the first change.
    public let first: Int
    /// The changes as JSON objects, comma-joined.
    public let bytes: ByteSlice
    /// Where in `bytes` each change ends; `last - first + 1` numbers.
    public let ends: [Int]
    /// Cursors of the last change of each mutation, ascending; never empty.
    public let borders: [Int]
    /// When each mutation was applied, by the store's own time (`AgingClock`). Readers are told the
    /// last one alone.
    public let timesMilliseconds: [Int64]

    /// The cursor of the last change.
    public var last: Int { first + ends.count - 1 }
    /// When the last mutation was applied.
    public var timeMilliseconds: Int64 { timesMilliseconds.last ?? 0 }
    /// Bytes of the changes, without the commas between mutations: what a scope's log is counted
    /// in (`ScopeState.logByteCount`).
    public var changeByteCount: Int { bytes.count - (borders.count - 1) }

    /// One mutation.
    public init(
        first: Int, last: Int, timeMilliseconds: Int64, bytes: ByteSlice, ends: [Int]
    ) {
        self.init(
            first: first, bytes: bytes, ends: ends, borders: [last],
            timesMilliseconds: [timeMilliseconds])
    }

    public init(
        first: Int, bytes: ByteSlice, ends: [Int], borders: [Int], timesMilliseconds: [Int64]
    ) {
        assert(borders.last == first + ends.count - 1, "the last change ends a mutation")
        self.first = first
        self.bytes = bytes
        self.ends = ends
        self.borders = borders
        self.timesMilliseconds = timesMilliseconds
    }

    /// How many bytes `slice` has.
    func byteCount(after cursor: Int, through end: Int) -> Int {
        let start = max(0, cursor + 1 - first)
        let stop = min(ends.count, end + 1 - first)
        guard start < stop else { return 0 }
        return ends[stop - 1] - (start == 0 ? 0 : ends[start - 1] + 1)
    }

    /// The bytes of the changes above `cursor`, up to and with the one at `end`.
    func slice(after cursor: Int, through end: Int) -> ByteSlice {
        let start = max(0, cursor + 1 - first)
        let stop = min(ends.count, end + 1 - first)
        guard start < stop else { return .empty }
        // Between two changes stands one comma.
        return bytes[(start == 0 ? 0 : ends[start - 1] + 1)..<ends[stop - 1]]
    }
}

/// What trimming must know of a log entry.
public struct OldEntry: Hashable, Sendable {
    /// The last change's cursor.
    public let last: Int
    public let timeMilliseconds: Int64
    /// Of its changes.
    public let byteCount: Int

    public init(last: Int, timeMilliseconds: Int64, byteCount: Int) {
        self.last = last
        self.timeMilliseconds = timeMilliseconds
        self.byteCount = byteCount
    }
}

/// What was decided about a mutation, kept so that a retry is told the same.
public struct StoredOutcome: Hashable, Sendable {
    public enum Verdict: Hashable, Sendable {
        /// The position told in the result.
        case applied(Position)
        case refused(Rejection)
    }

    public let verdict: Verdict
    /// Of the mutation's name and arguments.
    public let fingerprint: Fingerprint
    /// Who pushed it; nil for nobody, and then anybody may ask again.
    public let user: Name?
    public let client: Name?
    /// Which one of its client's outcomes this is, from 1; 0 without a client.
    public let clientSequence: Int
    /// When `SyncEngine.trim` next looks at it, by the store's own time.
    public let reviewMilliseconds: Int64

    public init(
        verdict: Verdict, fingerprint: Fingerprint, user: Name?, client: Name?,
        clientSequence: Int, reviewMilliseconds: Int64
    ) {
        self.verdict = verdict
        self.fingerprint = fingerprint
        self.user = user
        self.client = client
        self.clientSequence = clientSequence
        self.reviewMilliseconds = reviewMilliseconds
    }
}

/// How full the store's disk is.
public struct DiskSpace: Hashable, Sendable {
    public let freeBytes: Int
    public let totalBytes: Int

    public init(freeBytes: Int, totalBytes: Int) {
        self.freeBytes = freeBytes
        self.totalBytes = totalBytes
    }
}

/// What is known of a client in one scope.
public struct ClientState: Hashable, Sendable {
    /// Its owner; nil while nobody has signed in. The same in each scope that it pushed to.
    public var user: Name?
    /// By the store's own time.
    public var lastPushMilliseconds: Int64
    /// Outcomes it has had in this scope.
    public var outcomeCount: Int

    public init(user: Name?, lastPushMilliseconds: Int64, outcomeCount: Int) {
        self.user = user
        self.lastPushMilliseconds = lastPushMilliseconds
        self.outcomeCount = outcomeCount
    }
}
