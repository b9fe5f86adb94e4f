// A worker's part of the access log: what happens to a request becomes a line (`AccessLines`). If
// the log is off, none of this is called: each place that would asks `logsAccess` first.

import MizuAccessLog
import MizuBytes
import MizuEventLoop
import MizuHTTP

extension Worker {
    /// What a request is logged with whose connection ended before its answer, as nginx writes it.
    private static let clientClosedRequest: UInt16 = 499

    /// The head in `self.head` has come. Does nothing where that was said already: a head whose
    /// body arrives later is parsed twice.
    @inline(never)
    func beginAccess(_ connection: Connection, _ headBytes: UnsafeRawBufferPointer) {
        guard let accessLines, !accessLines.isOpen(connection.token) else { return }
        // Behind a proxy it is the client's address that people look for.
        let peer =
            connection.arrival.contains(.viaProxy)
            ? forwarded(connection, headBytes, over: .http).peer : connection.peer
        let entry = AccessEntry(
            head, in: headBytes, peer: peer,
            name: requestName(on: connection, head, headBytes),
            trace: TraceParent(head, in: headBytes)?.traceID,
            startMilliseconds: clock.wallMilliseconds, start: clock.monotonic)
        accessLines.begin(entry, on: connection.token)
    }

    /// Who asks is known once the middleware has run.
    @inline(never)
    func noteAccess(_ connection: Connection, user: String?) {
        accessLines?.note(user, on: connection.token)
    }

    /// An answer is written. The time is that of its being composed, not of its last byte.
    @inline(never)
    func endAccess(
        _ connection: Connection, _ response: Response, method: HTTPMethod
    ) {
        let hasContent = method != .head && !response.status.isAlwaysWithoutContent
        endAccess(
            connection, status: response.status.code,
            bytes: hasContent ? response.body.count : 0)
    }

    @inline(never)
    func endAccess(_ connection: Connection, status: UInt16, bytes: Int) {
        guard let accessLines else { return }
        let now = clock.monotonic
        let entry =
            accessLines.take(connection.token)
            ?? AccessEntry(
                peer: connection.peer, name: state.pointee.names.next(),
                startMilliseconds: clock.wallMilliseconds, start: now)
        accessLines.add(entry, status: status, bytes: bytes, now: now)
    }

    /// The connection ends; a request that it has under way gets no answer. (Who leaves while a
    /// handler thinks is noticed only when its answer is sent, and is logged with that.)
    @inline(never)
    func abandonAccess(_ connection: Connection) {
        guard let accessLines, let entry = accessLines.take(connection.token) else { return }
        accessLines.add(entry, status: Self.clientClosedRequest, bytes: 0, now: clock.monotonic)
    }

    /// The end of a tick.
    @inline(never)
    func handOverAccess() {
        if let accessLines, accessLines.isDue(now) { accessLines.handOver() }
    }
}
