// An answer that was written out before anybody asked for it: what stands between its date and its
// body, as bytes. Sending it is a few copies and no look-up. A handler's `Response` carries one
// beside its parts (`Response.preparing()`), and whoever sends it asks `isUnchanged` first: a hook
// that has changed a part gets the ordinary way. Only 200 and 304 are prepared. Immutable; any
// thread.
//
//   HTTP/1.1 200 OK, Date, Content-Length:│lead│Connection│fields│HSTS│rest: defaults, body

import MizuBytes

public final class PreparedResponse: Sendable {
    private let status: HTTPStatus
    private let mediaType: MediaType?
    private let fields: [UInt8]
    private let body: ByteSlice
    /// From behind the date (304), or behind `Content-Length: ` (200), to the end of a line.
    private let lead: [UInt8]
    /// The lines of `SafeDefaults.web` and the empty line; behind them the body if it is small.
    private let rest: [UInt8]
    /// Of `rest`, without the body.
    private let restHeadCount: Int

    /// A body of up to this many bytes is copied behind its head, so that one write sends both;
    /// a larger one is sent from where it stands. As many as an answer that is not prepared.
    static let copiedBytesMax = 8 * 1024

    /// Nil for an answer that is not complete, or that closes its connection.
    fileprivate init?(_ response: Response) {
        guard response.isPlain, response.connection == .asRequested,
            response.status == .ok || response.status == .notModified
        else { return nil }
        switch response.body {
        case .empty: body = .empty
        case .slice(let slice): body = slice
        case .slices, .stream: return nil
        }
        status = response.status
        mediaType = response.mediaType
        fields = response.fields
        var lead = ByteBuffer(capacity: 80)
        if status == .ok {
            lead.append(decimal: body.count)
            if let mediaType {
                lead.append(literal: "\r\nContent-Type: ")
                mediaType.withBytes { lead.append($0) }
            }
        }
        lead.append(literal: "\r\n")
        self.lead = [UInt8](lead.readable)
        var rest = ByteBuffer(capacity: 128)
        SafeDefaults.web.write(for: response, into: &rest)
        rest.append(literal: "\r\n")
        restHeadCount = rest.count
        if status == .ok, body.count <= Self.copiedBytesMax { rest.append(body) }
        self.rest = [UInt8](rest.readable)
    }

    /// The body, where `write` leaves it to be queued.
    public var owedBody: ByteSlice { body }

    /// Whether `response` still is what was written out. O(1), but for the media type.
    public func isUnchanged(in response: Response) -> Bool {
        guard response.status == status, response.connection == .asRequested,
            case .complete = response.kind, response.problem == nil,
            isSame(response.fields), isSame(response.mediaType)
        else { return false }
        switch response.body {
        case .empty: return body.isEmpty
        case .slice(let slice):
            return slice.owner === body.owner && slice.offset == body.offset
                && slice.count == body.count
        case .slices, .stream: return false
        }
    }

    /// Arrays that share their memory are equal; a changed one has memory of its own.
    private func isSame(_ other: [UInt8]) -> Bool {
        other.count == fields.count
            && other.withUnsafeBytes { other in
                fields.withUnsafeBytes { $0.baseAddress == other.baseAddress }
            }
    }

    private func isSame(_ other: MediaType?) -> Bool {
        guard let mediaType, let other else { return mediaType == nil && other == nil }
        var isSame = false
        mediaType.withBytes { own in other.withBytes { isSame = ASCII.equal(own, $0) } }
        return isSame
    }

    /// Appends the answer to a GET or HEAD.
    /// - Parameter policy: a whole line that goes behind the answer's own fields, or nothing.
    /// - Returns: `owesBody`: that `owedBody` is to be queued behind the output.
    @inline(__always)
    public func write(
        for context: ResponseContext, date: borrowing ResponseDate, policy: [UInt8],
        into output: inout ByteBuffer
    ) -> WrittenResponse {
        let copiesBody = context.method != .head
        let rest = copiesBody ? rest.count : restHeadCount
        output.reserve(
            ResponseWriter.headBytesMax + lead.count + fields.count + policy.count + rest)
        var cursor = OutputCursor(output.writable)
        if status == .ok {
            date.withSuccessHead { cursor.append($0) }
        } else {
            cursor.append("HTTP/1.1 304 Not Modified\r\nDate: ")
            let range = date.range
            date.withSuccessHead { cursor.append($0.part(range)) }
        }
        lead.withUnsafeBytes { cursor.append($0) }
        switch context.persistence {
        case .keepAlive: break
        case .keepAliveTold: date.withKeepAlive { cursor.append($0) }
        case .close: cursor.append("Connection: close\r\n")
        }
        fields.withUnsafeBytes { cursor.append($0) }
        if !policy.isEmpty { policy.withUnsafeBytes { cursor.append($0) } }
        self.rest.withUnsafeBytes { cursor.append($0.part(0..<rest)) }
        output.advance(written: cursor.written)
        return WrittenResponse(
            owesBody: copiesBody && status == .ok && body.count > Self.copiedBytesMax,
            persistence: context.persistence == .close ? .close : .keepAlive)
    }
}

extension Response {
    /// What was written out of this answer, if it was prepared; ask `isUnchanged` before it is
    /// sent.
    public var prepared: PreparedResponse? { rare?.prepared }

    /// The same answer, written out once for all who ask: for what is sent often and kept anyway.
    /// An answer that cannot be prepared (a stream, an error, one that closes) comes back as it is.
    public func preparing() -> Response {
        guard let prepared = PreparedResponse(self) else { return self }
        var response = self
        response.rare = Rare(.complete, nil, prepared)
        return response
    }
}
