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
            routes.after { _, response in response.forbidCaching() }
            // Its mutations cost besides, once they are read.
            routes.post("/push") { request in
                do { return try self.push(request) } catch { return Response(refusedFor: error) }
            }
            routes.post("/pull") { request in
                do { return try self.pull(request) } catch { return Response(refusedFor: error) }
            }
            routes.post("/snapshot", cost: Self.snapshotCost) { request in
                do { return try self.snapshot(request) } catch {
                    return Response(refusedFor: error)
                }
            }
        }
        routes.afterUnmatched { request, response in
            if request.withPath({ $0.starts(with: "/_sync/".utf8) }) {
                response.forbidCaching()
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

    private func push(_ request: borrowing Request) throws -> Response {
        try checkMediaType(request)
        let body = request.bodySlice()
        var parsed = try PushRequest.parse(body, limits: limits)
        parsed.user = try user(of: request)
        charge(mutations: parsed.mutations.count, to: request)
        parsed.origin = origin(of: request.peer)
        let (push, byteCount) = (parsed, body.count)
        let (exchange, limits) = (request.exchange, self.limits)
        return try admitPush(request, to: push.scope, as: push.user) { admission in
            var push = push
            admission.mark(&push)
            self.push(push, byteCount: byteCount) { answer, mail in
                // The text is the worker's work: the committer has the next batch to commit.
                mail.respond(to: exchange) {
                    switch answer {
                    case .success(let results): .json(results.body(limits: limits)).uncached
                    case .failure(let refusal): Response(refusal)
                    }
                }
            }
        }
    }

    private func pull(_ request: borrowing Request) throws -> Response {
        try checkMediaType(request)
        let pull = try PullRequest.parse(request.bodySlice(), limits: limits)
        let (exchange, peer, user) = (request.exchange, request.peer, try user(of: request))
        if let page = try pageAtOnce(pull, request, as: user) { return .json(page.body) }
        return try admit(request, to: pull.scope, for: .pull, as: user) { pass, watch in
            switch self.tail.pull(pull) {
            case .page(let page):
                let response = Response.json(page.body).uncached
                guard !self.access.isGranted(pass, through: page.position.cursor) else {
                    return .now(response)
                }
                return self.answerLater(exchange, peer, with: response, by: pass, watch)
            case .refused(let refusal): throw refusal
            case .askStore:
                return self.answerLater(exchange, peer, with: .changes(pull), at: nil, pass, watch)
            }
        }
    }

    /// The usual pull: it is known that it is allowed, and the tail has what it wants. No closure
    /// is made for it, which would keep the request's parts for later. Where others write to
    /// the store, too, the tail may be behind, and the store is asked first.
    private func pageAtOnce(
        _ pull: PullRequest, _ request: borrowing Request, as user: Name?
    ) throws(Refusal) -> PullPage? {
        guard !isShared else { return nil }
        try CredentialLimits.check(request, .pull, in: pull.scope)
        let question = AccessQuestion(user: user, scope: pull.scope, action: .pull)
        guard case .allowed(let pass)? = access.ruling(question),
            case .page(let page) = tail.pull(pull), access.isGranted(pass)
        else { return nil }
        return page
    }

    private func snapshot(_ request: borrowing Request) throws -> Response {
        try checkMediaType(request)
        let snapshot = try SnapshotRequest.parse(request.bodySlice(), limits: limits)
        let (exchange, peer) = (request.exchange, request.peer)
        return try admit(request, to: snapshot.scope, for: .snapshot, as: user(of: request)) {
            pass, watch in
            self.answerLater(
                exchange, peer, with: .records(snapshot),
                at: self.tail.head(snapshot.scope)?.position, pass, watch)
        }
    }

    /// Answers with a page of the store: at once if there is one that holds, else from a reader's
    /// thread.
    private func answerLater(
        _ exchange: ExchangeID, _ peer: PeerAddress, with page: PageRequest, at head: Position?,
        _ pass: AccessPass, _ watch: ExchangeWatch?
    ) -> AdmittedAnswer {
        if let body = pages.find(page, at: head),
            access.isGranted(pass, through: head?.cursor ?? .max)
        {
            return .now(.json(body).uncached)
        }
        let (workers, watch) = (self.workers, watch ?? ExchangeWatch())
        read(page, for: asker(peer, watchedBy: watch)) { answer in
            switch answer {
            case .success(let body):
                _ = self.answerLater(
                    exchange, peer, with: .json(body).uncached, by: pass, watch)
            case .failure(let refusal): workers.respond(to: exchange, Response(refusal))
            }
        }
        return .later(watch)
    }

    /// Answers with what was read if it may still go out.
    private func answerLater(
        _ exchange: ExchangeID, _ peer: PeerAddress, with response: Response,
        by pass: AccessPass, _ watch: ExchangeWatch?
    ) -> AdmittedAnswer {
        let (workers, watch) = (self.workers, watch ?? ExchangeWatch())
        confirm(pass, for: asker(peer, watchedBy: watch)) { error in
            workers.respond(to: exchange, error.map(Response.init(refusedFor:)) ?? response)
        }
        return .later(watch)
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
}

extension Refusal {
    static func tooOften(waitSeconds: Int) -> Refusal {
        .rateLimited(
            "too many requests from this address or user; try again in \(waitSeconds) s",
            retryAfterSeconds: waitSeconds)
    }

    static let unreadable = Refusal.unavailable("the store cannot be read now")
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
