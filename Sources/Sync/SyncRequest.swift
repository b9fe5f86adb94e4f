// The three requests of protocol.md as values, once their envelopes have been read. They hold
// slices of the body they came in and copy nothing but names. `SyncEnvelope` parses them.

import MizuBytes

/// A push: mutations of one client to one scope, in order.
public struct PushRequest: Sendable {
    public let scope: Name
    public let client: Name?
    public let mutations: [PushedMutation]
    /// Who is behind it; set by the caller once the credentials are known.
    public var authority: PushAuthority
    /// The user who pushes; nil for nobody, and for the server. To set it makes the push that
    /// user's.
    public var user: Name? {
        get { authority.user }
        set { authority = .user(newValue) }
    }
    /// Whose edits these are, as their client says; nil where it does not. Another user's are
    /// refused: the credentials may have changed under an open page.
    public var claimedUser: Name?
    /// Whether who pushes may read the scope. What others make of it is told uncompressed.
    public var isByReader = true
    /// Whether the door has refused it: then nothing of it is tried, and it is told only what was
    /// decided of it before. A store that prepares for a batch has nothing to lock or make for it.
    public var isDenied = false
    /// Where from; nil where that is not to be counted.
    public var origin: PushOrigin?

    public init(
        scope: Name, client: Name?, mutations: [PushedMutation], user: Name? = nil,
        origin: PushOrigin? = nil
    ) {
        self.origin = origin
        self.scope = scope
        self.client = client
        self.mutations = mutations
        authority = .user(user)
    }

    /// A push of the server itself: with every right, and counted to nobody's quota.
    public init(scope: Name, mutations: [PushedMutation], authority: PushAuthority) {
        self.init(scope: scope, client: nil, mutations: mutations)
        self.authority = authority
    }
}

/// One mutation of a push, or what is wrong with it.
public struct PushedMutation: Sendable {
    public enum Content: Sendable {
        case ready(name: Name, args: Arguments)
        /// Wrong inside this mutation only: answered in its place, and the next one goes on.
        case faulty(Rejection)
    }

    public let id: Name
    public let content: Content
    public let fingerprint: Fingerprint
    /// When its device says that it was made, in milliseconds since 1970; nil where it does not.
    /// No part of what makes it the same mutation.
    public let editedMilliseconds: Int64?
    /// What the fingerprint was made of.
    private let nameText: ByteSlice?
    private let argsText: ByteSlice?

    /// - Parameters:
    ///   - name: JSON text, of whatever kind; nil where it is missing. The same for `args`.
    public init(
        id: Name, content: Content, name: ByteSlice?, args: ByteSlice?,
        editedMilliseconds: Int64? = nil
    ) {
        self.editedMilliseconds = editedMilliseconds
        self.id = id
        self.content = content
        fingerprint = Fingerprint(name: name, args: args)
        nameText = name
        argsText = args
    }

    /// A mutation that was never JSON of a push.
    public init(id: Name, name: Name, args: Arguments, editedMilliseconds: Int64? = nil) {
        self.editedMilliseconds = editedMilliseconds
        self.id = id
        content = .ready(name: name, args: args)
        fingerprint = Fingerprint(name: name, args: args.json.bytes)
        nameText = ByteSlice(name.bytes)
        argsText = args.json.bytes
    }

    /// Whether an outcome's fingerprint is this mutation's. An outcome may be older than the way
    /// in which fingerprints are made now.
    func has(_ known: Fingerprint) -> Bool {
        known == fingerprint || known == Fingerprint.earlier(name: nameText, args: argsText)
    }
}

/// A pull: the changes after a position.
public struct PullRequest: Hashable, Sendable {
    public let scope: Name
    /// 0 is before the first change.
    public let cursor: Int
    /// The epoch of the change at `cursor`; nil only where `cursor` is 0.
    public let epoch: Name?
    /// Changes wanted, 1 to `SyncLimits.pullChangesMax`.
    public let limit: Int

    public init(scope: Name, cursor: Int, epoch: Name?, limit: Int) {
        self.scope = scope
        self.cursor = cursor
        self.epoch = epoch
        self.limit = limit
    }

    /// What follows a position.
    public init(scope: Name, after position: Position, limit: Int) {
        self.init(
            scope: scope, cursor: position.cursor,
            epoch: position.cursor > 0 ? position.epoch : nil, limit: limit)
    }
}

/// A page of a snapshot.
public struct SnapshotRequest: Hashable, Sendable {
    public let scope: Name
    /// Records wanted, 1 to `SyncLimits.snapshotRecordsMax`.
    public let limit: Int
    /// Where to go on; nil for the first page.
    public let next: SnapshotPlace?

    public init(scope: Name, limit: Int, next: SnapshotPlace?) {
        self.scope = scope
        self.limit = limit
        self.next = next
    }
}
