// Every limit of protocol.md that Sync keeps, in one value, with defaults that a public port can
// live with. Limits of connections, rates and subscriptions belong to SyncService.

/// What may be how large or how old, and what happens beyond it. Bytes, counts, milliseconds.
public struct SyncLimits: Sendable {
    // A request.

    /// A body, or a message after inflating; beyond it the request is refused with 413.
    public var bodyBytesMax = 1 << 20
    /// Mutations of one push; beyond it the push is refused with 413.
    public var pushMutationsMax = 100
    /// Nested arrays and objects; beyond it 400, or `invalid_mutation` if inside `args`.
    public var nestingMax = 64

    // A mutation; beyond any of these it is refused with `too_large`.

    /// The JSON of one record.
    public var recordBytesMax = 256 << 10
    /// Changes made by one mutation.
    public var mutationChangesMax = 1000
    /// The JSON of all changes made by one mutation.
    public var mutationBytesMax = 1 << 20

    // An answer.

    /// Changes in a pull that names no limit.
    public var pullChangesDefault = 100
    /// Changes in one pull; a greater `limit` counts as this. The last mutation is told whole.
    public var pullChangesMax = 1000
    /// Records in one page of a snapshot, also where it names no limit.
    public var snapshotRecordsMax = 1000
    /// A pull's, a snapshot's answer ends early here, with `has_more`; at least one mutation or
    /// record is in it.
    public var pageBytesMax = 1 << 20
    /// A push's answer: `changes` are left out of results where they would pass it.
    public var resultsBytesMax = 1 << 20
    /// A delta; who is further behind gets a poke in its place.
    public var deltaBytesMax = 1 << 20

    // Retention, applied by `SyncEngine.trim` and, to what grows too fast, by each commit. Times
    // are counted while the server runs (`AgingClock`).

    /// Age at which a change leaves the log, and an outcome the store.
    public var logMillisecondsMax: Int64 = 7 * 86_400_000
    /// Changes of a scope; the oldest beyond it leave the log.
    public var logChangesMax = 1_000_000
    /// The latest outcomes of each client, which outlive the log…
    public var clientOutcomesMin = 100
    /// …until this long after the client's last push.
    public var clientMilliseconds: Int64 = 90 * 86_400_000
    /// Outcomes that are kept in all. Beyond it the oldest go before their time; the last ones of
    /// a user's clients stay.
    public var outcomesMax = 5_000_000
    /// Bytes of a scope's changes, or four times the bytes of its records where that is more: who
    /// is further behind has less to read in a snapshot.
    public var logBytesMin = 8 << 20
    /// Clients of nobody in a scope; beyond it the longest silent one is forgotten.
    public var anonymousClientsMax = 10_000
    /// Clients of a user in a scope. Beyond it the longest silent one is forgotten if it is past
    /// `clientMilliseconds`; otherwise the push is refused with 429.
    public var userClientsMax = 1000
    /// Rows that one call of `trim` looks at, so that pushes never wait long behind it.
    public var trimRowsMax = 2000

    // What the machine can bear.

    /// Records, bytes and scopes.
    public var quotas = SyncQuotas()
    /// Bytes left on the store's disk below which nothing is written (503 `unavailable`); 0: nobody
    /// looks; nil: 256 MiB, or a twentieth of a disk that is smaller than 5 GiB.
    public var diskFreeBytesMin: Int?

    // The tail in memory; beyond these the oldest changes are read from the store instead.

    /// Bytes of memory for all scopes; the scope that was used longest ago gives way.
    public var tailBytesMax = 32 << 20
    /// Bytes of memory for one scope; nil: an eighth of `tailBytesMax`, so that a scope that is
    /// written to without end leaves room for others.
    public var tailScopeBytesMax: Int?
    /// Scopes of which only the end of the log is kept, because somebody asked for it.
    public var tailLearnedMax = 8192
    /// Bytes of the longest page that a reader leaves in a tail, in a store that others write to.
    public var tailPageBytesMax = 16 << 10
    /// Neighbouring segments are joined up to this size: larger means fewer slices in a pull and
    /// more bytes copied for each commit.
    public var tailSegmentBytesMax = 64 << 10

    public init() {}
}
