// A request as a handler sees it: views into the worker's buffers, turned into text only where
// asked. Lives on the worker's thread, for the length of one call; a handler borrows it and can
// keep nothing but what it copies out (`bodySlice`, Strings, `exchange`).

import MizuBytes

/// Names an answer that is still owed, so that it can come later and from another thread.
public struct ExchangeID: Sendable, Hashable {
    /// The worker that owns the connection.
    public var worker: UInt16
    /// The connection's slot and generation, as the event loop knows it.
    public var connection: UInt64
    /// The request's number on its connection: answers leave in this order.
    public var sequence: UInt32

    @inlinable
    public init(worker: UInt16, connection: UInt64, sequence: UInt32) {
        self.worker = worker
        self.connection = connection
        self.sequence = sequence
    }
}

/// Whether the connection that a request came over is encrypted, as far as the client sees it.
public enum Scheme: Sendable {
    case http, https
}

public struct Request: ~Copyable {
    @usableFromInline let headPointer: UnsafePointer<RequestHead>
    /// The buffer that `head`'s ranges count from.
    @usableFromInline let headBytes: UnsafeRawBufferPointer
    @usableFromInline let bodyBytes: UnsafeRawBufferPointer
    public let exchange: ExchangeID
    public let peer: PeerAddress
    public let scheme: Scheme
    /// `host[:port]` as the client named it: to this server, or to a proxy that is trusted. Empty
    /// for HTTP/1.0 without `Host`.
    public let authority: HeadRange
    /// What the answer says to pages of other origins; set before a handler is asked.
    public var crossOrigin: CrossOrigin.Lines = 0

    /// What the route's `:name` and `*rest` matched; set by the router.
    public var parameters: PathParameters {
        get { captured ?? PathParameters() }
        set { captured = newValue }
    }
    @usableFromInline var captured: PathParameters?
    /// The route that matched, as the router counts them; -1 where none has.
    public package(set) var route: Int32 = -1
    /// Who asks, once a middleware has found out.
    public var user: String?
    /// Until when `user` holds, where the credentials say so. A socket that the request opens is
    /// closed then; who answers requests asks the credentials each time.
    public var userExpires: Expiry?
    /// What proved `user`: the public name of a session or of a token, never the secret itself; nil
    /// where nothing did that can end by itself. A socket that the request opens keeps it, so that
    /// it ends with the session (`LiveFeed.close(credential:)`).
    public var credential: String?
    @usableFromInline var stored: [String: any Sendable]?

    /// - Parameters:
    ///   - head: must stay where it is, unchanged, while the request lives.
    ///   - headBytes: what was parsed into `head`; must stay unchanged while the request lives.
    ///   - body: the decoded body; must stay unchanged while the request lives.
    ///   - authority: a part of the head; nil: what the target or `Host` says.
    @inlinable @inline(__always)
    public init(
        head: UnsafePointer<RequestHead>, headBytes: UnsafeRawBufferPointer,
        body: UnsafeRawBufferPointer,
        exchange: ExchangeID, peer: PeerAddress, scheme: Scheme = .http,
        authority: HeadRange? = nil
    ) {
        headPointer = head
        self.headBytes = headBytes
        bodyBytes = body
        self.exchange = exchange
        self.peer = peer
        self.scheme = scheme
        self.authority = authority ?? head.pointee.host
    }

    /// Takes what was found out about the same request.
    mutating func take(over other: borrowing Request) {
        crossOrigin = other.crossOrigin
        captured = other.captured
        route = other.route
        user = other.user
        userExpires = other.userExpires
        credential = other.credential
        stored = other.stored
    }

    /// Lets go of all that was found out.
    mutating func letGo() {
        captured = nil
        user = nil
        credential = nil
        stored = nil
    }

    public var head: RequestHead {
        @inlinable @inline(__always) _read { yield headPointer.pointee }
    }

    /// What middleware leaves for handlers.
    public var storage: [String: any Sendable] {
        get { stored ?? [:] }
        set { stored = newValue }
    }

    /// Whether the client sent it by TLS, to this server or to a proxy that is trusted.
    public var isSecure: Bool { scheme == .https }

    /// The method that was sent: a HEAD that a GET handler answers still says HEAD.
    public var method: HTTPMethod { head.method }

    /// The method as it was sent.
    public var methodName: String { head.methodRange.bytes(in: headBytes).text }

    // MARK: Target

    /// The path as it was sent, still percent-encoded; "/" for a target without one.
    public var path: String { withPath { $0.text } }

    /// The path as it was sent and the query behind it.
    public var target: String { head.target.bytes(in: headBytes).text }

    /// Calls `body` with the path's bytes as they were sent; the pointer must not outlive the call.
    @inlinable
    public func withPath<R, E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        if head.path.isEmpty {
            let root: StaticString = "/"
            return try body(UnsafeRawBufferPointer(start: root.utf8Start, count: 1))
        }
        return try body(head.path.bytes(in: headBytes))
    }

    /// The pairs of the query, decoded on access.
    public var query: QueryPairs {
        QueryPairs(ByteSlice(copying: head.query.bytes(in: headBytes)), pairsMax: 1_000)
    }

    /// The decoded text that the route's `:name` matched; nil where the pattern has no such name
    /// or the bytes do not decode to UTF-8.
    public func parameter(_ name: String) -> String? {
        guard let range = parameters.range(of: name) else { return nil }
        return PercentDecoder.path(range.bytes(in: headBytes))
    }

    // MARK: Fields

    /// The value of the field `name`, compared without case; several lines are joined by ", "
    /// (RFC 9110 §5.3). Nil where it is missing. O(fields).
    public func header(_ name: String) -> String? {
        var joined: String?
        forEachValue(of: name) { value in
            joined = joined.map { $0 + ", " + value.text } ?? value.text
        }
        return joined
    }

    /// Calls `body` with the first value of `name` (lower case), nil where it is missing.
    @inlinable
    public func withHeader<R, E: Error>(
        _ name: StaticString, _ body: (UnsafeRawBufferPointer?) throws(E) -> R
    ) throws(E) -> R {
        try body(head.first(name, in: headBytes)?.bytes(in: headBytes))
    }

    /// Calls `body` with the value of each line named `name`, in order.
    public func forEachValue(of name: String, _ body: (UnsafeRawBufferPointer) -> Void) {
        var name = name
        name.withUTF8 { wanted in
            let wanted = UnsafeRawBufferPointer(wanted)
            for field in head.fields
            where field.name.bytes(in: headBytes).equalsIgnoringCase(wanted) {
                body(field.value.bytes(in: headBytes))
            }
        }
    }

    /// What the head's ranges count from; the pointer must not outlive the request.
    public var bytesOfHead: UnsafeRawBufferPointer { headBytes }

    /// Calls `body` with the name and the value of each field line as they were sent, in order.
    public func forEachField(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) {
        for field in head.fields {
            body(field.name.bytes(in: headBytes), field.value.bytes(in: headBytes))
        }
    }

    /// `host[:port]` as the client named it, also to a proxy that is trusted (X-Forwarded-Host);
    /// nil for HTTP/1.0 without `Host`.
    public var host: String? { authority.isEmpty ? nil : authority.bytes(in: headBytes).text }

    /// The body came coded (RFC 9110 §8.4), which nobody here undoes.
    public var hasCodedBody: Bool {
        var isCoded = false
        forEachValue(of: "content-encoding") { value in
            value.forEachPart(UInt8(ascii: ",")) { coding in
                isCoded = isCoded || !coding.equalsIgnoringCase("identity")
                return !isCoded
            }
        }
        return isCoded
    }

    // MARK: Body

    public var bodyCount: Int { bodyBytes.count }

    /// Calls `read` with the decoded body; the pointer must not outlive the call.
    @inlinable
    public func withBody<R, E: Error>(
        _ read: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try read(bodyBytes)
    }

    /// The body with memory of its own: for another thread, or for later. One copy.
    public func bodySlice() -> ByteSlice { ByteSlice(copying: bodyBytes) }
}

/// What a pattern's parameters matched, as ranges of the head. Holds at most eight.
public struct PathParameters: Sendable {
    /// Beyond it a pattern is refused when it is registered.
    public static let countMax = 8

    private var names: [String]?
    private var ranges = InlineArray<8, HeadRange>(repeating: .empty)
    public private(set) var count = 0

    public init() {}

    /// Traps beyond `countMax`, which the router checks when routes are added.
    public init(names: [String], ranges: InlineArray<8, HeadRange>) {
        precondition(names.count <= PathParameters.countMax, "a path has at most 8 parameters")
        self.names = names
        self.ranges = ranges
        count = names.count
    }

    /// What `name` matched, not yet decoded.
    public func range(of name: String) -> HeadRange? {
        guard let names else { return nil }
        for index in 0..<count where names[index] == name { return ranges[index] }
        return nil
    }
}
