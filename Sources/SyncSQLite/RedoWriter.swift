// Writes a transaction's rows as one redo record, the payload of the commit journal (engine.md,
// "Folding"). Each row is encoded when it is written, so that a savepoint is a length to come back
// to. What neighbouring rows have in common (scope, epoch, user, client, entity) is said once.
//
//   record:  version (1) · row…          row:  tag · fields
//   number:  zigzag LEB128               hash: 8 bytes, little-endian
//   name:    length 1…128 · bytes        text: number · bytes
//   name that may repeat: 0 for none, 255 for the last one of its kind, else as a name
//
// A record's JSON stands in the changes of the log entry before it, where it does.

import MizuBytes
import MizuSync

/// The form of redo records.
enum RedoFormat {
    static let version: UInt8 = 1
    static let noName: UInt8 = 0
    static let sameName: UInt8 = 255

    enum Tag: UInt8 {
        /// Which scope the rows behind it are of.
        case scope = 1
        case state, epoch, entry, trim
        case record, recordInEntry, noRecord
        case outcome, noOutcome
        case client, noClient
        case account, totals
        /// A checkpoint of everything through a sequence number begins; alone in its record.
        case checkpoint
    }

    /// The kinds of names that repeat.
    enum NameKind { case epoch, user, client, entity }

    /// The last name of each kind.
    struct LastNames {
        private var epoch, user, client, entity: Name?

        subscript(kind: NameKind) -> Name? {
            get {
                switch kind {
                case .epoch: epoch
                case .user: user
                case .client: client
                case .entity: entity
                }
            }
            set {
                switch kind {
                case .epoch: epoch = newValue
                case .user: user = newValue
                case .client: client = newValue
                case .entity: entity = newValue
                }
            }
        }
    }
}

/// Confined to the committer's thread.
struct RedoWriter: ~Copyable {
    /// What has been said and need not be said again.
    struct Context {
        var scope: Name?
        var names = RedoFormat.LastNames()
        /// The changes of the last entry, if it was of `scope`.
        var entry: ByteSlice?
    }

    /// A place to come back to. What was said before it is not kept for that, because each mutation
    /// makes such a place, and nearly none comes back: who does says names again.
    struct Mark {
        fileprivate let count: Int
    }

    private var buffer: ByteBuffer
    private var context = Context()

    /// More is not kept for the next transaction.
    private static let keptBytes = 16 << 10

    init() { buffer = ByteBuffer(capacity: Self.keptBytes) }

    var isEmpty: Bool { buffer.isEmpty }
    var byteCount: Int { buffer.count }
    var mark: Mark { Mark(count: buffer.count) }

    mutating func rollBack(to mark: Mark) {
        buffer.truncate(to: mark.count)
        context = Context()
    }

    /// Hands over the record and begins the next one.
    mutating func take() -> ByteSlice {
        context = Context()
        return buffer.takeSlice(leaving: Self.keptBytes)
    }

    mutating func removeAll() {
        context = Context()
        buffer.removeAll()
    }

    /// Whether the JSON is a part of the scope's last entry here.
    func hasInEntry(_ json: ByteSlice, of scope: Name) -> Bool {
        context.scope == scope && context.entry?.offset(of: json) != nil
    }

    mutating func write(_ change: RowChange) {
        if buffer.isEmpty { buffer.append(RedoFormat.version) }
        switch change {
        case .scopeState(let state, let scope): write(state, of: scope)
        case .epoch(let epoch, let first, let scope):
            begin(.epoch, in: scope)
            write(epoch, as: .epoch)
            write(first)
        case .entry(let entry, let scope): write(entry, of: scope)
        case .trim(let base, let scope):
            begin(.trim, in: scope)
            write(base)
        case .record(let record, let key, let scope): write(record, key, in: scope)
        case .outcome(let outcome, let mutation, let scope):
            write(outcome, of: mutation, in: scope)
        case .client(let state, let client, let scope):
            begin(state == nil ? .noClient : .client, in: scope)
            write(client, as: .client)
            guard let state else { return }
            write(state.user, as: .user)
            write(Int(state.lastPushMilliseconds))
            write(state.outcomeCount)
        case .account(let state, let account):
            buffer.append(RedoFormat.Tag.account.rawValue)
            write(text: account.bytes)
            write(state.scopeCount)
            write(state.byteCount)
        case .totals(let totals):
            buffer.append(RedoFormat.Tag.totals.rawValue)
            write(Int(totals.agingMilliseconds))
            write(totals.outcomeCount)
        }
    }

    /// A record without a row.
    static let nothing = ByteSlice([RedoFormat.version])

    /// A record that says that a checkpoint of everything through `sequence` begins.
    static func checkpoint(through sequence: UInt64) -> ByteSlice {
        var writer = RedoWriter()
        writer.buffer.append(RedoFormat.version)
        writer.buffer.append(RedoFormat.Tag.checkpoint.rawValue)
        writer.write(hash: sequence)
        return writer.take()
    }
}

// MARK: Rows

extension RedoWriter {
    private mutating func begin(_ tag: RedoFormat.Tag, in scope: Name) {
        if context.scope != scope {
            buffer.append(RedoFormat.Tag.scope.rawValue)
            write(scope)
            context.scope = scope
            context.entry = nil
        }
        buffer.append(tag.rawValue)
    }

    private mutating func write(_ state: ScopeState, of scope: Name) {
        begin(.state, in: scope)
        write(state.head.cursor)
        write(state.head.epoch, as: .epoch)
        write(state.base)
        write(state.recordCount)
        write(hash: state.checksum.bits)
        write(state.byteCount)
        write(state.logByteCount)
        write(text: state.owner?.bytes ?? [])
    }

    private mutating func write(_ entry: LogEntry, of scope: Name) {
        begin(.entry, in: scope)
        write(entry.first)
        write(entry.ends.count)
        var last = 0
        for end in entry.ends {
            write(end - last)
            last = end
        }
        write(entry.borders.count)
        last = entry.first - 1
        for border in entry.borders {
            write(border - last)
            last = border
        }
        var time: Int64 = 0
        for next in entry.timesMilliseconds {
            write(Int(next - time))
            time = next
        }
        write(entry.bytes.count)
        buffer.append(entry.bytes)
        context.entry = entry.bytes
    }

    private mutating func write(_ record: StoredRecord?, _ key: RecordKey, in scope: Name) {
        guard let record else {
            begin(.noRecord, in: scope)
            return write(key)
        }
        let entry = context.scope == scope ? context.entry : nil
        let offset = entry.flatMap { $0.offset(of: record.json) }
        begin(offset == nil ? .record : .recordInEntry, in: scope)
        write(key)
        write(record.version)
        if let offset { write(offset) }
        write(record.json.count)
        if offset == nil { buffer.append(record.json) }
    }

    private mutating func write(_ key: RecordKey) {
        write(key.entity, as: .entity)
        write(key.id)
    }

    private mutating func write(
        _ outcome: StoredOutcome?, of mutation: Name, in scope: Name
    ) {
        begin(outcome == nil ? .noOutcome : .outcome, in: scope)
        write(mutation)
        guard let outcome else { return }
        write(hash: outcome.fingerprint.high)
        write(hash: outcome.fingerprint.low)
        write(outcome.user, as: .user)
        write(outcome.client, as: .client)
        write(outcome.clientSequence)
        write(Int(outcome.reviewMilliseconds))
        switch outcome.verdict {
        case .applied(let position):
            write(position.epoch, as: .epoch)
            write(position.cursor)
        case .refused(let rejection):
            buffer.append(RedoFormat.noName)
            write(text: Array(rejection.code.utf8))
            write(text: Array(rejection.message.utf8))
        }
    }
}

// MARK: Fields

extension RedoWriter {
    private mutating func write(_ number: Int) {
        var rest = UInt64(bitPattern: Int64(number << 1 ^ number >> 63))
        while rest >= 0x80 {
            buffer.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        buffer.append(UInt8(truncatingIfNeeded: rest))
    }

    private mutating func write(hash: UInt64) {
        buffer.reserve(8)
        buffer.writable.storeBytes(of: hash.littleEndian, as: UInt64.self)
        buffer.advance(written: 8)
    }

    private mutating func write(_ name: Name) {
        buffer.append(UInt8(truncatingIfNeeded: name.bytes.count))
        buffer.append(name.bytes)
    }

    private mutating func write(_ name: Name?, as kind: RedoFormat.NameKind) {
        guard let name else { return buffer.append(RedoFormat.noName) }
        if context.names[kind] == name { return buffer.append(RedoFormat.sameName) }
        context.names[kind] = name
        write(name)
    }

    private mutating func write(text: [UInt8]) {
        write(text.count)
        buffer.append(text)
    }
}

extension ByteSlice {
    /// Where `part` begins in here, if it is a slice of the same memory; nil if it is not.
    func offset(of part: ByteSlice) -> Int? {
        guard part.owner === owner, part.offset >= offset,
            part.offset + part.count <= offset + count
        else { return nil }
        return part.offset - offset
    }
}
