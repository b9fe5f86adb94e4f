// HTTP/1.1 on a connection: one request after the other, each answered before the next is taken, so
// answers leave in the order of their questions (RFC 9112 §9.3.2). A handler that answers later
// parks the connection: what comes meanwhile stays unread, which is the peer's backpressure.

import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuRouting

extension Worker {
    /// Takes one request, or as much of it as is there.
    @inline(__always)
    func takeRequest(
        _ connection: Connection, _ bytes: UnsafeMutableRawBufferPointer
    ) -> InputStep {
        if !connection.flags.isDisjoint(with: [.awaited, .streams]) { return .pause(0) }
        if connection.incomplete != nil { return takeBody(connection, bytes) }
        guard makeRoom(for: connection) == .free else { return .pause(0) }
        let input = UnsafeRawBufferPointer(bytes)
        switch parse(input, with: &connection.state.pointee.parser) {
        case .needMore:
            if !connection.flags.contains(.inHead) {
                connection.flags.insert(.inHead)
                arm(connection, .head)
            }
            return .needMore(0)
        case .reject(let reject):
            refuse(reject, to: connection)
            return .took(bytes.count)
        case .head(let consumed):
            connection.flags.remove(.inHead)
            return takeHead(connection, input, headCount: consumed)
        }
    }

    /// Apart, so that what a refusal needs is not made ready for each request.
    @inline(never)
    private func refuse(_ reject: HTTPReject, to connection: Connection) {
        write(.refusal(reject), for: .refused, to: connection)
    }

    @inline(__always)
    private func parse(
        _ input: UnsafeRawBufferPointer, with parser: inout RequestParser
    ) -> HeadOutcome {
        state.pointee.lastHead.parse(input, with: &parser, limits: limits.http)
    }

    /// The head is in `self.head`. Dispatches at once where the whole body is there too.
    private func takeHead(
        _ connection: Connection, _ input: UnsafeRawBufferPointer, headCount: Int
    ) -> InputStep {
        let headBytes = UnsafeRawBufferPointer(rebasing: input[..<headCount])
        switch head.framing {
        case .none, .untilClose:
            dispatch(connection, headBytes, body: UnsafeRawBufferPointer(start: nil, count: 0))
            return .took(headCount)
        case .length(let count)
        where count <= input.count - headCount
            && count <= limits.http.bodyBytesMax:
            let body = UnsafeRawBufferPointer(rebasing: input[headCount..<headCount + count])
            dispatch(connection, headBytes, body: body)
            return .took(headCount + count)
        case .length, .chunked:
            beginBody(connection, headBytes)
            return .took(headCount)
        }
    }

    // MARK: Bodies that arrive in parts

    /// Refuses what can be refused before its body is read; else parks the head.
    private func beginBody(_ connection: Connection, _ headBytes: UnsafeRawBufferPointer) {
        if logsAccess { beginAccess(connection, headBytes) }
        var context = ResponseContext(head, defaults: defaults)
        var request = makeRequest(
            connection, headBytes, body: UnsafeRawBufferPointer(start: nil, count: 0))
        if request.isSecure { context.defaults = defaults.secured }
        let refusal = admit(&request, certificateHosts)
        context.crossOrigin = request.crossOrigin
        if refusal == nil, case .length(let count) = head.framing,
            count > limits.http.bodyBytesMax
        {
            var refusal = tooLarge()
            settle(&refusal, for: asked(request, on: connection))
            return write(refusal, for: context, to: connection)
        }
        if case .length(let count) = head.framing, isMemoryShort(for: connection, count) {
            return write(Self.memoryShort, for: context, to: connection)
        }
        if var refusal = refusal ?? takePayment(for: &request) {
            // Its body would come unasked: the connection cannot be used again.
            refusal.connection = .close
            settle(&refusal, for: asked(request, on: connection))
            return write(refusal, for: context, to: connection)
        }
        if head.expectsContinue, var refusal = answerWithoutBody(to: &request) {
            refusal.connection = .close
            settle(&refusal, for: asked(request, on: connection))
            return write(refusal, for: context, to: connection)
        }
        let reader = BodyReader(head.framing, limits: limits.http)
        // Memory follows the bytes that have come, not the length that was claimed.
        connection.incomplete = IncompleteRequest(
            headBytes: ByteSlice(copying: headBytes), bodyReader: reader, capacity: 4096,
            rate: TransferRate(0, limits.pace, now: now))
        holds(connection)
        arm(connection, .body)
        if head.expectsContinue {
            compose(for: connection) { ResponseWriter.writeContinue(into: &$0) }
        }
    }

    /// What the head alone decides, said in place of 100 (RFC 9110 §10.1.1): that there is no such
    /// route. A middleware that waits may have another answer; it is asked as always, behind the
    /// body.
    private func answerWithoutBody(to request: inout Request) -> Response? {
        guard !router.hasRoute(for: &request) else { return nil }
        let response = router.respond(to: &request)
        if case .waiting = response.kind { return nil }
        return response
    }

    @inline(never)
    private func takeBody(
        _ connection: Connection, _ bytes: UnsafeMutableRawBufferPointer
    ) -> InputStep {
        guard let incomplete = connection.incomplete else { return .took(0) }
        let outcome = incomplete.bodyReader.read(
            UnsafeRawBufferPointer(bytes), into: &incomplete.body)
        switch outcome {
        case .needMore(let consumed): return .needMore(consumed)
        case .reject(let reject):
            connection.incomplete = nil
            write(
                reject == .bodyTooLarge ? tooLarge() : .refusal(reject), for: .refused,
                to: connection)
            return .took(bytes.count)
        case .complete(let consumed):
            connection.incomplete = nil
            incomplete.headBytes.withUnsafeBytes { headBytes in
                var parser = RequestParser()
                // Parsed once already from the same bytes: the outcome is the same.
                _ = parse(headBytes, with: &parser)
                dispatch(
                    connection, headBytes, body: incomplete.body.readable, payment: .taken)
            }
            return .took(consumed)
        }
    }

    private func tooLarge() -> Response {
        var response = Response(
            HTTPError(
                .contentTooLarge, code: "too_large",
                message: "the body is over \(limits.http.bodyBytesMax) bytes"))
        response.connection = .close
        return response
    }

    // MARK: Dispatch

    private func makeRequest(
        _ connection: Connection, _ headBytes: UnsafeRawBufferPointer,
        body: UnsafeRawBufferPointer
    ) -> Request {
        var peer = connection.peer
        var scheme = connection.transport.isSecure ? Scheme.https : .http
        var host = head.host
        if !connection.arrival.isDisjoint(with: [.viaProxy, .viaSecureProxy]) {
            (peer, scheme, host) = forwarded(connection, headBytes, over: scheme)
        }
        return Request(
            head: state.pointee.lastHead.head, headBytes: headBytes, body: body,
            exchange: ExchangeID(
                worker: UInt16(truncatingIfNeeded: index), connection: connection.token.bits,
                sequence: connection.exchangeSequence),
            peer: peer, scheme: scheme, authority: host)
    }

    private func dispatch(
        _ connection: Connection, _ headBytes: UnsafeRawBufferPointer,
        body: UnsafeRawBufferPointer, payment: Payment = .due
    ) {
        budget.spend(TickBudget.Price.request &+ body.count)
        connection.exchangeSequence &+= 1
        var context = ResponseContext(head, defaults: defaults)
        if drainDeadline != nil { context.persistence = .close }
        if logsAccess { beginAccess(connection, headBytes) }
        var request = makeRequest(connection, headBytes, body: body)
        if request.isSecure { context.defaults = defaults.secured }
        let refusal = admit(&request, certificateHosts)
        context.crossOrigin = request.crossOrigin
        if var refusal {
            settle(&refusal, for: asked(request, on: connection))
            return write(refusal, for: context, to: connection)
        }
        guard limiter == nil else {
            let response = respond(to: &request, payment)
            state.pointee.route = request.route
            return finish(response, to: request, context, on: connection)
        }
        let response = router.respond(to: &request)
        state.pointee.route = request.route
        guard response.isPlain, compression != .gzip, !logsAccess else {
            return finish(response, to: request, context, on: connection)
        }
        write(response, for: context, to: connection)
    }

    /// Sends the handler's answer, if it is one already.
    func finish(
        _ response: consuming Response, to request: borrowing Request,
        _ context: ResponseContext, on connection: Connection
    ) {
        if !response.isPlain {
            if let prepared = response.prepared, context.crossOrigin == 0,
                context.defaults != .none, prepared.isUnchanged(in: response)
            {
                if logsAccess { noteAccess(connection, user: request.user) }
                return write(prepared, of: response, for: context, to: connection)
            }
            guard case .complete = response.kind else {
                return goOn(with: response.kind, connection, request, context)
            }
            settle(&response, for: asked(request, on: connection))
        }
        if logsAccess { noteAccess(connection, user: request.user) }
        if compression == .gzip { pack(&response, for: request, context) }
        write(response, for: context, to: connection)
    }

    /// The handler has not answered: it will, or the connection goes on as a WebSocket.
    @inline(never)
    private func goOn(
        with kind: Response.Kind, _ connection: Connection, _ request: borrowing Request,
        _ context: ResponseContext
    ) {
        var watch: ExchangeWatch?
        // Answers of a socket follow at once; all others have the route from who is owed them.
        if case .webSocket = kind {} else { state.pointee.route = -1 }
        switch kind {
        case .complete: return
        case .webSocket(let service, let subprotocol):
            return upgrade(
                connection, request, context: context, service: service,
                subprotocol: subprotocol)
        case .watched(let exchange): watch = exchange
        case .waiting(let work): return begin(work, for: request, context, on: connection)
        case .pending: break
        }
        if logsAccess { noteAccess(connection, user: request.user) }
        owe(connection, answerTo: request, in: context, watchedBy: watch)
        handedOver(request.bodyCount, by: connection)
        arm(connection, .handler)
    }

    // MARK: Answers

    func write(
        _ response: Response, for context: ResponseContext, to connection: Connection
    ) {
        if response.status.code >= 500, !response.has("X-Request-Id") {
            return writeNamed(response, for: context, to: connection)
        }
        if context.crossOrigin != 0 { return writeShared(response, for: context, to: connection) }
        if context.defaults == .secureWeb, let transportSecurity {
            return writeSecured(response, transportSecurity, for: context, to: connection)
        }
        if response.body.weight > smallBytesMax {
            return writeLarge(response, for: context, to: connection)
        }
        writeWhole(response, for: context, to: connection)
    }

    /// The answer as it is, or 503 in its place where it would have to wait and there is no memory;
    /// a stream's head, and what follows as it is taken.
    @inline(never)
    func writeLarge(
        _ response: Response, for context: ResponseContext, to connection: Connection
    ) {
        var response = affordable(response, for: connection)
        guard case .stream(let stream) = response.body else {
            return writeWhole(response, for: context, to: connection)
        }
        let isWanted = context.method != .head && !response.status.isAlwaysWithoutContent
        if !isWanted { stream.cancel() }
        // An HTTP/1.0 client knows the end of what has no length by the connection's alone.
        if isWanted, stream.count == nil, context.minorVersion == 0 {
            response.connection = .close
        }
        countAnswer(response.status)
        if logsAccess { endAccess(connection, response, method: context.method) }
        var written = WrittenResponse(owesBody: false, persistence: .close)
        compose(for: connection) { output in
            written = ResponseWriter.writeHead(
                response, ofCount: stream.count, for: context, date: state.pointee.date,
                into: &output)
        }
        if isWanted { return begin(stream, for: context, written.persistence, on: connection) }
        wrote(written, isWatched: false, to: connection)
    }

    @inline(__always)
    private func writeWhole(
        _ response: Response, for context: ResponseContext, to connection: Connection
    ) {
        countAnswer(response.status)
        if logsAccess { endAccess(connection, response, method: context.method) }
        var written = WrittenResponse(owesBody: false, persistence: .close)
        compose(for: connection) { output in
            written = ResponseWriter.write(
                response, for: context, date: state.pointee.date, into: &output)
        }
        var isWatched = false
        if written.owesBody {
            isWatched = response.body.count > limits.unwatchedAnswerBytesMax
            switch response.body {
            case .empty, .stream: break
            case .slice(let slice): enqueue(slice, for: connection)
            case .slices(let slices):
                for slice in slices { enqueue(slice, for: connection) }
            }
        }
        wrote(written, isWatched: isWatched, to: connection)
    }

    /// An answer that was written out before; a large body is sent from where it stands.
    private func write(
        _ prepared: PreparedResponse, of response: Response, for context: ResponseContext,
        to connection: Connection
    ) {
        guard response.body.count <= smallBytesMax else {
            return write(response, for: context, to: connection)
        }
        countAnswer(response.status)
        if logsAccess { endAccess(connection, response, method: context.method) }
        let policy = context.defaults == .secureWeb ? transportPolicy : []
        var written = WrittenResponse(owesBody: false, persistence: .close)
        compose(for: connection) { output in
            written = prepared.write(
                for: context, date: state.pointee.date, policy: policy, into: &output)
        }
        if written.owesBody { enqueue(prepared.owedBody, for: connection) }
        wrote(
            written,
            isWatched: written.owesBody && prepared.owedBody.count > limits.unwatchedAnswerBytesMax,
            to: connection)
    }

    /// The answer is on its way as a whole.
    @inline(__always)
    private func wrote(
        _ written: WrittenResponse, isWatched: Bool, to connection: Connection
    ) {
        if written.persistence == .close {
            connection.incomplete = nil
            end(connection, because: .finished)
        } else if isWatched {
            arm(connection, .writeStall)
        } else {
            armIdle(connection)
        }
    }

    /// With what browsers want to be told for pages of other origins.
    private func writeShared(
        _ response: Response, for context: ResponseContext, to connection: Connection
    ) {
        var (shared, written) = (response, context)
        written.crossOrigin = 0
        crossOrigin.write(context.crossOrigin, to: &shared)
        write(shared, for: written, to: connection)
    }

    /// With `Strict-Transport-Security` (RFC 6797 §7.1), unless the handler has set its own.
    private func writeSecured(
        _ response: Response, _ policy: String, for context: ResponseContext,
        to connection: Connection
    ) {
        var (secured, written) = (response, context)
        written.defaults = .web
        // The policy was checked when it was configured.
        if !secured.has("Strict-Transport-Security") {
            try? secured.set("Strict-Transport-Security", policy)
        }
        write(secured, for: written, to: connection)
    }
}
