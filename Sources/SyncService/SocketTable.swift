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
    private let idHigh: UInt64
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
    /// What proved who it is.
    var credential: Credential
    // The last three fill a gap together: a row is 96 bytes.
    /// Where its pushes are counted; nil: nowhere.
    let origin: PushOrigin?
    private let idLow: UInt8
    /// The topic that its last heartbeat was about.
    var heartbeatTopic: TopicID?

    /// Random, unique among all workers; tells nothing else. Names the session to the app: 72 bits,
    /// unguessable.
    struct ID: Hashable, Sendable {
        fileprivate let high: UInt64
        fileprivate let low: UInt8

        init(using random: inout some RandomNumberGenerator) {
            self.init(high: random.next(), low: random.next())
        }

        fileprivate init(high: UInt64, low: UInt8) {
            self.high = high
            self.low = low
        }

        /// Nil where no socket has an id of this text.
        init?(text: String) {
            guard let bytes = Base64.decode(Array(text.utf8), alphabet: .url), bytes.count == 9
            else { return nil }
            high = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
            low = bytes[8]
        }

        /// Twelve characters.
        var text: String {
            let bytes = (0..<8).map { UInt8(truncatingIfNeeded: high >> (56 - 8 * $0)) } + [low]
            return String(decoding: Base64.encode(bytes, alphabet: .url), as: UTF8.self)
        }
    }

    /// Names a session or a token in eight bytes: a hash that is keyed by the process, so that
    /// nobody outside can find two names that are the same.
    struct Credential: Hashable, Sendable {
        private let hash: Int

        /// Nothing that ends by itself.
        static let none = Credential(hash: 0)

        private init(hash: Int) { self.hash = hash }

        init(_ name: String) { hash = name.hashValue }
    }

    var id: ID { ID(high: idHigh, low: idLow) }

    init(
        _ token: Token, id: ID, user: String?, sinceMilliseconds: Int, source: ReadSource,
        origin: PushOrigin? = nil, meter: SocketMeter? = nil, credential: Credential = .none
    ) {
        self.token = token
        (idHigh, idLow) = (id.high, id.low)
        self.user = user
        self.sinceMilliseconds = sinceMilliseconds
        self.source = source
        self.origin = origin
        self.meter = meter
        self.credential = credential
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
    func find(id text: String) -> LiveSocket? {
        guard let id = LiveSocket.ID(text: text) else { return nil }
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
