// The store's rows as a transaction sees them: its own writes, what is pending, and SQLite. A write
// goes to the pending rows and to the redo record, never to SQLite.

import MizuBytes
import MizuSync

extension SQLiteStore {
    // MARK: Scopes and logs

    public func scopeState(_ scope: Name) throws(StoreError) -> ScopeState {
        if let own = pending.state(of: scope) { return own }
        return try rows.log.scopeState(scope)
    }

    public func setScopeState(_ state: ScopeState, of scope: Name) throws(StoreError) {
        write(.scopeState(state, of: scope))
    }

    public func epoch(at cursor: Int, in scope: Name) throws(StoreError) -> Name? {
        if let own = pending.epochs(of: scope).last(where: { $0.first <= cursor }) {
            return own.epoch
        }
        return try rows.log.epoch(at: cursor, in: scope)
    }

    public func beginEpoch(_ epoch: Name, at first: Int, in scope: Name) throws(StoreError) {
        write(.epoch(epoch, first: first, in: scope))
    }

    public func append(_ entry: LogEntry, to scope: Name) throws(StoreError) {
        write(.entry(entry, of: scope))
    }

    public func visitLog(
        of scope: Name, after cursor: Int, _ visit: (LogEntry) -> Visit
    ) throws(StoreError) {
        let base = max(cursor, pending.base(of: scope) ?? 0)
        var (last, isOver) = (base, false)
        try rows.log.visitLog(of: scope, after: base) { entry in
            last = max(last, entry.last)
            let next = visit(entry)
            if case .stop = next { isOver = true }
            return next
        }
        // A fold that is under way has some of them in SQLite already.
        for entry in pending.entries(of: scope) where !isOver && entry.last > last {
            if case .stop = visit(entry) { return }
        }
    }

    // MARK: Records

    public func storedRecord(
        _ key: RecordKey, in scope: Name
    ) throws(StoreError) -> StoredRecord? {
        if let own = pending.record(key, in: scope) { return own }
        return try rows.log.storedRecord(key, in: scope)
    }

    /// The JSON of a record stands in the log entry that wrote it: one memory holds both.
    public func setRecord(
        _ key: RecordKey, in scope: Name, to record: StoredRecord?
    ) throws(StoreError) {
        var shared = record
        // Nearly always it is a part of it already: the engine has made it so.
        if let record, !redo.hasInEntry(record.json, of: scope),
            let entry = pending.latestEntry(of: scope)
        {
            shared = entry.sharing(record)
        }
        write(.record(shared, key, in: scope))
    }

    public func visitRecords(
        in scope: Name, after key: RecordKey?, _ visit: (RecordKey, StoredRecord) -> Visit
    ) throws(StoreError) {
        let own = pending.records(of: scope).filter { known in key.map { $0 < known.key } ?? true }
        guard !own.isEmpty else {
            return try rows.log.visitRecords(in: scope, after: key, visit)
        }
        var merge = Merge(own)
        try rows.log.visitRecords(in: scope, after: key) { merge.visit($0, $1, visit) }
        merge.finish(visit)
    }

    public func visitRecords(
        of entity: Name, in scope: Name, _ visit: (Name, ByteSlice) -> Visit
    ) throws(StoreError) {
        let own = pending.records(of: scope).filter { $0.key.entity == entity }
        guard !own.isEmpty else {
            return try rows.log.visitRecords(of: entity, in: scope, visit)
        }
        var merge = Merge(own)
        try rows.log.visitRecords(of: entity, in: scope) { id, json in
            let key = RecordKey(entity: entity, id: id)
            return merge.visit(key, StoredRecord(json: json, version: 0)) { visit($0.id, $1.json) }
        }
        merge.finish { visit($0.id, $1.json) }
    }

    // MARK: Sums

    public func totals() throws(StoreError) -> StoreTotals? {
        if let own = pending.totals { return own }
        return try rows.totals()
    }

    public func setTotals(_ totals: StoreTotals) throws(StoreError) { write(.totals(totals)) }

    public func accountState(_ account: Account) throws(StoreError) -> AccountState {
        if let own = pending.account(account) { return own }
        return try rows.accountState(account)
    }

    public func setAccountState(
        _ state: AccountState, of account: Account
    ) throws(StoreError) {
        write(.account(state, account))
    }

    // MARK: Trimming

    public func scopes(after scope: Name?, countMax: Int) throws(StoreError) -> [Name] {
        let stored = try rows.scopes(after: scope, countMax: countMax)
        let own = pending.scopes(after: scope)
        guard !own.isEmpty else { return stored }
        return Array(Set(stored).union(own).sorted().prefix(countMax))
    }

    public func oldestEntries(
        of scope: Name, countMax: Int
    ) throws(StoreError) -> [OldEntry] {
        let base = pending.base(of: scope) ?? 0
        var oldest: [OldEntry] = []
        // Some of the first may be trimmed already, and not yet in SQLite.
        var asked = countMax
        while true {
            let stored = try rows.oldestEntries(of: scope, countMax: asked)
            oldest = stored.filter { $0.last > base }
            guard oldest.count < countMax, stored.count == asked else { break }
            asked *= 2
        }
        let last = max(base, oldest.last?.last ?? 0)
        for entry in pending.entries(of: scope) where entry.last > last {
            if oldest.count >= countMax { break }
            oldest.append(
                OldEntry(
                    last: entry.last, timeMilliseconds: entry.timeMilliseconds,
                    byteCount: entry.changeByteCount))
        }
        return Array(oldest.prefix(countMax))
    }

    public func trimLog(of scope: Name, through base: Int) throws(StoreError) {
        write(.trim(base: base, of: scope))
    }
}

/// Pending records among those of SQLite, in the order of keys.
private struct Merge {
    private let own: [PendingTable<RecordKey, StoredRecord>.Row]
    private var next = 0
    private var isOver = false

    init(_ records: [PendingTable<RecordKey, StoredRecord>.Row]) {
        own = records.sorted { $0.key < $1.key }
    }

    /// Takes a row of SQLite, and visits what comes before it and, unless a pending row has taken
    /// its place, the row.
    mutating func visit(
        _ key: RecordKey, _ record: StoredRecord, _ visit: (RecordKey, StoredRecord) -> Visit
    ) -> Visit {
        while next < own.count, own[next].key < key {
            if case .stop = visitOwn(visit) { return .stop }
        }
        if next < own.count, own[next].key == key { return visitOwn(visit) }
        return note(visit(key, record))
    }

    /// Visits what is behind the last row of SQLite.
    mutating func finish(_ visit: (RecordKey, StoredRecord) -> Visit) {
        while !isOver, next < own.count { _ = visitOwn(visit) }
    }

    private mutating func visitOwn(_ visit: (RecordKey, StoredRecord) -> Visit) -> Visit {
        let row = own[next]
        next += 1
        guard let record = row.value else { return .next }
        return note(visit(row.key, record))
    }

    private mutating func note(_ next: Visit) -> Visit {
        if case .stop = next { isOver = true }
        return next
    }
}

extension LogEntry {
    /// The record with its JSON as a part of the entry, where it is there.
    func sharing(_ record: StoredRecord) -> StoredRecord {
        guard bytes.offset(of: record.json) == nil, record.version >= first,
            record.version - first < ends.count,
            let json = data(ofChange: record.version - first), json == record.json
        else { return record }
        return StoredRecord(json: json, version: record.version)
    }

    private static let timeMember = Array(",\"time\":\"".utf8)
    private static let dataMember = Array(",\"data\":".utf8)

    /// What stands between the members `data` and `time`. No string holds a quote without a
    /// backslash, so the last `,"time":"` is the member.
    private func data(ofChange index: Int) -> ByteSlice? {
        let start = index == 0 ? 0 : ends[index - 1] + 1
        guard start >= 0, start <= ends[index], ends[index] <= bytes.count else { return nil }
        return bytes.withUnsafeBytes { bytes -> Range<Int>? in
            let (time, data) = (Self.timeMember, Self.dataMember)
            var end = ends[index] - time.count
            while end > start, !bytes.has(time, at: end) { end -= 1 }
            // The names before it are short, and the first `,"data":` is the member.
            var begin = start
            while begin < end, !bytes.has(data, at: begin) { begin += 1 }
            return begin < end ? begin + data.count..<max(begin + data.count, end) : nil
        }.map { self.bytes[$0] }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func has(_ text: [UInt8], at start: Int) -> Bool {
        guard start >= 0, start <= count - text.count, self[start] == text[0],
            self[start + 1] == text[1], self[start + 2] == text[2]
        else { return false }
        return text.indices.allSatisfy { self[start + $0] == text[$0] }
    }
}
