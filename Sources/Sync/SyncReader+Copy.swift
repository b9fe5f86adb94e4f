// Reads that may be answered by a copy of the store that is behind it (a replica): only where the
// copy has come as far as whoever asks must be shown, and what fails there is read from the store
// as if the copy had never been asked. Which position that is, the caller knows: it was asked of
// the store after the request came.
//
//   position ──► copy is there, has it, nothing newer ──► body ──► all was answered ──► result
//                      └─ no: nil                                └─ no: nil, read the store

extension SyncReader {
    /// What `body` makes of a view of a copy in which the scope's log ends at `position` or later.
    /// - Parameters:
    ///   - position: nil: no copy will do.
    ///   - body: nil leaves it to the store.
    /// - Returns: nil where the store is to be asked; then `body` may have run in vain.
    public func readCopy<Result>(
        of scope: Name, reaching position: Position?, _ body: () throws(StoreError) -> Result?
    ) -> Result? {
        guard let position, beginReadingCopy(of: scope, reaching: position) else { return nil }
        var result: Result?
        // Why it failed is counted by whoever knows the copy; the store has the last word.
        do throws(StoreError) { result = try body() } catch { result = nil }
        return endReadingCopy() ? result : nil
    }
}

extension LogTail {
    /// Reads a scope in one view, on a reader's thread, and learns what that shows of its log
    /// before anything of it can go out: from a copy of the store if one will do, else from the
    /// store; then `body` may run twice.
    /// - Parameter isAsked: the store was asked where the scope ends since the request came
    ///   (`learn`); without that no copy will do.
    public func viewing<Result>(
        _ scope: Name, from reader: any SyncReader, isAsked: Bool,
        _ body: (any SyncReader) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let moment = moment()
        let copied = reader.readCopy(of: scope, reaching: isAsked ? shown(scope) : nil) {
            () throws(StoreError) in (try body(reader), try reader.scopeState(scope))
        }
        if let (result, state) = copied {
            learn(ScopeHead(state.head, checksum: state.checksum), of: scope, since: moment)
            return result
        }
        return try reading(of: scope, from: reader) { (reader) throws(StoreError) in
            try reader.beginReading(of: scope)
            defer { reader.endReading() }
            return try body(reader)
        }
    }
}
