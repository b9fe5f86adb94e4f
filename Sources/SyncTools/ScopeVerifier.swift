// Whether what is kept of one scope fits together: the log against itself, the records against the
// log, the sums against the records, outcomes and clients against both. A value that is fed with
// rows in the order epochs, log, records, clients, outcomes; the first thing that does not fit is
// thrown, with its place. Opens no file and trusts no row.
//
//   epoch* ─► entry* ─endLog─► record* ─endRecords─► client* ─► outcome*
//
// Keeps some 60 bytes for each change of the scope's log (hashes, never the changes), so that the
// largest log that the default limits allow takes 60 MB. A hash of 64 bits with a random seed
// stands for a name: two of a million that collide, once in thirty million scopes, would show as a
// fault that is none.

import MizuBytes
import MizuSync
import MizuSyncSQLite

/// Verifies one scope. Confined to one thread.
package struct ScopeVerifier {
    let scope: Name
    /// Nil where nothing was ever changed in it.
    let state: ScopeState?
    private let seed: UInt64
    /// What came by so far.
    package private(set) var tally = VerifiedTally()

    // Of the log.
    private var epochs: [(first: Int, epoch: Name)] = []
    private var cursor: Int
    private var logByteCount = 0
    /// What the log has left of a record, by the hash of its key.
    private var latest: [UInt64: Latest] = [:]
    /// Records that the log has left, and that no record was found for yet.
    private var pendingRecords = 0
    /// Where each mutation of the log ends, by the hash of its id.
    private var mutations: [UInt64: Int] = [:]
    private var borders = CursorSet()

    // Of the records, and of the clients.
    private var recordCount = 0
    private var byteCount = 0
    private var checksum = ScopeChecksum.empty
    private var clients: [UInt64: Int] = [:]
    private var lastOutcome: Name?

    private struct Latest {
        var cursor: Int
        /// Of the record's JSON; nil where it was deleted.
        var digest: UInt64?
        var isFound = false
    }

    package init(scope: Name, state: ScopeState?, seed: UInt64) {
        self.scope = scope
        self.state = state
        self.seed = seed
        cursor = state?.base ?? 0
    }

    // MARK: The state and its epochs

    /// Checks the scope's own row. First of all.
    package func begin() throws(VerificationFault) {
        guard let state else { return }
        guard state.base >= 0, state.base <= state.head.cursor else {
            throw fault(
                "state", "the log begins behind \(state.base) and ends at \(state.head.cursor)")
        }
        guard state.head.cursor >= 1, state.head.cursor <= Position.cursorMax else {
            throw fault("state", "\(state.head.cursor) is no cursor")
        }
    }

    package mutating func take(epoch: Name, from first: Int) throws(VerificationFault) {
        guard let state else { throw fault("epoch \(epoch)", "the scope was never written to") }
        let place = "epoch \(epoch)"
        guard first >= 1, first <= state.head.cursor else {
            throw fault(place, "it begins at \(first), and the log ends at \(state.head.cursor)")
        }
        if let last = epochs.last {
            guard first > last.first else { throw fault(place, "it begins before the one before") }
        } else if first > max(1, state.base) {
            throw fault(place, "the changes before \(first) have no epoch")
        }
        epochs.append((first, epoch))
    }

    // MARK: The log

    package mutating func take(_ entry: LogEntry) throws(VerificationFault) {
        guard state != nil else {
            throw fault("change \(entry.first)", "the scope was never written to")
        }
        guard entry.first == cursor + 1 else {
            throw fault("change \(entry.first)", "change \(cursor + 1) was to come")
        }
        var start = 0
        var first = entry.first
        for border in entry.borders {
            guard border >= first, border - entry.first < entry.ends.count else {
                throw fault("change \(first)", "the borders of its block are damaged")
            }
            let ends = entry.ends[(first - entry.first)...(border - entry.first)]
            try takeMutation(entry.bytes, from: start, ends, first: first)
            start = (ends.last ?? start) + 1
            first = border + 1
        }
        logByteCount &+= entry.changeByteCount
    }

    /// The changes of one mutation, which end in `bytes` at `ends`.
    private mutating func takeMutation(
        _ bytes: ByteSlice, from start: Int, _ ends: ArraySlice<Int>, first: Int
    ) throws(VerificationFault) {
        var start = start
        var mutation: Name?
        for end in ends {
            cursor += 1
            let place = "change \(cursor)"
            guard start < end, end <= bytes.count else {
                throw fault(place, "its border is outside of its block")
            }
            if start > 0, bytes[start - 1] != UInt8(ascii: ",") {
                throw fault(place, "no comma stands before it")
            }
            let change: LoggedChange
            do throws(LoggedChange.Flaw) {
                change = try LoggedChange(bytes[start..<end])
            } catch {
                throw fault(place, error.text)
            }
            guard change.cursor == cursor else {
                throw fault(place, "it calls itself \(change.cursor)")
            }
            guard change.scope == scope else {
                throw fault(place, "it calls itself one of the scope \(change.scope)")
            }
            if let mutation, mutation != change.mutation {
                throw fault(place, "it is of mutation \(change.mutation), in one of \(mutation)")
            }
            mutation = change.mutation
            try replay(change)
            tally.changeCount += 1
            start = end + 1
        }
        guard let mutation else { return }
        if let other = mutations.updateValue(cursor, forKey: hash(mutation)) {
            throw fault(
                "change \(cursor)", "mutation \(mutation) was applied before, at change \(other)")
        }
        borders.append(cursor, after: state?.base ?? 0)
        tally.mutationCount += 1
    }

    /// What the change makes of its record.
    private mutating func replay(_ change: LoggedChange) throws(VerificationFault) {
        let key = hash(change.key)
        let before = latest[key]
        // Of a record that a trimmed log has not named yet nothing is known.
        if before != nil || state?.base == 0 {
            let wasThere = before?.digest != nil
            guard wasThere == (change.operation != .create) else {
                throw fault(
                    "change \(cursor)",
                    "\(change.operation) of \(text(change.key)), which "
                        + (wasThere ? "is there already" : "is not there"))
            }
        }
        if before?.digest != nil { pendingRecords -= 1 }
        if change.data != nil { pendingRecords += 1 }
        latest[key] = Latest(
            cursor: cursor, digest: change.data.map { XXHash64.hash($0.bytes, seed: seed) })
    }

    package func endLog() throws(VerificationFault) {
        guard let state else { return }
        guard cursor == state.head.cursor else {
            throw fault(
                "change \(cursor + 1)", "it is missing: the log ends at \(state.head.cursor)")
        }
        if scope.isInternal {
            // Of such a scope there are the records, and no log at all.
            guard epochs.isEmpty, state.base == state.head.cursor, state.logByteCount == 0 else {
                throw fault("state", "it is an internal scope, and has a log")
            }
            return
        }
        guard let last = epochs.last else { throw fault("state", "the log has no epoch") }
        guard last.epoch == state.head.epoch else {
            throw fault("state", "its epoch is \(state.head.epoch), the log's \(last.epoch)")
        }
        guard logByteCount == state.logByteCount else {
            throw fault(
                "state", "\(state.logByteCount) bytes are counted in a log of \(logByteCount)")
        }
    }

    // MARK: Records

    package mutating func take(
        _ key: RecordKey, _ record: StoredRecord
    ) throws(VerificationFault) {
        let place = "record \(text(key))"
        guard let state else { throw fault(place, "the scope was never written to") }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSON.parse(record.json, depthMax: .max)
        } catch {
            throw fault(place, "it is no JSON: \(error.reason)")
        }
        guard record.version >= 0, record.version <= state.head.cursor else {
            throw fault(place, "its version \(record.version) is no change")
        }
        try compare(record, value, at: hash(key), place)
        recordCount += 1
        byteCount &+= StoredRecord.size(key, record.json)
        checksum.add(key, version: record.version)
        tally.recordCount += 1
    }

    /// A record is what the last change of it says. Version 0 is from before versions were kept.
    private mutating func compare(
        _ record: StoredRecord, _ value: JSONValue, at key: UInt64, _ place: String
    ) throws(VerificationFault) {
        guard let known = latest[key] else {
            let base = state?.base ?? 0
            guard record.version <= base, base > 0 else {
                throw fault(place, "no change has written it")
            }
            return
        }
        guard let digest = known.digest else {
            throw fault(place, "change \(known.cursor) has deleted it")
        }
        guard record.version == known.cursor || record.version == 0 else {
            throw fault(
                place, "its version is \(record.version), the last change of it \(known.cursor)")
        }
        guard XXHash64.hash(value.bytes, seed: seed) == digest else {
            throw fault(place, "it is not what change \(known.cursor) has written")
        }
        guard !known.isFound else { throw fault(place, "it is there twice") }
        latest[key]?.isFound = true
        pendingRecords -= 1
    }

    package func endRecords() throws(VerificationFault) {
        guard let state else { return }
        if pendingRecords != 0 {
            let lost = latest.values.filter { $0.digest != nil && !$0.isFound }.map(\.cursor).min()
            throw fault("change \(lost ?? cursor)", "the record that it has written is missing")
        }
        guard recordCount == state.recordCount else {
            throw fault("state", "\(state.recordCount) records are counted, \(recordCount) there")
        }
        guard byteCount == state.byteCount else {
            throw fault(
                "state", "\(state.byteCount) bytes are counted in records of \(byteCount)")
        }
        guard checksum == state.checksum else {
            throw fault("state", "the checksum is not that of the records")
        }
    }

    // MARK: Clients and outcomes

    package mutating func take(client: Name, _ known: ClientState) throws(VerificationFault) {
        guard known.outcomeCount >= 0 else {
            throw fault("client \(client)", "\(known.outcomeCount) outcomes are counted")
        }
        clients[hash(client)] = known.outcomeCount
        tally.clientCount += 1
    }

    package mutating func take(
        _ outcome: InspectedOutcome, of mutation: Name
    ) throws(VerificationFault) {
        let place = "mutation \(mutation)"
        guard mutation != lastOutcome else { throw fault(place, "it has two outcomes") }
        lastOutcome = mutation
        let logged = mutations[hash(mutation)]
        if let position = outcome.position {
            if let logged, logged != position.cursor {
                throw fault(
                    place,
                    "its outcome tells cursor \(position.cursor), its changes end at \(logged)")
            }
            try check(position, place)
        } else if let logged {
            throw fault(place, "it was refused, and change \(logged) is its")
        }
        if let client = outcome.client, let count = clients[hash(client)] {
            guard outcome.clientSequence >= 1, outcome.clientSequence <= count else {
                throw fault(
                    place,
                    "it is outcome \(outcome.clientSequence) of client \(client), which has had "
                        + "\(count)")
            }
        }
        tally.outcomeCount += 1
    }

    /// A position that was told is one: a mutation ends there, in that epoch.
    private func check(_ position: Position, _ place: String) throws(VerificationFault) {
        let (base, head) = (state?.base ?? 0, state?.head.cursor ?? 0)
        guard position.cursor >= 0, position.cursor <= head else {
            throw fault(
                place, "its outcome tells cursor \(position.cursor), and the log ends at \(head)")
        }
        guard position.cursor > base else { return }
        guard borders.contains(position.cursor, after: base) else {
            throw fault(
                place, "its outcome tells cursor \(position.cursor), where no mutation ends")
        }
        let epoch = epochs.last { $0.first <= position.cursor }?.epoch
        guard epoch == position.epoch else {
            throw fault(
                place,
                "its outcome tells epoch \(position.epoch), and change \(position.cursor) is of "
                    + "\(epoch.map { "\($0)" } ?? "none")")
        }
    }

    // MARK: Names and places

    private func hash(_ name: Name) -> UInt64 { XXHash64.hash(name.bytes, seed: seed) }

    private func hash(_ key: RecordKey) -> UInt64 {
        XXHash64.hash(key.id.bytes, seed: XXHash64.hash(key.entity.bytes, seed: seed))
    }

    private func text(_ key: RecordKey) -> String { "\(key.entity) \(key.id)" }

    private func fault(_ place: String, _ message: String) -> VerificationFault {
        VerificationFault(scope: scope, place: place, message: message)
    }
}

/// Cursors of a log, a bit for each change.
private struct CursorSet {
    private var words: [UInt64] = []

    /// Takes in a cursor that is above all before it.
    mutating func append(_ cursor: Int, after base: Int) {
        let index = cursor - base - 1
        while words.count <= index / 64 { words.append(0) }
        words[index / 64] |= 1 << UInt64(index % 64)
    }

    func contains(_ cursor: Int, after base: Int) -> Bool {
        let index = cursor - base - 1
        guard index >= 0, index / 64 < words.count else { return false }
        return words[index / 64] & 1 << UInt64(index % 64) != 0
    }
}
