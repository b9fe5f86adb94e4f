// One scope on its way from a source to a target: all of it the first time, and later what came
// behind the cursor that the target has. Changes are appended one mutation at a time, as the engine
// does; records are those that the changes name. Where the source has trimmed its log beyond the
// target's cursor, the records are compared one by one.
//
//   nothing known        ──► all
//   the log reaches back ──► rest: changes behind the cursor, and the records that they name
//   it was trimmed       ──► gap: the log from its base on, all records, less those that are gone
//
// The caller has a view of the source open, and writes nothing else to the scope.

import MizuBytes
import MizuSync

/// What the target has of a scope.
struct MovedScope {
    /// Nil where nothing was ever changed in it.
    let head: Position?
    let base: Int
    /// Of the summary that it was made of.
    let digest: Int

    init(_ summary: ScopeSummary) {
        head = summary.state?.head
        base = summary.state?.base ?? 0
        digest = summary.hashValue
    }
}

struct ScopeMove {
    let scope: Name
    let source: any MoveSource
    let target: any SyncStore

    private enum Extent {
        case all, rest, gap
    }

    /// Writes what the target does not have yet.
    /// - Throws: where the source has another history than it had.
    func run(
        _ summary: ScopeSummary, known: MovedScope?, to writer: inout MoveWriter
    ) throws(ToolFailure) {
        do throws(StoreError) {
            if let state = summary.state {
                let epochs = try source.epochs(of: scope)
                let extent = try extent(state, epochs, known)
                try move(state, epochs, extent, after: known?.head?.cursor ?? 0, &writer)
                if case .all = extent {
                } else if state.base > known?.base ?? 0 {
                    try writer.write { (store) throws(StoreError) in
                        try store.trimLog(of: scope, through: state.base)
                    }
                }
            } else if known?.head != nil {
                throw Self.otherHistory(scope)
            }
            try moveClients(&writer)
            // Last, so that a scope that has its state has everything.
            if let state = summary.state {
                try writer.write { (store) throws(StoreError) in
                    try store.setScopeState(state, of: scope)
                }
            }
        } catch {
            throw ToolFailure(error)
        }
    }

    private func extent(
        _ state: ScopeState, _ epochs: [(first: Int, epoch: Name)], _ known: MovedScope?
    ) throws(StoreError) -> Extent {
        guard let head = known?.head else { return .all }
        guard head.cursor <= state.head.cursor else { throw Self.otherHistory(scope) }
        guard head.cursor >= state.base else { return .gap }
        guard epochs.last(where: { $0.first <= head.cursor })?.epoch == head.epoch else {
            throw Self.otherHistory(scope)
        }
        return .rest
    }

    private static func otherHistory(_ scope: Name) -> StoreError {
        StoreError(
            .unavailable,
            "the scope \"\(scope)\" is not what it was: an older state was put back meanwhile. "
                + "Run it again")
    }

    // MARK: The log and its records

    private func move(
        _ state: ScopeState, _ epochs: [(first: Int, epoch: Name)], _ extent: Extent,
        after cursor: Int, _ writer: inout MoveWriter
    ) throws(StoreError) {
        for (first, epoch) in epochs where first > cursor || extent == .all {
            try writer.write { (store) throws(StoreError) in
                try store.beginEpoch(epoch, at: first, in: scope)
            }
        }
        var changed: Set<RecordKey> = []
        let start = max(cursor, state.base)
        try moving(&writer) { (move) throws(StoreError) in
            try source.visitLog(of: scope, after: start) { entry in
                move { (writer) throws(StoreError) in
                    for mutation in entry.mutations where mutation.last > start {
                        if extent == .rest { try Self.note(mutation, in: &changed) }
                        try writer.write(mutation.bytes.count) { (store) throws(StoreError) in
                            try store.append(mutation, to: scope)
                        }
                    }
                }
            }
        }
        if extent == .rest {
            for key in changed.sorted() {
                let record = try source.storedRecord(key, in: scope)
                try set(key, to: record, &writer)
            }
        } else {
            try moveRecords(removingOthers: extent == .gap, &writer)
        }
    }

    private func moveRecords(
        removingOthers: Bool, _ writer: inout MoveWriter
    ) throws(StoreError) {
        var others: Set<RecordKey> = []
        if removingOthers {
            try writer.finish()
            try target.begin()
            defer { target.rollback() }
            try target.visitRecords(in: scope, after: nil) { key, _ in
                others.insert(key)
                return .next
            }
        }
        try moving(&writer) { (move) throws(StoreError) in
            try source.visitRecords(in: scope) { key, record in
                move { (writer) throws(StoreError) in
                    others.remove(key)
                    try set(key, to: record, &writer)
                }
            }
        }
        for key in others { try set(key, to: nil, &writer) }
    }

    private func set(
        _ key: RecordKey, to record: StoredRecord?, _ writer: inout MoveWriter
    ) throws(StoreError) {
        try writer.write(64 + (record?.json.count ?? 0)) { (store) throws(StoreError) in
            try store.setRecord(key, in: scope, to: record)
        }
    }

    /// The records that a mutation's changes are of.
    private static func note(
        _ mutation: LogEntry, in changed: inout Set<RecordKey>
    ) throws(StoreError) {
        var start = 0
        for end in mutation.ends {
            guard start < end, end <= mutation.bytes.count else {
                throw StoreError(.statement, "the change \(mutation.first) is damaged")
            }
            do throws(LoggedChange.Flaw) {
                changed.insert(try LoggedChange(mutation.bytes[start..<end]).key)
            } catch {
                throw StoreError(.statement, "the change \(mutation.first): \(error.text)")
            }
            start = end + 1
        }
    }

    private func moveClients(_ writer: inout MoveWriter) throws(StoreError) {
        try moving(&writer) { (move) throws(StoreError) in
            try source.visitClients(of: scope) { client, state in
                move { (writer) throws(StoreError) in
                    try writer.write { (store) throws(StoreError) in
                        try store.setClient(state, of: client, in: scope)
                    }
                }
            }
        }
    }

    /// Lets rows that are visited be written, until one cannot.
    private func moving(
        _ writer: inout MoveWriter,
        _ visit: (
            (_ move: (inout MoveWriter) throws(StoreError) -> Void) -> Visit
        ) throws(StoreError) -> Void
    ) throws(StoreError) {
        var failure: StoreError?
        try visit { move in
            do throws(StoreError) {
                try move(&writer)
                return .next
            } catch {
                failure = error
                return .stop
            }
        }
        if let failure { throw failure }
    }

    // MARK: Verifying

    /// Compares what the target has with what was moved: the head and the other numbers, the log
    /// without a gap, the records counted and summed. Between transactions.
    func verify(_ wanted: ScopeState?) throws(ToolFailure) {
        guard let wanted else { return }
        let (found, count, checksum, ends) = try storing { () throws(StoreError) in
            try target.begin()
            defer { target.rollback() }
            let found = try target.scopeState(scope)
            var (count, checksum) = (0, ScopeChecksum.empty)
            try target.visitRecords(in: scope, after: nil) { key, record in
                count += 1
                checksum.add(key, version: record.version)
                return .next
            }
            var next = wanted.base + 1
            try target.visitLog(of: scope, after: wanted.base) { entry in
                guard entry.first == next else { return .stop }
                next = entry.last + 1
                return .next
            }
            return (found, count, checksum, next - 1)
        }
        guard found == wanted else {
            throw fault("state", "it is at \(found.head), and the source is at \(wanted.head)")
        }
        guard ends == wanted.head.cursor else {
            throw fault("change \(ends + 1)", "it is not there")
        }
        guard count == wanted.recordCount, checksum == wanted.checksum else {
            throw fault(
                "records", "\(count) there, \(wanted.recordCount) moved, or others than those")
        }
    }

    private func fault(_ place: String, _ message: String) -> ToolFailure {
        ToolFailure(
            VerificationFault(scope: scope, place: place, message: message),
            hint: "the target stays marked as incomplete; the source is as it was")
    }
}

extension LogEntry {
    /// One entry for each mutation. Borders that do not fit end it: what is left is not there, and
    /// verifying says so.
    var mutations: [LogEntry] {
        guard borders.count > 1 else { return [self] }
        var found: [LogEntry] = []
        var (start, next) = (0, first)
        for (index, border) in borders.enumerated() {
            guard border >= next, border - first < ends.count, index < timesMilliseconds.count
            else { return found }
            let own = ends[(next - first)...(border - first)]
            guard let end = own.last, start <= end, end <= bytes.count else { return found }
            found.append(
                LogEntry(
                    first: next, last: border, timeMilliseconds: timesMilliseconds[index],
                    bytes: bytes[start..<end], ends: own.map { $0 - start }))
            (start, next) = (end + 1, border + 1)
        }
        return found
    }
}
