// Pages that depend on nothing but a scope's state and a key that the app chooses: made once for
// each position of the scope, kept, and sent to everybody who asks (`KeptPage`). A request is
// answered in this order, so that nobody who has seen a change is shown a page without it:
//
//   request ─► may this user read? ─► where does the scope stand? ─► kept at exactly that position
//                                                    │                     └─► 200 or 304, at once
//                                                    └─► otherwise a reader makes the page; whoever
//                                                        asks meanwhile waits for the same one
//
// The position is looked up after the request has come: the committer tells the tail of a commit
// before it lets any answer go. A commit needs no list of pages: it moves the position.

import MizuBytes
import MizuHTTP
import MizuServer
import MizuSync
import MizuSyncService

/// Who may be sent the same page.
public enum PageAudience: Sendable {
    /// Each user has pages of their own (`request.user`); whoever is not signed in shares theirs.
    case eachUser
    /// All who may read the scope are sent the same page: it does not depend on who asks.
    case everybody
}

extension Sync {
    /// Answers `request` with a page that is made once for each state of the scope and kept
    /// (PAGE_CACHE), with an `ETag` of that state; a browser that has it already gets a 304.
    ///
    /// The page must depend on nothing but the scope's records, `key`, and the user if it is for
    /// `.eachUser`: not on the query, a field, a cookie, the time or chance. What of these it shows
    /// belongs into the key. An answer that is no 200, sets a cookie or says `no-store` is made
    /// for each request. In development no page is kept.
    /// - Parameters:
    ///   - scope: the scope to read; `authorize` is asked for each request, as in `read`.
    ///   - key: what the page depends on besides, as `filter=done`. Pages of different routes never
    ///     meet, whatever their keys are.
    ///   - audience: who is sent the same page.
    ///   - make: runs on a reader's thread, as in `read`.
    /// - Returns: the page, or a pending response; the handler returns it at once.
    /// - Throws: `HTTPError` 403 if the user may not read the scope; 503 if too many wait for
    ///   pages.
    public func page(
        _ request: borrowing Request, scope: Name = .defaultScope, key: String,
        for audience: PageAudience = .eachUser,
        _ make: @escaping @Sendable (borrowing Snapshot) throws -> Response
    ) throws -> Response {
        guard let pages else { return try read(request, scope: scope, make) }
        let user = try user(of: request)
        let key = PageKey(
            scope: scope, route: request.route, user: audience == .eachUser ? user : nil,
            name: key)
        let (asked, exchange, peer) = (AskedRepresentation(request), request.exchange, request.peer)
        return try admit(request, to: scope, for: .snapshot, as: user) { pass, watch in
            let position = service.tail.head(scope)?.position
            if let position, let page = pages.page(key, at: position),
                service.isGranted(pass, through: position.cursor)
            {
                return .now(answer(with: page, asked, key, pages))
            }
            let waiter = PageWaiter(
                exchange: exchange, peer: peer, pass: pass, watch: watch ?? ExchangeWatch(),
                asked: asked)
            switch pages.join(key, waiter, seen: position) {
            case .lead: lead(waiter, key, pages, make)
            case .wait: break
            case .refused:
                throw HTTPError(
                    .serviceUnavailable, code: "unavailable",
                    message: "too many wait for pages; try again")
            }
            return .later(waiter.watch)
        }
    }

    /// The answer, packed now if this is the first who wants that.
    private func answer(
        with page: KeptPage, _ asked: AskedRepresentation, _ key: PageKey, _ pages: PageStore
    ) -> Response {
        guard asked.coding == .gzip, page.awaitsPacking else { return page.response(to: asked) }
        let page = page.packing
        pages.keep(page, as: key)
        return page.response(to: asked)
    }

    // MARK: On a reader's thread

    /// What a reader has made.
    private enum Made {
        case page(KeptPage)
        /// An error: all who wait are told it.
        case error(Response, Position)
        /// An answer that is for one alone.
        case single(Response, Position)
        /// The leader has left.
        case nothing
    }

    /// Makes the page for `leader` and all who wait beside.
    private func lead(
        _ leader: PageWaiter, _ key: PageKey, _ pages: PageStore,
        _ make: @escaping @Sendable (borrowing Snapshot) throws -> Response
    ) {
        let tail = service.tail
        let asker = service.asker(leader.peer, watchedBy: leader.watch)
        service.read(for: asker, of: key.scope) { (reader, check) throws(StoreError) -> Made in
            pages.begin(key)
            // The reader may be ahead of the tail, and the tail must not then show less than this.
            let made = try tail.viewing(key.scope, from: reader, isAsked: true) {
                (reader) throws(StoreError) in
                try Self.make(key, pages, reader, check, make)
            }
            guard case .page(var page) = made else { return made }
            if leader.asked.coding == .gzip, page.awaitsPacking { page = page.packing }
            pages.keep(page, as: key)
            return .page(page)
        } answer: { result in
            self.tell(result, leader, key, pages, make)
        }
    }

    /// Within a view.
    /// - Note: not inlined: the optimizer of Swift 6.3.1 aborts where it clones `Snapshot`, which
    ///   cannot be copied, into the closure (`forwardToInit` at SILValue.h).
    @inline(never)
    private static func make(
        _ key: PageKey, _ pages: PageStore, _ reader: any SyncReader, _ check: ReadCheck,
        _ make: (borrowing Snapshot) throws -> Response
    ) throws(StoreError) -> Made {
        let position = try reader.scopeState(key.scope).head
        // The tail did not know where the scope stands, or somebody else was quicker.
        if let page = pages.page(key, at: position) { return .page(page) }
        do {
            var response = try make(Snapshot(reader: reader, scope: key.scope, check: check))
            if key.user != nil { response.keepPrivate() }
            let tagName = pages.tagName(of: key, at: position)
            if let page = KeptPage(response, position: position, tagName: tagName) {
                return .page(page)
            }
            let isError = response.status.code >= 400 && !response.has("set-cookie")
            return isError ? .error(response, position) : .single(response, position)
        } catch let error as StoreError {
            throw error
        } catch SnapshotError.over {
            return check.hasLeft ? .nothing : .error(Self.ended(check), position)
        } catch {
            return .error(Response(failure: error), position)
        }
    }

    /// Gives what was made to those who wait, and begins anew for those for whom it is too old.
    private func tell(
        _ result: Result<Made, Refusal>, _ leader: PageWaiter, _ key: PageKey,
        _ pages: PageStore, _ make: @escaping @Sendable (borrowing Snapshot) throws -> Response
    ) {
        let next: PageWaiter?
        switch result {
        case .success(.page(let page)):
            next = serve(key, pages, at: page.position) { waiter in
                self.answer(with: page, waiter.asked, key, pages)
            }
        case .success(.error(let response, let position)):
            next = serve(key, pages, at: position) { _ in response }
        case .success(.single(let response, let position)):
            let (served, left) = pages.end(key, at: position)
            respond(to: leader, response)
            for waiter in served.dropFirst() { read(for: waiter, of: key.scope, make) }
            next = left
        case .success(.nothing): next = pages.abandon(key)
        case .failure where leader.watch.isGone: next = pages.abandon(key)
        case .failure(let refusal):
            for waiter in pages.fail(key) {
                // That an address has too many reads under way is for nobody else to be told.
                let isTheirs = refusal.status != 429 || waiter.exchange == leader.exchange
                workers.respond(
                    to: waiter.exchange,
                    Response(isTheirs ? refusal : .unavailable("this page was not made; try again"))
                )
            }
            next = nil
        }
        if let next { lead(next, key, pages, make) }
    }

    private func serve(
        _ key: PageKey, _ pages: PageStore, at position: Position,
        _ response: (PageWaiter) -> Response
    ) -> PageWaiter? {
        let (served, next) = pages.end(key, at: position)
        for waiter in served { respond(to: waiter, response(waiter)) }
        return next
    }

    /// Sends what was made if the waiter may still have it.
    private func respond(to waiter: PageWaiter, _ response: Response) {
        let asker = service.asker(waiter.peer, watchedBy: waiter.watch)
        service.confirm(waiter.pass, for: asker) { error in
            workers.respond(
                to: waiter.exchange, error.map(Response.init(refusedFor:)) ?? response)
        }
    }

    /// Reads for one who waited for a page that cannot be shared.
    private func read(
        for waiter: PageWaiter, of scope: Name,
        _ respond: @escaping @Sendable (borrowing Snapshot) throws -> Response
    ) {
        let asker = service.asker(waiter.peer, watchedBy: waiter.watch)
        read(for: asker, of: scope, by: waiter.pass, to: waiter.exchange, respond)
    }
}
