// A request with memory of its own: what a handler or a middleware that waits is given, because the
// worker's buffers serve the next request meanwhile. One copy of head and body; the same members as
// `Request`, which is a view into it. Confined to its task: it is not `Sendable`, so whatever
// another task needs of it is copied out first.

import MizuBytes

/// A request that lives as long as its handler does. Its task's.
public final class OwnedRequest {
    /// The request as plain handlers and middleware see it. It must not outlive this object.
    ///
    /// Without the run-time check of exclusive access: it is one task's, and no access to it calls
    /// code of the app's but plain middleware, which is given the view and not this object.
    @exclusivity(unchecked) public var view: Request
    private var memory: UnsafeMutableRawPointer
    /// Bytes that there is room for behind the head.
    private var room: Int

    private static let bytesOffset = MemoryLayout<RequestHead>.stride

    /// Copies `request` with all that was found out about it. O(bytes of head and body).
    public init(copying request: borrowing Request) {
        // The table of lines gets the size that this head needs: the worker's stays its own.
        room = request.headBytes.count + request.bodyBytes.count
        memory = Self.allocate(room)
        memory.initializeMemory(as: RequestHead.self, to: request.head.compacted)
        view = Self.view(of: request, in: memory)
    }

    /// Becomes a copy of another request, in the same memory if that suffices: for whoever made it
    /// and has the only reference. O(bytes of head and body).
    public func renew(copying request: borrowing Request) {
        let count = request.headBytes.count + request.bodyBytes.count
        if count > room {
            let larger = Self.allocate(count)
            larger.moveInitializeMemory(
                as: RequestHead.self, from: memory.assumingMemoryBound(to: RequestHead.self),
                count: 1)
            memory.deallocate()
            (memory, room) = (larger, count)
        }
        memory.assumingMemoryBound(to: RequestHead.self).pointee.copy(request.head)
        view = Self.view(of: request, in: memory)
    }

    /// Lets go of what was found out about the request: it has been answered, and whoever has the
    /// only reference keeps its memory for another one.
    public func letGo() { view.letGo() }

    private static func allocate(_ room: Int) -> UnsafeMutableRawPointer {
        .allocate(
            byteCount: bytesOffset + room, alignment: MemoryLayout<RequestHead>.alignment)
    }

    /// Copies the bytes behind the head; the head itself is there.
    private static func view(
        of request: borrowing Request, in memory: UnsafeMutableRawPointer
    ) -> Request {
        let (bytes, body, start) = (request.headBytes, request.bodyBytes, memory + bytesOffset)
        if let base = bytes.baseAddress { start.copyMemory(from: base, byteCount: bytes.count) }
        if let base = body.baseAddress {
            (start + bytes.count).copyMemory(from: base, byteCount: body.count)
        }
        var view = Request(
            head: UnsafePointer(memory.assumingMemoryBound(to: RequestHead.self)),
            headBytes: UnsafeRawBufferPointer(start: start, count: bytes.count),
            body: UnsafeRawBufferPointer(start: start + bytes.count, count: body.count),
            exchange: request.exchange, peer: request.peer, scheme: request.scheme,
            authority: request.authority)
        view.take(over: request)
        return view
    }

    deinit {
        memory.assumingMemoryBound(to: RequestHead.self).deinitialize(count: 1)
        memory.deallocate()
    }

    /// Bytes that it has memory for.
    public var capacity: Int { room }
    /// Bytes that it holds.
    public var byteCount: Int { view.headBytes.count + view.bodyBytes.count }

    // MARK: Who asks

    /// Names the answer; see `Workers.respond`.
    public var exchange: ExchangeID { view.exchange }
    /// The client, also behind a proxy that is trusted.
    public var peer: PeerAddress { view.peer }
    /// Who asks, once a middleware has found out.
    public var user: String? {
        get { view.user }
        set { view.user = newValue }
    }
    /// Until when `user` holds, where the credentials say so.
    public var userExpires: Expiry? {
        get { view.userExpires }
        set { view.userExpires = newValue }
    }
    /// What proved `user`; see `Request.credential`.
    public var credential: String? {
        get { view.credential }
        set { view.credential = newValue }
    }
    /// What middleware leaves for handlers.
    public var storage: [String: any Sendable] {
        get { view.storage }
        set { view.storage = newValue }
    }

    // MARK: Target

    /// Whether the client sent it by TLS, to this server or to a proxy that is trusted.
    public var isSecure: Bool { view.isSecure }
    /// How the connection that it came over is encrypted, as far as the client sees it.
    public var scheme: Scheme { view.scheme }
    /// The method that was sent: a HEAD that a GET handler answers still says HEAD.
    public var method: HTTPMethod { view.method }
    /// The method as it was sent.
    public var methodName: String { view.methodName }
    /// The path as it was sent, still percent-encoded; "/" for a target without one.
    public var path: String { view.path }
    /// The path as it was sent and the query behind it.
    public var target: String { view.target }
    /// The pairs of the query, decoded on access.
    public var query: QueryPairs { view.query }
    /// The decoded text that the route's `:name` matched; nil where the pattern has no such name
    /// or the bytes do not decode to UTF-8.
    public func parameter(_ name: String) -> String? { view.parameter(name) }
    /// `SafePath.name` of what the route's wildcard `name` matched.
    public func fileName(_ name: String) -> String? { view.fileName(name) }
    /// What the route's `:name` and `*rest` matched.
    public var parameters: PathParameters { view.parameters }
    /// The route that matched, as the router counts them; -1 where none has.
    public var route: Int32 { view.route }
    /// `host[:port]` as the client named it; nil for HTTP/1.0 without `Host`.
    public var host: String? { view.host }

    // MARK: Fields

    /// The value of the field `name`, compared without case; several lines are joined by ", ".
    public func header(_ name: String) -> String? { view.header(name) }
    /// The value of the first cookie named `name`, quotes around it left out; nil without one.
    public func cookie(_ name: String) -> String? { view.cookie(name) }
    /// Calls `body` with the value of each line named `name`, in order.
    public func forEachValue(of name: String, _ body: (UnsafeRawBufferPointer) -> Void) {
        view.forEachValue(of: name, body)
    }
    /// Calls `body` with the name and the value of each field line as they were sent, in order.
    public func forEachField(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) {
        view.forEachField(body)
    }
    /// True where HTML is named with a weight above 0 that JSON, if named, does not reach.
    public var prefersPage: Bool { view.prefersPage }
    /// True where JSON is named with a weight above 0 that HTML, if named, does not pass.
    public var prefersJSON: Bool { view.prefersJSON }

    // MARK: Body

    /// Bytes of the decoded body.
    public var bodyCount: Int { view.bodyCount }
    /// Whether the body is of exactly this type, parameters aside and without case.
    public func hasMediaType(_ essence: StaticString) -> Bool { view.hasMediaType(essence) }
    /// The body came coded (RFC 9110 §8.4), which nobody here undoes.
    public var hasCodedBody: Bool { view.hasCodedBody }
    /// The body as a form; see `Request.form`.
    public func form() throws(HTTPError) -> QueryPairs { try view.form() }
    /// The body with memory of its own: for another task. One copy.
    public func bodySlice() -> ByteSlice { view.bodySlice() }
    /// Calls `read` with the decoded body; the pointer must not outlive the call.
    public func withBody<R, E: Error>(
        _ read: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try view.withBody(read)
    }
}

/// A handler or a middleware that may wait. It runs on the worker's thread, and so does all behind
/// each `await` in it. Middleware returns nil to let the request pass.
public typealias WaitingStep =
    nonisolated(nonsending) @Sendable (OwnedRequest) async throws -> Response?

/// A step that always answers. It runs where a `WaitingStep` does.
public typealias WaitingHandler =
    nonisolated(nonsending) @Sendable (OwnedRequest) async throws -> Response

/// What a plain step leaves for the server to run: a step that may wait, and what follows it.
public final class WaitingWork: Sendable {
    /// What is run.
    public enum Step: Sendable {
        /// By itself, because each wrapping of an `async` function costs a frame in its task.
        case handler(WaitingHandler)
        case middleware(WaitingStep)
    }
    /// What is run.
    public let step: Step
    /// The rest of the way to an answer, if the step gives none; nil behind a handler.
    public let rest: (@Sendable (inout Request) -> Response)?

    /// - Parameter rest: what follows a middleware.
    public init(_ step: Step, rest: (@Sendable (inout Request) -> Response)? = nil) {
        self.step = step
        self.rest = rest
    }
}

extension Response {
    /// Nothing is sent until `work` has answered. For one step it is made once, not for each
    /// request.
    public static func waiting(for work: WaitingWork) -> Response {
        var response = Response(status: .ok)
        response.kind = .waiting(work)
        return response
    }
}
