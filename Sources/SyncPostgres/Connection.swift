// One connection to PostgreSQL, in libpq's pipeline mode: any number of statements go out together
// and cost one round trip. Nothing waits without end: connecting has libpq's `connect_timeout`, and
// each round trip a deadline, after which the connection is given up. What is given up is opened
// again by whoever asks next. Decides nothing of what a failure means: that is the caller's, who
// knows what was sent.
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
}

final class Connection {
    /// What one round trip may take; a lock is waited for shorter than that.
    static let roundTripMilliseconds: Int64 = 30_000

    private let parameters: [ConnectionParameter]
    private var handle: OpaquePointer?
    /// The server itself is at the other end, and no pool that may give us another one with each
    /// transaction: statements can be kept prepared.
    private var isDirect = false
    private var prepared: Set<String> = []
    /// Pipelines whose answers nobody waits for, and which were not read yet: how many answers.
    private var unread: [Int] = []
    /// Times that an answer was waited for; for measurements.
    private(set) var roundTrips = 0
    /// Times that it was opened.
    private(set) var openings = 0

    /// What all connections of the database have done.
    private let figures: PostgresFigures

    /// - Parameter parameters: how to connect; nil: as the database's URL says.
    init(_ database: PostgresDatabase, by parameters: [ConnectionParameter]? = nil) {
        self.parameters = parameters ?? database.parameters
        figures = database.figures
    }

    deinit { close() }

    var isOpen: Bool { handle != nil }
    /// The process at the other end, for who looks at it there; 0 where that is a pool's.
    var backend: Int { isDirect ? handle.map { Int(PQbackendPID($0)) } ?? 0 : 0 }

    /// Connects where it is not. Blocks.
    func open() throws(ConnectionFailure) {
        guard handle == nil else { return }
        let connection = Self.connect(parameters)
        var isOpened = false
        defer { if !isOpened { figures.broke() } }
        guard let connection else { throw .unreachable("no memory for a connection") }
        handle = connection
        guard PQstatus(connection) == CONNECTION_OK else {
            let message = errorText(PQerrorMessage(connection))
            close()
            throw .unreachable(message)
        }
        cpostgres_ignore_notices(connection)
        guard PQsetnonblocking(connection, 1) == 0, PQenterPipelineMode(connection) == 1 else {
            close()
            throw .unreachable("the connection knows no pipelines")
        }
        openings += 1
        isOpened = true
        // A pool says a number of its own.
        let found = try run([Query(Self.whoIsThere)])[0]
        guard found.count == 1, found.bytes(0, 0).count == 8 else {
            close()
            throw .unreachable("the server does not say who it is")
        }
        figures.connected()
        let backend = Int(bigEndian: found.bytes(0, 0).loadUnaligned(as: Int.self))
        isDirect = backend == Int(PQbackendPID(connection))
    }

    private static let whoIsThere = Statement("m_who", "SELECT pg_backend_pid()::int8")

    /// What libpq makes of it, which may be a connection that has failed; nil: no memory. Blocks.
    static func connect(_ parameters: [ConnectionParameter]) -> OpaquePointer? {
        var keywords: [UnsafeMutablePointer<CChar>?] = []
        var values: [UnsafeMutablePointer<CChar>?] = []
        for parameter in parameters {
            keywords.append(parameter.keyword.copiedForC())
            values.append(parameter.value.copiedForC())
        }
        defer { for text in keywords + values { text?.deallocate() } }
        let names = keywords.map { UnsafePointer($0) } + [nil]
        let contents = values.map { UnsafePointer($0) } + [nil]
        return PQconnectdbParams(names, contents, 0)
    }

    func close() {
        if let handle { PQfinish(handle) }
        handle = nil
        isDirect = false
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

    // MARK: Pipelines

    /// Sends the statements together and waits for all answers. Not open: `.broken`.
    /// - Parameter milliseconds: how long that may take.
    /// - Returns: one for each, in order.
    func run(
        _ queries: [Query], within milliseconds: Int64 = roundTripMilliseconds
    ) throws(ConnectionFailure) -> [Rows] {
        let deadline = cpostgres_now() + milliseconds
        let began = cpostgres_now_ns()
        let steps = try send(queries)
        roundTrips += 1
        defer { figures.waited(nanoseconds: Int(cpostgres_now_ns() - began)) }
        do throws(ConnectionFailure) {
            for count in unread { try skip(count, deadline) }
            unread = []
            return try read(steps, deadline)
        } catch {
            if case .broken = error {
                figures.broke()
                close()
            }
            throw error
        }
    }

    /// Sends the statements and waits for nothing. What becomes of them nobody is told.
    func post(_ queries: [Query]) {
        guard handle != nil else { return }
        do throws(ConnectionFailure) {
            let steps = try send(queries)
            unread.append(steps.count)
            try flush(until: cpostgres_now() + Self.roundTripMilliseconds)
            // Each is a few bytes, and a peer that reads none of them is gone.
            if unread.count > 16 { close() }
        } catch {
            close()
        }
    }

    /// What an answer is to.
    private enum Step {
        case prepare(String)
        case execute
    }

    private func send(_ queries: [Query]) throws(ConnectionFailure) -> [Step] {
        guard let handle else { throw .broken("the connection is closed") }
        var steps: [Step] = []
        for query in queries {
            let isSent =
                isDirect
                ? sendPrepared(query, handle, &steps) : sendWhole(query, handle, &steps)
            guard isSent else { throw giveUp(handle) }
        }
        guard PQpipelineSync(handle) == 1 else { throw giveUp(handle) }
        return steps
    }

    private func giveUp(_ handle: OpaquePointer) -> ConnectionFailure {
        figures.broke()
        let message = errorText(PQerrorMessage(handle))
        close()
        return .broken(message)
    }

    private func sendWhole(
        _ query: Query, _ handle: OpaquePointer, _ steps: inout [Step]
    ) -> Bool {
        steps.append(.execute)
        return query.withParameters { values, lengths, formats in
            PQsendQueryParams(
                handle, query.statement.text.characters, Int32(query.types.count), query.types,
                values, lengths, formats, 1)
        } == 1
    }

    private func sendPrepared(
        _ query: Query, _ handle: OpaquePointer, _ steps: inout [Step]
    ) -> Bool {
        let name = query.statement.name.description
        if prepared.insert(name).inserted {
            steps.append(.prepare(name))
            let code = PQsendPrepare(
                handle, query.statement.name.characters, query.statement.text.characters,
                Int32(query.types.count), query.types)
            guard code == 1 else { return false }
        }
        steps.append(.execute)
        return query.withParameters { values, lengths, formats in
            PQsendQueryPrepared(
                handle, query.statement.name.characters, Int32(query.types.count), values, lengths,
                formats, 1)
        } == 1
    }

    // MARK: Answers

    private func read(_ steps: [Step], _ deadline: Int64) throws(ConnectionFailure) -> [Rows] {
        var rows: [Rows] = []
        var refusal: ConnectionFailure?
        for step in steps {
            guard let result = try next(deadline) else {
                throw .broken("an answer is missing")
            }
            let status = PQresultStatus(result)
            if status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK {
                let found = Rows(result)
                if case .execute = step { rows.append(found) }
            } else {
                if case .prepare(let name) = step { prepared.remove(name) }
                if refusal == nil, status == PGRES_FATAL_ERROR {
                    let code = PQresultErrorField(result, Int32(UInt8(ascii: "C")))
                    refusal = .refused(
                        code: code.map { String(cString: $0) } ?? "",
                        errorText(PQresultErrorMessage(result)))
                }
                PQclear(result)
            }
            // An empty one ends each statement's.
            if let surplus = try next(deadline) {
                PQclear(surplus)
                throw .broken("an answer too many")
            }
        }
        try readSync(deadline)
        if let refusal {
            // The server is about to go, or forgot what was prepared.
            if case .refused(let code, _) = refusal, code.hasPrefix("57P") || code == "26000" {
                close()
            }
            throw refusal
        }
        guard rows.count == steps.count(where: { if case .execute = $0 { true } else { false } })
        else { throw .broken("statements were skipped") }
        return rows
    }

    /// Reads past the answers of a pipeline that nobody waits for.
    private func skip(_ count: Int, _ deadline: Int64) throws(ConnectionFailure) {
        for _ in 0..<count {
            while let result = try next(deadline) {
                let isOver = PQresultStatus(result) == PGRES_PIPELINE_SYNC
                PQclear(result)
                if isOver { return }
            }
        }
        try readSync(deadline)
    }

    private func readSync(_ deadline: Int64) throws(ConnectionFailure) {
        guard let result = try next(deadline) else { throw .broken("no end of the answers") }
        defer { PQclear(result) }
        guard PQresultStatus(result) == PGRES_PIPELINE_SYNC else {
            throw .broken("no end of the answers")
        }
    }

    /// The next answer, waited for until the deadline.
    private func next(_ deadline: Int64) throws(ConnectionFailure) -> OpaquePointer? {
        guard let handle else { throw .broken("the connection is closed") }
        try flush(until: deadline)
        while PQisBusy(handle) != 0 {
            try wait(handle, forWrite: false, deadline)
            guard PQconsumeInput(handle) == 1 else {
                throw .broken(errorText(PQerrorMessage(handle)))
            }
        }
        let result = PQgetResult(handle)
        if result == nil, PQstatus(handle) != CONNECTION_OK {
            throw .broken(errorText(PQerrorMessage(handle)))
        }
        if let result, PQstatus(handle) != CONNECTION_OK {
            let message = errorText(PQresultErrorMessage(result))
            PQclear(result)
            throw .broken(message)
        }
        return result
    }

    private func flush(until deadline: Int64) throws(ConnectionFailure) {
        guard let handle else { throw .broken("the connection is closed") }
        while true {
            let left = PQflush(handle)
            if left == 0 { return }
            guard left > 0 else { throw .broken(errorText(PQerrorMessage(handle))) }
            // A peer that answers before it has read everything must be read, or both wait.
            if try wait(handle, forWrite: true, deadline) & 1 != 0 {
                guard PQconsumeInput(handle) == 1 else {
                    throw .broken(errorText(PQerrorMessage(handle)))
                }
            }
        }
    }

    @discardableResult
    private func wait(
        _ handle: OpaquePointer, forWrite: Bool, _ deadline: Int64
    ) throws(ConnectionFailure) -> Int32 {
        while true {
            let left = deadline - cpostgres_now()
            guard left > 0 else { throw .broken("no answer in time") }
            let found = cpostgres_wait(PQsocket(handle), forWrite ? 1 : 0, left)
            if found > 0 { return found }
        }
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

extension Query {
    /// Calls `body` with what libpq takes; the pointers must not outlive the call.
    func withParameters<R>(
        _ body: (
            UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> R
    ) -> R {
        let lengths = ranges.map { Int32(truncatingIfNeeded: $0.count) }
        let formats = [Int32](repeating: 1, count: ranges.count)
        // An empty array may have no address, and a parameter without one is null.
        var storage = bytes
        storage.append(0)
        return storage.withUnsafeBytes { content in
            let values = ranges.map { range in
                content.baseAddress.map {
                    ($0 + range.lowerBound).assumingMemoryBound(to: CChar.self)
                }
            }
            return body(values, lengths, formats)
        }
    }
}
