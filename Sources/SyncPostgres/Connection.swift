// One connection to PostgreSQL: how it is opened, bounded, looked at and closed. Nothing waits
// without end: connecting has libpq's `connect_timeout`, each round trip a deadline, after which
// the connection is given up, and a lock that somebody else holds is waited for as long as the
// bounds say. What is given up is opened again by whoever asks next. Decides nothing of what a
// failure means: that is the caller's, who knows what was sent. How statements travel is in
// +Pipeline.
//
//   closed ──open──► idle ──run──► idle          a statement fails: the rest of the pipeline is
//     ▲                │                          skipped by the server, the connection stays
//     └──broken, late──┘
//
// Confined to its owner's thread.

import CPostgres
import Logging
import MizuSync

/// Why a pipeline did not do all that it should.
enum ConnectionFailure: Error {
    /// There is no connection, and none could be made.
    case unreachable(String)
    /// It broke, or the answer did not come in time: nobody knows what was done of the pipeline.
    case broken(String)
    /// The server refused a statement; all behind it were skipped.
    case refused(code: String, String)
    /// Something stands there that is not ours.
    case occupied(String)
    /// A primary answers that is not to be used: another one has followed it.
    case superseded(String)

    private static let lateWords = "no answer in time"
    static let late = ConnectionFailure.broken(lateWords)
    static let unreachableInTime = ConnectionFailure.unreachable(lateWords)

    /// Whether nothing is wrong but that it takes too long.
    var isLate: Bool {
        switch self {
        case .broken(let message), .unreachable(let message): message == Self.lateWords
        case .refused, .occupied, .superseded: false
        }
    }
}

/// What the server bounds for a connection's transactions.
struct Bounds {
    /// How long a lock is waited for.
    let lockMilliseconds: Int
    /// How long a transaction may stand open with nothing asked, 0 for any time: a process that is
    /// stopped with locks held lets go of them, before others have waited too long for them.
    let idleMilliseconds: Int

    static let writing = Bounds(lockMilliseconds: 10_000, idleMilliseconds: 8_000)
    static let reading = Bounds(lockMilliseconds: 5_000, idleMilliseconds: 0)

    private static let set = Statement(
        "m_bounds",
        """
        SELECT set_config('lock_timeout', $1::int8::text, $3::int8 <> 0),
            CASE WHEN $2::int8 > 0 THEN set_config(
                'idle_in_transaction_session_timeout', $2::int8::text, $3::int8 <> 0) END
        """)

    /// How long one that only tries waits for a lock: long enough for whoever lets go as soon as
    /// somebody waits (autovacuum, when it makes a table shorter).
    static let tryingMilliseconds = 1_000

    private static let setPatience = Statement(
        "m_patience", "SELECT set_config('lock_timeout', $1::int8::text, true)")

    /// From now on the open transaction waits that long for a lock.
    static func patience(milliseconds: Int) -> Query { Query(setPatience).with(milliseconds) }

    func query(isLocal: Bool) -> Query {
        Query(Self.set).with(lockMilliseconds).with(idleMilliseconds).with(isLocal ? 1 : 0)
    }
}

final class Connection {
    /// What one round trip may take; a lock is waited for shorter than that.
    static let roundTripMilliseconds: Int64 = 30_000

    let parameters: [ConnectionParameter]
    private(set) var handle: OpaquePointer?
    /// The server itself is at the other end, and no pool that may give us another one with each
    /// transaction: statements can be kept prepared.
    private(set) var isDirect = false
    /// Names of the statements that the server keeps.
    var prepared: Set<String> = []
    /// Pipelines whose answers nobody waits for, and which were not read yet: how many answers.
    var unread: [Int] = []
    /// Times that an answer was waited for; for measurements.
    var roundTrips = 0
    /// Times that it was opened.
    private(set) var openings = 0

    /// What all connections of the database have done.
    let figures: PostgresFigures
    let bounds: Bounds?
    /// Which primary is the latest; nil: whoever answers will do.
    private let history: PrimaryHistory?
    /// What the server said of itself when it was opened.
    private(set) var peer: Peer?

    /// - Parameters:
    ///   - parameters: how to connect; nil: as the database's URL says.
    ///   - bounds: what the server is to bound; nil: as it is set there.
    init(
        _ database: PostgresDatabase, by parameters: [ConnectionParameter]? = nil,
        bounds: Bounds? = nil
    ) {
        self.parameters = parameters ?? database.parameters
        self.bounds = bounds
        figures = database.figures
        history = database.history
    }

    init(_ parameters: [ConnectionParameter], _ figures: PostgresFigures) {
        self.parameters = parameters
        self.figures = figures
        bounds = nil
        history = nil
    }

    deinit { close() }

    var isOpen: Bool { handle != nil }
    /// The process at the other end, for who looks at it there; 0 where that is a pool's.
    var backend: Int { isDirect ? handle.map { Int(PQbackendPID($0)) } ?? 0 : 0 }

    /// Connects where it is not, and where another primary has followed the one that it leads to.
    /// Of several hosts those are passed over that are not to be used. Blocks.
    /// - Parameter milliseconds: how long that may take for each host; nil: as long as the URL
    ///   says (`connect_timeout`).
    func open(within milliseconds: Int64? = nil) throws(ConnectionFailure) {
        if let peer, !peer.isStandby, history?.isLatest(peer.term) == false { close() }
        guard handle == nil else { return }
        do throws(ConnectionFailure) {
            try open(by: parameters, within: milliseconds)
        } catch {
            guard case .superseded = error else { throw error }
            let hosts = ConnectionParameter.eachHost(of: parameters)
            for host in hosts where hosts.count > 1 {
                do throws(ConnectionFailure) {
                    return try open(by: host, within: milliseconds)
                } catch {
                    continue
                }
            }
            throw error
        }
    }

    /// The same for whoever needs a session of its own, whose locks would be another's in a pool.
    func openSession() throws(ConnectionFailure) {
        try open()
        guard isDirect else {
            throw .occupied(
                "a pool of connections answers (PgBouncer), and this needs a session of its own: "
                    + "name PostgreSQL's own address")
        }
    }

    private func open(
        by parameters: [ConnectionParameter], within milliseconds: Int64?
    ) throws(ConnectionFailure) {
        let connection = Self.connect(parameters, within: milliseconds)
        var isOpened = false
        defer { if !isOpened { figures.broke() } }
        guard let connection else { throw .unreachable("no memory for a connection") }
        handle = connection
        guard PQstatus(connection) == CONNECTION_OK else {
            let message = errorText(PQerrorMessage(connection))
            close()
            if message.isEmpty { throw .unreachableInTime }
            throw .unreachable(message)
        }
        cpostgres_ignore_notices(connection)
        guard PQsetnonblocking(connection, 1) == 0, PQenterPipelineMode(connection) == 1 else {
            close()
            throw .unreachable("the connection knows no pipelines")
        }
        openings += 1
        isOpened = true
        do throws(ConnectionFailure) {
            try greet(connection, within: milliseconds ?? Self.roundTripMilliseconds)
        } catch {
            close()
            throw error
        }
    }

    /// Asks the server who it is, and bounds what it does for us.
    private func greet(
        _ connection: OpaquePointer, within milliseconds: Int64
    ) throws(ConnectionFailure) {
        let peer = try Peer(run([Query(Self.whoIsThere)], within: milliseconds)[0])
        self.peer = peer
        if let history {
            // First itself, so that there is something to compare with.
            try admit(peer, history)
            lookAround(history)
            try admit(peer, history)
        }
        figures.connected()
        // A pool says a number of its own.
        isDirect = peer.backend == Int(PQbackendPID(connection))
        // What we set of a pool's session would be the next one's as well.
        guard isDirect else { return }
        let session = bounds.map { [$0.query(isLocal: false)] } ?? []
        _ = try run([Patience(parameters).query] + session, within: milliseconds)
    }

    /// What libpq makes of it, which may be a connection that has failed; nil: no memory. Blocks.
    /// - Parameter milliseconds: nil: as long as the parameters say.
    static func connect(
        _ parameters: [ConnectionParameter], within milliseconds: Int64? = nil
    ) -> OpaquePointer? {
        var keywords: [UnsafeMutablePointer<CChar>?] = []
        var values: [UnsafeMutablePointer<CChar>?] = []
        for parameter in parameters {
            keywords.append(parameter.keyword.copiedForC())
            values.append(parameter.value.copiedForC())
        }
        defer { for text in keywords + values { text?.deallocate() } }
        let names = keywords.map { UnsafePointer($0) } + [nil]
        let contents = values.map { UnsafePointer($0) } + [nil]
        guard let milliseconds else { return PQconnectdbParams(names, contents, 0) }
        guard let connection = PQconnectStartParams(names, contents, 0) else { return nil }
        advance(connection, until: cpostgres_now() + milliseconds)
        return connection
    }

    /// Brings an attempt to its end, or leaves it where it is when time is up.
    private static func advance(_ connection: OpaquePointer, until deadline: Int64) {
        var step = PGRES_POLLING_WRITING
        while PQstatus(connection) != CONNECTION_BAD,
            step == PGRES_POLLING_WRITING || step == PGRES_POLLING_READING
        {
            let left = deadline - cpostgres_now()
            guard left > 0 else { return }
            let isWrite: Int32 = step == PGRES_POLLING_WRITING ? 1 : 0
            guard cpostgres_wait(PQsocket(connection), isWrite, left) > 0 else { continue }
            step = PQconnectPoll(connection)
        }
    }

    func close() {
        if let handle { PQfinish(handle) }
        handle = nil
        isDirect = false
        peer = nil
        prepared = []
        unread = []
    }

    /// Whether nothing is known against it: a server that has ended it has said so, and that is
    /// read here before anything is sent that must not be lost.
    func checkAlive() throws(ConnectionFailure) {
        guard let handle else { throw .broken("the connection is closed") }
        // Its last words come first, and the end of the stream behind them.
        for _ in 0..<4 {
            guard cpostgres_wait(PQsocket(handle), 0, 0) > 0 else { return }
            guard PQconsumeInput(handle) == 1, PQstatus(handle) == CONNECTION_OK else {
                throw giveUp(handle)
            }
        }
    }

    /// Closes it.
    func giveUp(_ handle: OpaquePointer) -> ConnectionFailure {
        figures.broke()
        let message = errorText(PQerrorMessage(handle))
        close()
        return .broken(message)
    }
}

/// One line of what libpq or the server says. Neither repeats a password.
func errorText(_ text: UnsafePointer<CChar>?) -> String {
    guard let text else { return "" }
    let message = String(cString: text)
    let bytes = message.utf8.split(separator: UInt8(ascii: "\n")).first ?? message.utf8[...]
    return String(bytes) ?? message
}

func errorText(_ text: UnsafeMutablePointer<CChar>?) -> String {
    errorText(UnsafePointer(text))
}

extension StaticString {
    var characters: UnsafePointer<CChar> {
        UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
    }
}

extension String {
    /// To be deallocated.
    fileprivate func copiedForC() -> UnsafeMutablePointer<CChar> {
        let bytes = utf8CString
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        for (index, byte) in bytes.enumerated() { (copy + index).initialize(to: byte) }
        return copy
    }
}
