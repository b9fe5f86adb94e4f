// How statements travel, in libpq's pipeline mode: any number of them go out together and cost one
// round trip. Where the server itself is at the other end each is prepared once and known by its
// name; a pool is sent the whole text each time. Part of Connection, on its owner's thread.

import CPostgres
import MizuSync

extension Connection {
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
            if case .refused(let code, _) = refusal,
                code.hasPrefix("57P") || code == "26000" || code == "25006"
            {
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
            guard left > 0 else { throw .late }
            let found = cpostgres_wait(PQsocket(handle), forWrite ? 1 : 0, left)
            if found > 0 { return found }
        }
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
