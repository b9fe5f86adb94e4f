// Pulls and snapshots from a store: what the tail could not answer (protocol.md, "POST
// /_sync/pull" and "/_sync/snapshot"). Runs on reader threads; the same code for every back end.
// Here, and only here, is it said that a cursor is ahead of the log.

import MizuBytes

extension SyncReader {
    /// Answers a pull: the page, or 410.
    public func pull(
        _ request: PullRequest, limits: SyncLimits
    ) throws(StoreError) -> Result<PullPage, Refusal> {
        try beginReading(of: request.scope)
        defer { endReading() }
        let state = try scopeState(request.scope)
        if let refusal = try refusal(
            cursor: request.cursor, epoch: request.epoch, in: request.scope, state)
        {
            return .failure(refusal)
        }
        var page = LogPage(
            after: request.cursor,
            PageCut(changesMax: request.limit, bytesMax: limits.pageBytesMax))
        if request.cursor < state.head.cursor {
            try visitLog(of: request.scope, after: request.cursor) { page.take($0) }
        }
        let end = page.cursor
        let epoch = try epoch(at: end, in: request.scope) ?? state.head.epoch
        return .success(
            PullPage(
                changes: end > request.cursor ? [page.finish()] : [],
                position: Position(cursor: end, epoch: epoch),
                rest: end < state.head.cursor ? .more : .nothing(state.checksum)))
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

/// Gathers log entries into one run of bytes until the page is full.
private struct LogPage: ~Copyable {
    private(set) var cursor: Int
    private var cut: PageCut
    private var buffer = ByteBuffer(capacity: 4096)

    init(after cursor: Int, _ cut: PageCut) {
        self.cursor = cursor
        self.cut = cut
    }

    mutating func take(_ entry: LogEntry) -> Visit {
        // A position inside a mutation is nobody's, but it is answered like any other.
        let start = cursor
        for border in entry.borders where border > cursor {
            let size = entry.slice(after: cursor, through: border).count
            guard cut.take(changes: border - cursor, bytes: size) else { break }
            cursor = border
        }
        guard cursor > start else { return entry.last > start ? .stop : .next }
        if buffer.count > 0 { buffer.append(UInt8(ascii: ",")) }
        buffer.append(entry.slice(after: start, through: cursor))
        return cursor == entry.last ? .next : .stop
    }

    consuming func finish() -> ByteSlice { buffer.finish() }
}
