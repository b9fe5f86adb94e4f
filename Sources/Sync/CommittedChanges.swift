// The commit feed: what one batch added to one scope's log. It is appended to the tail, sent to
// subscribers, and, where several processes share a store, told to the others; a receiver sees a
// gap by `base` and reads the store.

import MizuBytes

/// The changes that one commit added to one scope, as they will be sent.
public struct CommittedChanges: Sendable {
    public let scope: Name
    /// The position before the first of them. At cursor 0 its epoch means nothing.
    public let base: Position
    /// The position after the last of them; all of them are of its epoch.
    public let head: Position
    /// The changes as JSON objects, comma-joined, without brackets.
    public let bytes: ByteSlice
    /// Where in `bytes` each change ends: `head.cursor - base.cursor` numbers, ascending.
    public let ends: [Int]
    /// Cursors of the last change of each mutation, ascending; pages and deltas end at one.
    public let borders: [Int]
    /// Of the scope's records at `head`; nil where that is not known.
    public let checksum: ScopeChecksum?
    /// Whether all who pushed them may read the scope. Where one may not, what it chose must not
    /// be compressed beside what it may not see: sizes would tell that.
    public let isByReaders: Bool
    /// Who may do less in the scope than before the commit, once each. Nothing of the commit is for
    /// those who may not read any more.
    public var lostRights: [RightsChange] {
        changedRights.isEmpty ? [] : changedRights.filter(\.isLoss)
    }
    /// Whose grant in the scope the commit has changed, once each: also where the right behind it
    /// is the same.
    public let changedRights: [RightsChange]

    public init(
        scope: Name, base: Position, head: Position, bytes: ByteSlice, ends: [Int],
        borders: [Int], checksum: ScopeChecksum? = nil, isByReaders: Bool = true,
        changedRights: [RightsChange] = []
    ) {
        precondition(ends.count == head.cursor - base.cursor, "an end for each change")
        precondition(borders.last == head.cursor, "the last change ends a mutation")
        self.scope = scope
        self.base = base
        self.head = head
        self.bytes = bytes
        self.ends = ends
        self.borders = borders
        self.checksum = checksum
        self.isByReaders = isByReaders
        self.changedRights = changedRights
    }

    /// Where they lead, with the checksum there.
    public var headWithSum: ScopeHead { ScopeHead(head, checksum: checksum) }
}

/// What became of a batch of pushes.
public struct CommitResult: Sendable {
    /// One for each push, in order. They may be sent once `feed` has been appended to the
    /// `LogTail`.
    public let answers: [PushAnswer]
    /// One element for each scope that changed, but for internal ones.
    public let feed: [CommittedChanges]
    /// The internal scopes that changed: for `LogTail.note`, before any answer is sent.
    public let internalHeads: [InternalHead]
    /// What went wrong with the storage, for the log; nil where nothing did.
    public let accident: StoreError?
    /// Times that the batch was begun again because it had met another process.
    public let conflicts: Int
}

/// Where an internal scope is after a commit. It has no log, so this is all that is told of it.
public struct InternalHead: Sendable {
    public let scope: Name
    public let head: ScopeHead

    public init(scope: Name, head: ScopeHead) {
        self.scope = scope
        self.head = head
    }
}
