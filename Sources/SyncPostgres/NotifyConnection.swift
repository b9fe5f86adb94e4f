// One connection to PostgreSQL for LISTEN and NOTIFY: one command at a time, whose end and what
// others notify are read as they come. It blocks in one place, where libpq connects (bounded by
// `connect_timeout` for each host); everything else waits in its owner's `wait`. A connection that
// has failed is thrown away with all that it listened to.
//
//   init ──► idle ──send──► busy ──.done, .refused──► idle
//             └──────────────┴── broke ──► Failure: the object is of no use any more
//
// Confined to its owner's thread.

import CPostgres
import MizuBytes
import MizuSync

/// A name that PostgreSQL takes for a channel: what may stand in it cannot end the quotes that it
/// is written in, and it is short enough not to be cut.
package struct NotifyChannel: Hashable, Sendable {
    package let text: String

    /// PostgreSQL cuts identifiers there (NAMEDATALEN - 1).
    package static let bytesMax = 63

    /// Where a name would be none.
    package static let anything = NotifyChannel(fine: "mizu")

    private init(fine text: String) { self.text = text }

    package init?(_ text: String) {
        guard !text.isEmpty, text.utf8.count <= Self.bytesMax,
            text.utf8.allSatisfy({ Self.isFine($0) })
        else { return nil }
        self.text = text
    }

    private static func isFine(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }
}

package final class NotifyConnection {
    /// What comes, in order.
    package enum Input: Sendable {
        case notification(channel: String, payload: ByteSlice)
        /// The command is done.
        case done
        /// The server refused the command, with its five characters of SQLSTATE.
        case refused(code: String)
    }

    /// One line for people, without a password.
    package struct Failure: Error {
        package let reason: String
    }

    /// Characters of a payload that PostgreSQL takes at most.
    package static let payloadBytesMax = 7_999

    private let handle: OpaquePointer
    private let patience: Patience
    /// A command is under way.
    package private(set) var isBusy = false
    /// The kernel has not taken all that was sent.
    private var hasUnsent = false
    /// What the last command's first row says first.
    package private(set) var answer = ""
    /// What the command was refused with, until its end has come.
    private var refusal: String?

    /// Connects. Blocks.
    package init(_ database: PostgresDatabase) throws(Failure) {
        let parameters = ConnectionParameter.named("news", database.parameters)
        guard let handle = Connection.connect(parameters) else {
            throw Failure(reason: "no memory for a connection")
        }
        guard PQstatus(handle) == CONNECTION_OK, PQsetnonblocking(handle, 1) == 0 else {
            let reason = errorText(PQerrorMessage(handle))
            PQfinish(handle)
            throw Failure(reason: reason)
        }
        cpostgres_ignore_notices(handle)
        self.handle = handle
        patience = Patience(parameters)
    }

    deinit { PQfinish(handle) }

    /// The process at the other end, as the greeting has it. A pool says a number of its own.
    package var backend: Int { Int(PQbackendPID(handle)) }

    // MARK: Commands

    /// Begins and ceases to listen, in one transaction. Not while it is busy.
    package func listen(
        to more: [NotifyChannel], not less: [NotifyChannel] = []
    ) throws(Failure) {
        let words =
            more.map { "LISTEN \"\($0.text)\";" } + less.map { "UNLISTEN \"\($0.text)\";" }
        try send(words.joined())
    }

    /// Asks which process does the work: `answer` is its number. The server itself is asked for
    /// patience as ours.
    package func askBackend() throws(Failure) {
        try send(
            """
            SELECT pg_backend_pid(), CASE WHEN pg_backend_pid() = \(backend) THEN
                set_config('tcp_keepalives_idle', '\(patience.idleSeconds)', false)
                || set_config('tcp_keepalives_interval', '\(patience.intervalSeconds)', false)
                || set_config('tcp_keepalives_count', '\(patience.count)', false)
                || set_config('tcp_user_timeout', '\(patience.milliseconds)', false) END
            """)
    }

    /// Asks nothing, so that the server has to say something.
    package func askNothing() throws(Failure) { try send("") }

    private func send(_ text: String) throws(Failure) {
        assert(!isBusy, "one command at a time")
        try began(PQsendQuery(handle, text))
    }

    static let notifyStatement = Statement(
        "m_notify",
        """
        SELECT pg_notify(convert_from(c, 'UTF8'), convert_from(p, 'UTF8'))
        FROM unnest($1, $2) AS t (c, p)
        """)

    private static func query(_ all: [(channel: NotifyChannel, payload: [UInt8])]) -> Query {
        var (channels, payloads) = (Column(capacity: all.count), Column(capacity: all.count))
        for (channel, payload) in all {
            channels.append(Array(channel.text.utf8))
            payloads.append(payload)
        }
        return Query(notifyStatement).with(channels).with(payloads)
    }

    /// Notifies all who listen, in order and in one transaction. Not while it is busy.
    package func notify(
        _ all: [(channel: NotifyChannel, payload: [UInt8])]
    ) throws(Failure) {
        assert(!isBusy, "one command at a time")
        let query = Self.query(all)
        let code = query.withParameters { values, lengths, formats in
            PQsendQueryParams(
                handle, query.statement.text.characters, Int32(query.types.count), query.types,
                values, lengths, formats, 1)
        }
        try began(code)
    }

    /// Notifies by another connection, which is made for it. Blocks.
    package static func notifyElsewhere(
        _ database: PostgresDatabase, _ channel: NotifyChannel, _ payload: [UInt8],
        withinMilliseconds milliseconds: Int64
    ) throws(Failure) {
        let connection = Connection(
            database, by: ConnectionParameter.named("news", database.parameters))
        do throws(ConnectionFailure) {
            try connection.open()
            _ = try connection.run([query([(channel, payload)])], within: milliseconds)
        } catch {
            throw Failure(reason: error.storeError(isCommitSent: false).message)
        }
    }

    private func began(_ code: Int32) throws(Failure) {
        guard code == 1 else { throw broken() }
        isBusy = true
        (answer, refusal) = ("", nil)
        try flush()
    }

    private func broken() -> Failure { Failure(reason: errorText(PQerrorMessage(handle))) }

    private func flush() throws(Failure) {
        let left = PQflush(handle)
        guard left >= 0 else { throw broken() }
        hasUnsent = left > 0
    }

    // MARK: What comes

    package enum Awaited: Sendable { case nothing, input }

    /// Waits for something to read, for the kernel to take more, or for the bell.
    /// - Parameter connection: nil: there is none.
    package static func wait(
        _ connection: NotifyConnection?, bell: Int32, milliseconds: Int
    ) throws(Failure) -> Awaited {
        let found = cpostgres_wait_for_two(
            connection.map { PQsocket($0.handle) } ?? -1,
            connection?.hasUnsent == true ? 1 : 0, bell, Int64(milliseconds))
        // A signal has ended the wait, or the time has.
        guard found > 0, let connection else { return .nothing }
        if found & 2 != 0 || found & 1 != 0, connection.hasUnsent { try connection.flush() }
        return found & 1 != 0 ? .input : .nothing
    }

    /// Reads what there is.
    package func read(_ take: (Input) throws(Failure) -> Void) throws(Failure) {
        guard PQconsumeInput(handle) == 1 else { throw broken() }
        try takeNotifications(take)
        while isBusy, PQisBusy(handle) == 0 {
            guard let result = PQgetResult(handle) else {
                isBusy = false
                try take(refusal.map { .refused(code: $0) } ?? .done)
                break
            }
            note(result)
        }
        // Those between the answers.
        try takeNotifications(take)
        guard PQstatus(handle) == CONNECTION_OK else { throw broken() }
    }

    private func takeNotifications(
        _ take: (Input) throws(Failure) -> Void
    ) throws(Failure) {
        while let notification = PQnotifies(handle) {
            defer { PQfreemem(notification) }
            guard let name = notification.pointee.relname, let text = notification.pointee.extra
            else { continue }
            let payload = UnsafeRawBufferPointer(start: text, count: length(text))
            try take(
                .notification(
                    channel: String(cString: name), payload: ByteSlice(copying: payload)))
        }
    }

    private func length(_ text: UnsafePointer<CChar>) -> Int {
        var count = 0
        while text[count] != 0 { count += 1 }
        return count
    }

    private func note(_ result: OpaquePointer) {
        defer { PQclear(result) }
        let status = PQresultStatus(result)
        if status == PGRES_FATAL_ERROR {
            let code = PQresultErrorField(result, Int32(UInt8(ascii: "C")))
            refusal = code.map { String(cString: $0) } ?? "without a reason"
        } else if status == PGRES_TUPLES_OK, PQntuples(result) > 0, PQfformat(result, 0) == 0 {
            answer = PQgetvalue(result, 0, 0).map { String(cString: $0) } ?? ""
        }
    }
}
