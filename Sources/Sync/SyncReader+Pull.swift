// Pulls and snapshots from a store: what the tail could not answer (protocol.md, "POST
// /_sync/pull" and "/_sync/snapshot"). Runs on reader threads; the same code for every back end.
// Here, and only here, is it said that a cursor is ahead of the log.

import MizuBytes

extension SyncReader {
    /// Answers a pull: the page, or 410.
    public func pull(
        _ request: PullRequest, limits: SyncLimits
    ) throws(StoreError) -> Result<PullPage, Refusal> {
        try read(request, limits: limits).answer
    }

    /// The same, with what a tail may learn of it.
    /// - Parameters:
    ///   - position: a copy of the store that reaches it will do (`readCopy`).
    ///   - keptBytesMax: the entries of a page that is not longer are wanted, too.
    public func read(
        _ request: PullRequest, limits: SyncLimits, reaching position: Position? = nil,
        keeping keptBytesMax: Int = 0
    ) throws(StoreError) -> PullReading {
        let copied = readCopy(of: request.scope, reaching: position) {
            () throws(StoreError) -> PullReading? in
            let state = try scopeState(request.scope)
            let refusal = try refusal(
                cursor: request.cursor, epoch: request.epoch, in: request.scope, state)
            // That somebody has to start over the store alone says.
            guard refusal == nil else { return nil }
            return try reading(request, state, limits: limits, keeping: keptBytesMax)
        }
        if let copied { return copied }
        if let page = try foldedPage(request, limits: limits) {
            return PullReading(answer: .success(page), head: nil)
        }
        try beginReading(of: request.scope)
        defer { endReading() }
        let state = try scopeState(request.scope)
        if let refusal = try refusal(
            cursor: request.cursor, epoch: request.epoch, in: request.scope, state)
        {
            let head = ScopeHead(state.head, checksum: state.checksum)
            return PullReading(answer: .failure(refusal), head: head)
        }
        return try reading(request, state, limits: limits, keeping: keptBytesMax)
    }

    /// Within `beginReading`, once it is known that the cursor stands in the log.
    private func reading(
        _ request: PullRequest, _ state: ScopeState, limits: SyncLimits, keeping keptBytesMax: Int
    ) throws(StoreError) -> PullReading {
        let made = try page(request, state, limits: limits, keeping: keptBytesMax)
        var reading = PullReading(
            answer: .success(made.page), head: ScopeHead(state.head, checksum: state.checksum))
        if !made.entries.isEmpty, made.page.rest != .more, try isOfOneEpoch(request, state) {
            reading.entries = made.entries
        }
        return reading
    }

    /// Whether all changes behind the cursor are of the epoch at the log's end. No epoch returns.
    private func isOfOneEpoch(
        _ request: PullRequest, _ state: ScopeState
    ) throws(StoreError) -> Bool {
        let first = request.cursor > 0 ? request.epoch : try epoch(at: 1, in: request.scope)
        return first == state.head.epoch
    }

    /// A page that ends before the end of what is folded: more will not change it, so it waits for
    /// nobody. Nil where it does not, or where there is none.
    private func foldedPage(
        _ request: PullRequest, limits: SyncLimits
    ) throws(StoreError) -> PullPage? {
        try beginReading()
        defer { endReading() }
        let state = try scopeState(request.scope)
        guard request.cursor + request.limit < state.head.cursor,
            try refusal(
                cursor: request.cursor, epoch: request.epoch, in: request.scope, state) == nil
        else { return nil }
        let page = try page(request, state, limits: limits, keeping: 0).page
        return page.rest == .more ? page : nil
    }

    /// Within `beginReading`, once it is known that the cursor stands in the log.
    private func page(
        _ request: PullRequest, _ state: ScopeState, limits: SyncLimits, keeping keptBytesMax: Int
    ) throws(StoreError) -> (page: PullPage, entries: [LogEntry]) {
        var page = LogPage(
            after: request.cursor,
            PageCut(changesMax: request.limit, bytesMax: limits.pageBytesMax),
            keeping: keptBytesMax)
        if request.cursor < state.head.cursor {
            try visitLogRows(of: request.scope, after: request.cursor) {
                (row) throws(StoreError) in try page.take(row)
            }
        }
        let end = page.cursor
        let isAll = end >= state.head.cursor
        let epoch =
            isAll && end > 0 ? state.head.epoch : try epoch(at: end, in: request.scope)
        let entries = page.entries
        let made = PullPage(
            changes: page.finish(),
            position: Position(cursor: end, epoch: epoch ?? state.head.epoch),
            rest: isAll ? .nothing(state.checksum) : .more)
        return (made, entries)
    }

    /// Where the scope's log ends.
    public func head(of scope: Name) throws(StoreError) -> ScopeHead {
        try beginReading(of: scope)
        defer { endReading() }
        let state = try scopeState(scope)
        return ScopeHead(state.head, checksum: state.checksum)
    }

    /// Why the changes after a position cannot be told, nil if they can. Within `beginReading`.
    func refusal(
        cursor: Int, epoch: Name?, in scope: Name, _ state: ScopeState
    ) throws(StoreError) -> Refusal? {
        if cursor < state.base { return .cursorTooOld }
        if cursor > state.head.cursor { return .epochChanged }
        // Cursor 0 is before every epoch and is not checked.
        if cursor > 0, try self.epoch(at: cursor, in: scope) != epoch { return .epochChanged }
        return nil
    }
}

/// What a pull has read.
public struct PullReading: Sendable {
    public let answer: Result<PullPage, Refusal>
    /// Where the log ended in the view that the page is of; nil where the page ends before what was
    /// folded and did not need to know.
    public let head: ScopeHead?
    /// The entries that the page is made of, where it goes to the log's end and all of its changes
    /// are of the epoch there; empty where they were not wanted, or are too long.
    public internal(set) var entries: [LogEntry] = []
}

/// Gathers log entries into one run of bytes until the page is full.
private struct LogPage: ~Copyable {
    private(set) var cursor: Int
    /// All that were taken, while they are not longer than what is kept.
    private(set) var entries: [LogEntry] = []
    private var cut: PageCut
    private var keptBytesMax: Int
    private var buffer = ByteBuffer(capacity: 16 << 10)

    init(after cursor: Int, _ cut: PageCut, keeping keptBytesMax: Int) {
        self.cursor = cursor
        self.cut = cut
        self.keptBytesMax = keptBytesMax
    }

    mutating func take(_ row: borrowing LogRow) throws(StoreError) -> Visit {
        if keptBytesMax > 0 { try keep(row) }
        // Nearly every row: it begins where the page has ended, and fits as a whole.
        if row.first == cursor + 1,
            cut.takeWhole(changes: row.last - cursor, bytes: row.bytes.count)
        {
            append(row.bytes)
            cursor = row.last
            return .next
        }
        return take(try row.entry())
    }

    private mutating func keep(_ row: borrowing LogRow) throws(StoreError) {
        if buffer.count + row.bytes.count <= keptBytesMax {
            entries.append(try row.entry())
        } else {
            (entries, keptBytesMax) = ([], 0)
        }
    }

    private mutating func take(_ entry: LogEntry) -> Visit {
        // A position inside a mutation is nobody's, but it is answered like any other.
        let start = cursor
        for border in entry.borders where border > cursor {
            let size = entry.byteCount(after: cursor, through: border)
            guard cut.take(changes: border - cursor, bytes: size) else { break }
            cursor = border
        }
        guard cursor > start else { return entry.last > start ? .stop : .next }
        entry.slice(after: start, through: cursor).withUnsafeBytes { append($0) }
        return cursor == entry.last ? .next : .stop
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if buffer.count > 0 { buffer.append(UInt8(ascii: ",")) }
        buffer.append(bytes)
    }

    consuming func finish() -> [ByteSlice] {
        buffer.count > 0 ? [buffer.finish()] : []
    }
}
