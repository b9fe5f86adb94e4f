// An answer: status, fields in wire form, body as shared bytes. A value that any thread may make
// and hand over; making one twice from the same constant costs a retain or two.
// Framing (Content-Length, Connection, Date) is the writer's business and cannot be set here.

import MizuBytes

public struct Response: Sendable {
    public var status: HTTPStatus
    /// Written as `Content-Type` where there is a body; nil leaves it out.
    public var mediaType: MediaType?
    public var body: Body
    /// Whether the connection is closed behind this answer, whatever the request says.
    public var connection = ConnectionChoice.asRequested
    /// Field lines without `Content-Type`, each `Name: value` CR LF; checked when added.
    public internal(set) var fields: [UInt8] = []
    @usableFromInline var rare: Rare?

    /// What few answers have, behind one reference: all others are made, copied and handed on
    /// without a look at it. Never changed, because copies share it.
    @usableFromInline
    final class Rare: Sendable {
        let kind: Kind
        let problem: Problem?
        let prepared: PreparedResponse?

        init(_ kind: Kind, _ problem: Problem?, _ prepared: PreparedResponse? = nil) {
            self.kind = kind
            self.problem = problem
            self.prepared = prepared
        }
    }

    /// Complete, no error's and not prepared: nothing is done with it but sending.
    @inlinable @inline(__always)
    public var isPlain: Bool { rare == nil }

    /// What the server does with it.
    public var kind: Kind {
        get { rare?.kind ?? .complete }
        set {
            if case .complete = newValue, rare?.problem == nil { return rare = nil }
            rare = Rare(newValue, rare?.problem)
        }
    }

    /// What an error's answer is about; see `Problem`.
    public var problem: Problem? {
        get { rare?.problem }
        set {
            if newValue == nil, case .complete = kind { return rare = nil }
            rare = Rare(kind, newValue)
        }
    }

    public enum Kind: Sendable {
        /// Send this.
        case complete
        /// Send nothing yet: the answer comes through the worker's mailbox, by `ExchangeID`.
        case pending
        /// The same, and whoever makes the answer is told when nobody waits for it any more.
        case watched(ExchangeWatch)
        /// The same, and the server runs what answers; see `WaitingWork`.
        case waiting(WaitingWork)
        /// Answer 101 and go on as a WebSocket, served by the service with this index.
        indirect case webSocket(service: Int, subprotocol: ByteSlice?)
    }

    public enum Body: Sendable {
        case empty
        case slice(ByteSlice)
        /// Sent one behind the other, without being joined in memory.
        case slices([ByteSlice])
        /// Made while it is sent, as fast as the peer takes it.
        case stream(BodyStream)

        /// Bytes in all; 0 for a stream that does not know.
        @inlinable @inline(__always)
        public var count: Int {
            // Nearly every one: tested by itself, because a switch of four is a jump.
            if case .slice(let slice) = self { return slice.count }
            return otherCount
        }

        @usableFromInline
        var otherCount: Int {
            switch self {
            case .empty: 0
            case .slice(let slice): slice.count
            case .slices(let slices): slices.reduce(0) { $0 + $1.count }
            case .stream(let stream): stream.count ?? 0
            }
        }

        /// The same for limits, in one look: a stream is above each of them.
        @inlinable @inline(__always)
        public var weight: Int {
            if case .slice(let slice) = self { return slice.count }
            return isStream ? .max : otherCount
        }

        @inlinable @inline(__always)
        public var isStream: Bool {
            if case .stream = self { true } else { false }
        }

        /// Bytes that are held for this answer: assets, which stay anyway, do not count.
        public var ownCount: Int {
            switch self {
            case .empty: 0
            case .slice(let slice): slice.owner.isPermanent ? 0 : slice.count
            case .slices(let slices):
                slices.reduce(0) { $0 + ($1.owner.isPermanent ? 0 : $1.count) }
            case .stream(let stream): stream.heldCount
            }
        }
    }

    public enum ConnectionChoice: Sendable {
        case asRequested, close
    }

    public init(status: HTTPStatus, mediaType: MediaType? = nil, body: Body = .empty) {
        self.status = status
        self.mediaType = mediaType
        self.body = body
    }

    // MARK: Common answers

    public static func status(_ status: HTTPStatus) -> Response { Response(status: status) }

    public static func text(_ text: String, status: HTTPStatus = .ok) -> Response {
        Response(status: status, mediaType: .text, body: .slice(ByteSlice(text)))
    }

    public static func html(_ html: ByteSlice, status: HTTPStatus = .ok) -> Response {
        Response(status: status, mediaType: .html, body: .slice(html))
    }

    public static func html(_ html: String, status: HTTPStatus = .ok) -> Response {
        .html(ByteSlice(html), status: status)
    }

    public static func json(_ json: ByteSlice, status: HTTPStatus = .ok) -> Response {
        Response(status: status, mediaType: .json, body: .slice(json))
    }

    /// JSON in parts, as a pull is `head`, a slice of the log and `foot`.
    public static func json(_ parts: [ByteSlice], status: HTTPStatus = .ok) -> Response {
        Response(status: status, mediaType: .json, body: .slices(parts))
    }

    /// 303 by default: "see there, with GET", as after a form (RFC 9110 §15.4.4).
    /// What may not stand in a URI is percent-encoded, so no target can split the head.
    public static func redirect(to target: String, status: HTTPStatus = .seeOther) -> Response {
        var response = Response(status: status)
        response.appendField("Location", uri: target)
        return response
    }

    public static let notFound = refused(.notFound, code: "not_found", text: "Not Found\n")

    /// Nothing is sent until an answer is posted for the request's `exchange`.
    public static let pending: Response = {
        var response = Response(status: .ok)
        response.kind = .pending
        return response
    }()

    /// The same; `watch` learns when no answer can arrive any more.
    public static func pending(watchedBy watch: ExchangeWatch) -> Response {
        var response = Response(status: .ok)
        response.kind = .watched(watch)
        return response
    }

    /// 101, once the WebSocket room has checked the handshake.
    public static func upgradeToWebSocket(
        service: Int, subprotocol: ByteSlice? = nil
    ) -> Response {
        var response = Response(status: .switchingProtocols)
        response.kind = .webSocket(service: service, subprotocol: subprotocol)
        return response
    }

    /// 426 with the protocol that is asked for here (RFC 9110 §15.5.22).
    public static func upgradeRequired(to name: StaticString) -> Response {
        var response = Response(
            status: .upgradeRequired, mediaType: .text,
            body: .slice(ByteSlice(literal: "Upgrade Required\n")))
        response.appendField("Upgrade", literal: name)
        return response
    }

    /// What a peer is told whose bytes were refused; the connection closes behind it. No cache
    /// keeps it: it is about these bytes, not about what the target has.
    public static func refusal(_ reject: HTTPReject) -> Response {
        var body = ByteBuffer(capacity: 80)
        body.append(reject.message)
        body.append(ASCIIByte.lineFeed)
        var response = Response(
            status: reject.status, mediaType: .text, body: .slice(body.takeSlice()))
        response.connection = .close
        response.set("Cache-Control", literal: "no-store")
        return response
    }
}

/// An error that knows its own answer. A handler may let it through; any other is a 500.
public protocol AnsweredError: Error {
    /// What a client is answered.
    var response: Response { get }
}

/// A failure with an answer: what a handler throws. One mapper (`Response.init(_:)`) writes it.
public struct HTTPError: AnsweredError, Sendable {
    public var status: HTTPStatus
    /// Stable and for programs (protocol.md, "Conventions").
    public var code: String
    /// For people.
    public var message: String

    public init(_ status: HTTPStatus, code: String, message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    public var response: Response { Response(self) }
}
