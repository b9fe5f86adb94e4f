// Reads what `RedoWriter` wrote. A record has passed the journal's checksum, so what does not fit
// here was written by another version or is our own fault; it is refused, not guessed. Names and
// JSON are slices of the record where they can be.

import MizuBytes
import MizuSync

/// What a record of the journal is for.
enum RedoRecord {
    /// The rows of a transaction, in the order in which they were written.
    case rows([RowChange])
    /// A checkpoint of everything through a sequence number was about to begin.
    case checkpoint(through: UInt64)

    /// - Throws: a word on what does not fit, and where in the record.
    init(_ payload: ByteSlice) throws(RedoDamage) {
        var reader = RedoReader(payload)
        self = try reader.record()
    }
}

/// A record that cannot be read.
struct RedoDamage: Error, Equatable {
    let offset: Int
    let what: StaticString

    static func == (left: RedoDamage, right: RedoDamage) -> Bool {
        left.offset == right.offset && left.what.utf8Start == right.what.utf8Start
    }
}

private struct RedoReader {
    private let bytes: ByteSlice
    private var index = 0
    private var scope: Name?
    private var names = RedoFormat.LastNames()
    private var entry: ByteSlice?

    init(_ payload: ByteSlice) { bytes = payload }

    mutating func record() throws(RedoDamage) -> RedoRecord {
        guard try byte() == RedoFormat.version else { throw damage("the version") }
        var rows: [RowChange] = []
        while index < bytes.count {
            guard let tag = RedoFormat.Tag(rawValue: try byte()) else { throw damage("a tag") }
            switch tag {
            case .scope:
                scope = try name()
                entry = nil
            case .checkpoint:
                let through = try hash()
                guard rows.isEmpty, index == bytes.count else { throw damage("a mark") }
                return .checkpoint(through: through)
            default: rows.append(try row(tag))
            }
        }
        return .rows(rows)
    }

    private mutating func row(_ tag: RedoFormat.Tag) throws(RedoDamage) -> RowChange {
        switch tag {
        case .scope, .checkpoint: throw damage("a tag")
        case .state: return .scopeState(try state(), of: try ownScope())
        case .epoch:
            let epoch = try someName(.epoch)
            return .epoch(epoch, first: try count(), in: try ownScope())
        case .entry: return .entry(try logEntry(), of: try ownScope())
        case .trim: return .trim(base: try count(), of: try ownScope())
        case .record, .recordInEntry:
            let key = try key()
            return .record(try record(tag), key, in: try ownScope())
        case .noRecord: return .record(nil, try key(), in: try ownScope())
        case .outcome:
            let mutation = try name()
            return .outcome(try outcome(), mutation: mutation, in: try ownScope())
        case .noOutcome: return .outcome(nil, mutation: try name(), in: try ownScope())
        case .client:
            let client = try someName(.client)
            let state = ClientState(
                user: try name(.user), lastPushMilliseconds: Int64(try number()),
                outcomeCount: try number())
            return .client(state, client, in: try ownScope())
        case .noClient: return .client(nil, try someName(.client), in: try ownScope())
        case .account:
            guard let account = Account(stored: try text().array) else {
                throw damage("an account")
            }
            let state = AccountState(scopeCount: try number(), byteCount: try number())
            return .account(state, account)
        case .totals:
            return .totals(
                StoreTotals(agingMilliseconds: Int64(try number()), outcomeCount: try number()))
        }
    }

    // MARK: Rows

    private mutating func state() throws(RedoDamage) -> ScopeState {
        let cursor = try count()
        let head = Position(cursor: cursor, epoch: try someName(.epoch))
        return ScopeState(
            head: head, base: try count(), recordCount: try number(),
            checksum: ScopeChecksum(bits: try hash()), byteCount: try number(),
            logByteCount: try number(), owner: Account(stored: try text().array))
    }

    private mutating func logEntry() throws(RedoDamage) -> LogEntry {
        let first = try count()
        let ends = try ascending(from: 0)
        let borders = try ascending(from: first - 1)
        var times: [Int64] = []
        times.reserveCapacity(borders.count)
        for _ in borders { times.append((times.last ?? 0) &+ Int64(try number())) }
        let slice = try text()
        guard first >= 1, ends.last == slice.count, borders.last == first - 1 + ends.count else {
            throw damage("an entry")
        }
        entry = slice
        return LogEntry(
            first: first, bytes: slice, ends: ends, borders: borders, timesMilliseconds: times)
    }

    /// Numbers of which each is greater than the one before; at least one.
    private mutating func ascending(from start: Int) throws(RedoDamage) -> [Int] {
        let count = try count()
        // Each takes a byte.
        guard count >= 1, count <= bytes.count - index else { throw damage("a count") }
        var numbers: [Int] = []
        numbers.reserveCapacity(count)
        var last = start
        for _ in 0..<count {
            let (next, isOver) = last.addingReportingOverflow(try number())
            guard next > last, !isOver, next <= Position.cursorMax else {
                throw damage("an order")
            }
            numbers.append(next)
            last = next
        }
        return numbers
    }

    private mutating func record(
        _ tag: RedoFormat.Tag
    ) throws(RedoDamage) -> StoredRecord {
        let version = try count()
        guard tag == .recordInEntry else {
            return StoredRecord(json: try text(), version: version)
        }
        let (offset, length) = (try count(), try count())
        guard let entry, length <= entry.count, offset <= entry.count - length else {
            throw damage("a record")
        }
        return StoredRecord(json: entry[offset..<offset + length], version: version)
    }

    private mutating func key() throws(RedoDamage) -> RecordKey {
        let entity = try someName(.entity)
        return RecordKey(entity: entity, id: try name())
    }

    private mutating func outcome() throws(RedoDamage) -> StoredOutcome {
        let fingerprint = Fingerprint(high: try hash(), low: try hash())
        let (user, client) = (try name(.user), try name(.client))
        let (sequence, review) = (try number(), Int64(try number()))
        let verdict: StoredOutcome.Verdict
        if let epoch = try name(.epoch) {
            verdict = .applied(Position(cursor: try count(), epoch: epoch))
        } else {
            let (code, message) = (try text().string, try text().string)
            verdict = .refused(Rejection(code: code, message: message))
        }
        return StoredOutcome(
            verdict: verdict, fingerprint: fingerprint, user: user, client: client,
            clientSequence: sequence, reviewMilliseconds: review)
    }

    private func ownScope() throws(RedoDamage) -> Name {
        guard let scope else { throw damage("a row of no scope") }
        return scope
    }

    // MARK: Fields

    private func damage(_ what: StaticString) -> RedoDamage {
        RedoDamage(offset: index, what: what)
    }

    private mutating func byte() throws(RedoDamage) -> UInt8 {
        guard index < bytes.count else { throw damage("the end") }
        defer { index += 1 }
        return bytes[index]
    }

    private mutating func take(_ count: Int) throws(RedoDamage) -> ByteSlice {
        guard count >= 0, count <= bytes.count - index else { throw damage("a length") }
        defer { index += count }
        return bytes[index..<index + count]
    }

    private mutating func number() throws(RedoDamage) -> Int {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            guard shift < 63 || next <= 1 else { throw damage("a number") }
            value |= UInt64(next & 0x7F) << shift
            if next < 0x80 { break }
            shift += 7
        }
        return Int(bitPattern: UInt(value >> 1)) ^ -Int(bitPattern: UInt(value & 1))
    }

    /// A number that is not negative.
    private mutating func count() throws(RedoDamage) -> Int {
        let value = try number()
        guard value >= 0 else { throw damage("a count") }
        return value
    }

    private mutating func hash() throws(RedoDamage) -> UInt64 {
        let slice = try take(8)
        return (0..<8).reduce(0) { $0 | UInt64(slice[$1]) << (UInt64($1) * 8) }
    }

    private mutating func text() throws(RedoDamage) -> ByteSlice { try take(try count()) }

    private mutating func name() throws(RedoDamage) -> Name { try name(ofLength: try byte()) }

    private mutating func name(ofLength length: UInt8) throws(RedoDamage) -> Name {
        guard let name = Name(try take(Int(length))) else { throw damage("a name") }
        return name
    }

    private mutating func name(_ kind: RedoFormat.NameKind) throws(RedoDamage) -> Name? {
        let length = try byte()
        if length == RedoFormat.noName { return nil }
        if length == RedoFormat.sameName {
            guard let known = names[kind] else { throw damage("a name of nothing") }
            return known
        }
        let fresh = try name(ofLength: length)
        names[kind] = fresh
        return fresh
    }

    private mutating func someName(_ kind: RedoFormat.NameKind) throws(RedoDamage) -> Name {
        guard let name = try name(kind) else { throw damage("no name") }
        return name
    }
}
