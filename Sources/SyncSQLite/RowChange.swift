// One row as a transaction leaves it: the unit of redo records, of pending rows and of folds.
// Values are absolute, never differences, so that a row may be written again and it is the same,
// and only the last of several counts. Log entries and epochs are the exception: each is one more.

import MizuSync

enum RowChange: Sendable {
    case scopeState(ScopeState, of: Name)
    /// Changes of the scope from `first` on are of the epoch.
    case epoch(Name, first: Int, in: Name)
    case entry(LogEntry, of: Name)
    /// The scope's log begins behind `base`.
    case trim(base: Int, of: Name)
    /// Nil where the record, the outcome or the client is removed.
    case record(StoredRecord?, RecordKey, in: Name)
    case outcome(StoredOutcome?, mutation: Name, in: Name)
    case client(ClientState?, Name, in: Name)
    case account(AccountState, Account)
    case totals(StoreTotals)
}
