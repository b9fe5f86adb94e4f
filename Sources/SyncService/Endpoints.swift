// `/_sync/push`, `/_sync/pull` and `/_sync/snapshot` as protocol.md has them: the envelope is read
// on the worker, permission is asked, and then the tail, a reader thread or the committer answers.
// Nothing here knows what a mutation means.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuRouting
import MizuServer
import MizuSync

extension SyncService {
    /// Adds the three routes. Every answer below `/_sync` says `Cache-Control: no-store`.
    public func mount(on routes: inout Routes) {
        routes.group("/_sync") { routes in
            routes.after { _, response in response = response.uncached }
            // Its mutations cost besides, once they are read.
            routes.post("/push") { request in
                do throws(Refusal) { return try self.push(request) } catch {
                    return Response(error)
                }
            }
            routes.post("/pull") { request in
                do throws(Refusal) { return try self.pull(request) } catch {
                    return Response(error)
                }
            }
            routes.post("/snapshot", cost: Self.snapshotCost) { request in
                do throws(Refusal) { return try self.snapshot(request) } catch {
                    return Response(error)
                }
            }
        }
        routes.afterUnmatched { request, response in
            if request.withPath({ $0.starts(with: "/_sync/".utf8) }) {
                response = response.uncached
            }
        }
    }

    /// A page of records is read from the store and written as JSON.
    private static let snapshotCost: RouteCost = 4

    /// Takes what a push costs beside its request: it is known only when it is read. The next
    /// request waits for it.
    public func charge(mutations count: Int, to request: borrowing Request) {
        guard let limiter else { return }
        limiter.charge(
            limiter.asker(request.peer), user: request.user, .mutations(count), now: .now)
    }

    private func push(_ request: borrowing Request) throws(Refusal) -> Response {
        try checkMediaType(request)
        guard !workers.isDraining else { throw .unavailable("the server is going down") }
        let body = request.bodySlice()
        var push = try PushRequest.parse(body, limits: limits)
        push.user = try user(of: request)
        charge(mutations: push.mutations.count, to: request)
        push.origin = origin(of: request.peer)
        try check(push.scope, for: .push, by: push.user)
        push.isByReader = mayUse(push.scope, for: .pull, by: push.user)
        let (exchange, limits) = (request.exchange, self.limits)
        self.push(push, byteCount: body.count) { answer, mail in
            // The text is the worker's work: the committer has the next batch to commit.
            mail.respond(to: exchange) {
                switch answer {
                case .success(let results): .json(results.body(limits: limits)).uncached
                case .failure(let refusal): Response(refusal)
                }
            }
        }
        return .pending
    }

    private func pull(_ request: borrowing Request) throws(Refusal) -> Response {
        try checkMediaType(request)
        let pull = try PullRequest.parse(request.bodySlice(), limits: limits)
        try check(pull.scope, for: .pull, by: user(of: request))
        switch tail.pull(pull) {
        case .page(let page): return Response.json(page.body).uncached
        case .refused(let refusal): throw refusal
        case .askStore: break
        }
        return answerLater(request, with: .changes(pull), at: nil)
    }

    private func snapshot(_ request: borrowing Request) throws(Refusal) -> Response {
        try checkMediaType(request)
        let snapshot = try SnapshotRequest.parse(request.bodySlice(), limits: limits)
        try check(snapshot.scope, for: .snapshot, by: user(of: request))
        return answerLater(
            request, with: .records(snapshot), at: tail.head(snapshot.scope)?.position)
    }

    /// Answers with a page of the store: at once if there is one that holds, else from a reader's
    /// thread.
    private func answerLater(
        _ request: borrowing Request, with page: PageRequest, at head: Position?
    ) -> Response {
        if let body = pages.find(page, at: head) { return .json(body).uncached }
        let (workers, exchange) = (self.workers, request.exchange)
        let watch = ExchangeWatch()
        read(page, for: asker(request.peer, watchedBy: watch)) { answer in
            switch answer {
            case .success(let body): workers.respond(to: exchange, .json(body).uncached)
            case .failure(let refusal): workers.respond(to: exchange, Response(refusal))
            }
        }
        return .pending(watchedBy: watch)
    }

    // MARK: Checks

    private func checkMediaType(_ request: borrowing Request) throws(Refusal) {
        guard request.hasMediaType("application/json") else {
            throw Refusal(
                status: 415, code: "unsupported_media_type",
                message: "send a body of Content-Type application/json")
        }
    }

    /// Who asks, as Sync knows users.
    func user(of request: borrowing Request) throws(Refusal) -> Name? {
        guard let user = request.user else { return nil }
        guard let name = Name(user) else {
            throw .invalidRequest("the user must be a name of 1 to 128 bytes")
        }
        return name
    }

    func check(_ scope: Name, for action: SyncAction, by user: Name?) throws(Refusal) {
        guard authorize(user, scope, action) else { throw .scopeDenied(scope) }
    }
}

extension Refusal {
    static func tooOften(waitSeconds: Int) -> Refusal {
        .rateLimited(
            "too many requests from this address or user; try again in \(waitSeconds) s",
            retryAfterSeconds: waitSeconds)
    }

    static let unreadable = Refusal.unavailable("the store cannot be read now")

    package static func scopeDenied(_ scope: Name) -> Refusal {
        Refusal(
            status: 403, code: "scope_denied",
            message: "no permission for the scope \(scope)")
    }
}

extension Response {
    /// A refusal as HTTP tells it (protocol.md, "Conventions").
    public init(_ refusal: Refusal) {
        self.init(
            HTTPError(
                HTTPStatus(UInt16(clamping: refusal.status)), code: refusal.code,
                message: refusal.message))
        if let seconds = refusal.retryAfterSeconds {
            // Digits are always a valid value.
            try? set("Retry-After", String(seconds))
        }
    }
}
