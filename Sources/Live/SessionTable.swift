// The live connections of one worker, for people and programs that list and close them: who, since
// when. What they are subscribed to is in `TopicTable`. Confined to its worker; by slot index, so
// that an entry costs 56 bytes and no allocation for an id of 15 bytes or fewer.

/// One live connection.
public struct Session: Sendable, Equatable {
    /// Random, unique among all workers; tells nothing else.
    public let id: String
    /// The connection: generation << 32 | slot index.
    public let token: UInt64
    /// Who it is, as the app's `authenticate` said; nil for nobody.
    public internal(set) var user: String?
    /// When it was opened, in milliseconds since 1970.
    public let sinceMilliseconds: Int

    public init(id: String, token: UInt64, user: String?, sinceMilliseconds: Int) {
        self.id = id
        self.token = token
        self.user = user
        self.sinceMilliseconds = sinceMilliseconds
    }
}

/// Live connections by slot. One owner, one thread.
public struct SessionTable: ~Copyable {
    private var entries: ContiguousArray<Session?> = []
    public private(set) var count = 0

    public init() {}

    /// Enters a session; one of an earlier generation in the same slot gives way to it.
    public mutating func open(_ session: Session) {
        let slot = Self.slotIndex(session.token)
        if slot >= entries.count {
            entries.append(contentsOf: repeatElement(nil, count: slot + 1 - entries.count))
        }
        if entries[slot] == nil { count += 1 }
        entries[slot] = session
    }

    /// The session of a connection. O(1).
    public func find(_ token: UInt64) -> Session? {
        let slot = Self.slotIndex(token)
        guard slot < entries.count, let session = entries[slot], session.token == token else {
            return nil
        }
        return session
    }

    /// The session of that id. O(sessions): it is people who ask.
    public func find(id: String) -> Session? {
        for case let session? in entries where session.id == id { return session }
        return nil
    }

    /// All sessions, in no promised order. O(sessions).
    public var all: [Session] { entries.compactMap { $0 } }

    /// All sessions of a user. O(sessions).
    public func all(of user: String) -> [Session] {
        entries.compactMap { session in session?.user == user ? session : nil }
    }

    /// Names the user of a connection that has signed in.
    /// - Returns: whether the session is there.
    @discardableResult
    public mutating func signIn(_ token: UInt64, as user: String?) -> Bool {
        guard find(token) != nil else { return false }
        entries[Self.slotIndex(token)]?.user = user
        return true
    }

    /// Forgets a connection.
    /// - Returns: what was entered, nil if there was nothing.
    @discardableResult
    public mutating func close(_ token: UInt64) -> Session? {
        guard let session = find(token) else { return nil }
        entries[Self.slotIndex(token)] = nil
        count -= 1
        return session
    }

    private static func slotIndex(_ token: UInt64) -> Int {
        Int(UInt32(truncatingIfNeeded: token))
    }
}
