// What is known of each socket of one worker, in one row: who it is, where it comes from, what is
// counted of it, and what it waits for. Its subscriptions are in `Subscriptions`, the moment at
// which it ends in `Credentials`. Confined to its worker; by slot index, so that a row needs no
// key.

import MizuBytes
import MizuHTTP
import MizuServer
import MizuSync
import MizuTopics

/// One socket.
struct LiveSocket {
    let token: Token
    /// Random, unique among all workers; tells nothing else. Names the session to the app.
    let id: String
    /// Who it is: of the request that opened it, or of an `auth`; nil for nobody.
    var user: String?
    /// When it was opened, in milliseconds since 1970.
    let sinceMilliseconds: Int
    /// Where its reads are counted.
    let source: ReadSource
    /// What is counted of its messages; nil: nothing.
    let meter: SocketMeter?
    /// Topics of which a reader is asked where they are, each with the number of the question: one
    /// that an unsubscribe or another subscribe overtook has another number, or none.
    var asks: [ByteSlice: Int] = [:]
    // The last two fill a gap together: a row is 96 bytes.
    /// Where its pushes are counted; nil: nowhere.
    let origin: PushOrigin?
    /// The topic that its last heartbeat was about.
    var heartbeatTopic: TopicID?

    /// - Parameter id: see `randomID`.
    init(
        _ token: Token, id: String, user: String?, sinceMilliseconds: Int, source: ReadSource,
        origin: PushOrigin? = nil, meter: SocketMeter? = nil
    ) {
        self.token = token
        self.id = id
        self.user = user
        self.sinceMilliseconds = sinceMilliseconds
        self.source = source
        self.origin = origin
        self.meter = meter
    }

    /// 72 bits in 12 characters: unguessable, and small enough to be stored in place.
    static func randomID(using random: inout some RandomNumberGenerator) -> String {
        let bytes = (0..<9).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        return String(decoding: Base64.encode(bytes, alphabet: .url), as: UTF8.self)
    }
}

/// Rows by slot. One owner, one thread.
struct SocketTable: ~Copyable {
    private var rows: ContiguousArray<LiveSocket?> = []
    private(set) var count = 0

    /// Enters a socket; one of an earlier generation in the same slot gives way to it.
    mutating func open(_ socket: LiveSocket) {
        let slot = socket.token.index
        if slot >= rows.count {
            rows.append(contentsOf: repeatElement(nil, count: slot + 1 - rows.count))
        }
        if rows[slot] == nil { count += 1 }
        rows[slot] = socket
    }

    /// The row of a socket; nil if it has gone. O(1).
    subscript(token: Token) -> LiveSocket? {
        let slot = token.index
        guard slot < rows.count, let row = rows[slot], row.token == token else { return nil }
        return row
    }

    /// Changes the row of a socket in place; nothing happens if it has gone. O(1).
    mutating func update(_ token: Token, _ change: (inout LiveSocket) -> Void) {
        let slot = token.index
        guard slot < rows.count, var row = rows[slot], row.token == token else { return }
        rows[slot] = nil
        change(&row)
        rows[slot] = row
    }

    /// The socket with that id. O(sockets): it is people who ask.
    func find(id: String) -> LiveSocket? {
        for case let row? in rows where row.id == id { return row }
        return nil
    }

    /// All sockets, in no promised order. O(sockets).
    var all: [LiveSocket] { rows.compactMap { $0 } }

    /// Forgets a socket, and with it everything that is in its row.
    /// - Returns: whether it was there.
    @discardableResult
    mutating func close(_ token: Token) -> Bool {
        guard self[token] != nil else { return false }
        rows[token.index] = nil
        count -= 1
        return true
    }
}
