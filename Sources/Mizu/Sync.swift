// Sync as an app's handlers use it: read a consistent state, push mutations, and answer when the
// answer is there. Neither blocks a worker: the handler returns at once, and the closure that makes
// the answer runs later, for a read on a reader's thread, for a push on the request's worker.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuServer
import MizuSync
import MizuSyncService

/// A handle to an app's synchronised state, which `App.sync` returns. Any thread.
public struct Sync: Sendable {
    let service: SyncService
    let workers: Workers
    /// What `page` keeps; nil: nothing.
    let pages: PageStore?
    /// The sockets that are connected: publish to topics, send to users, close sessions.
    public let live: LiveFeed

    init(service: SyncService, workers: Workers, feed: LiveFeed, pages: PageStore?) {
        self.service = service
        self.workers = workers
        self.pages = pages
        live = feed
    }

    /// Answers `request` with what `respond` makes of the scope's records, all at one cursor.
    /// - Parameters:
    ///   - scope: the scope to read.
    ///   - respond: runs on a reader's thread. It is not called if the client has left, if its
    ///     address has too many reads under way (429), or if the read has waited for 10 s (503). It
    ///     may be called a second time, with a snapshot of the database itself, where a replica
    ///     failed in the middle (DATABASE_READ_URL). What it throws is logged with the route and
    ///     answered like a handler's error.
    /// - Returns: a pending response, which the handler returns at once.
    /// - Throws: `HTTPError` 403 if the user may not read the scope.
    public func read(
        _ request: borrowing Request, scope: Name = .defaultScope,
        _ respond: @escaping @Sendable (borrowing Snapshot) throws -> Response
    ) throws -> Response {
        let (exchange, peer) = (request.exchange, request.peer)
        return try admit(request, to: scope, for: .snapshot, as: try user(of: request)) {
            pass, watch in
            let watch = watch ?? ExchangeWatch()
            let asker = service.asker(peer, watchedBy: watch)
            read(for: asker, of: scope, by: pass, to: exchange, respond)
            return .later(watch)
        }
    }

    /// Answers the exchange with what `respond` makes, on a reader's thread.
    func read(
        for asker: ReadAsker, of scope: Name, by pass: AccessPass, to exchange: ExchangeID,
        _ respond: @escaping @Sendable (borrowing Snapshot) throws -> Response
    ) {
        let workers = self.workers
        look(at: scope, for: asker, isAsked: true, respond) { result in
            var made =
                switch result {
                case .read(let response): response
                case .refused(let refusal): Response(refusal)
                case .over(let check): Self.ended(check)
                case .failed(let error): Response(failure: error)
                }
            if pass.isPersonal { made.keepPrivate() }
            let response = made
            service.confirm(pass, for: asker) { error in
                workers.respond(to: exchange, error.map(Response.init(refusedFor:)) ?? response)
            }
        }
    }

    /// What became of a read.
    enum Look<Value: Sendable>: Sendable {
        case read(Value)
        /// It was not begun, or the store cannot be read.
        case refused(Refusal)
        /// Nobody waits for it any more, or it took too long.
        case over(ReadCheck)
        /// The app's closure threw.
        case failed(any Error)
    }

    /// Calls `work` with the scope's records, all at one cursor, on a reader's thread; a second
    /// time where a replica of the database failed in the middle.
    /// - Parameters:
    ///   - isAsked: the read was admitted, so that it is known how far it has to show the scope.
    ///   - answer: called once, there, or at once if too many reads wait.
    func look<Value: Sendable>(
        at scope: Name, for asker: ReadAsker, isAsked: Bool = false,
        _ work: @escaping @Sendable (borrowing Snapshot) throws -> Value,
        answer: @escaping @Sendable (Look<Value>) -> Void
    ) {
        let tail = service.tail
        service.read(for: asker, of: scope) {
            (reader, check) throws(StoreError) -> Look<Value> in
            // The reader may be ahead of the tail, and the tail must not then show less than this.
            try tail.viewing(scope, from: reader, isAsked: isAsked) {
                (reader) throws(StoreError) in
                do {
                    return .read(try work(Snapshot(reader: reader, scope: scope, check: check)))
                } catch let error as StoreError {
                    throw error
                } catch SnapshotError.over {
                    return .over(check)
                } catch {
                    return .failed(error)
                }
            }
        } answer: { result in
            switch result {
            case .success(let look): answer(look)
            case .failure(let refusal): answer(.refused(refusal))
            }
        }
    }

    /// The answer of a read that was ended: nobody is there to get it, or it took too long, which
    /// is worth a line in the log.
    static func ended(_ check: ReadCheck) -> Response {
        var response = Response(Refusal.unavailable(tookTooLong))
        if !check.hasLeft {
            response.problem = Problem(
                code: "unavailable", message: tookTooLong, cause: "\(SnapshotError.over)")
        }
        return response
    }

    static let tookTooLong = "the read took too long; try again"

    /// Pushes mutations of `request`'s user, in order, and answers with what `respond` makes of
    /// their outcomes.
    /// - Parameters:
    ///   - scope: the scope to write to.
    ///   - intents: the mutations. One with a known id is not applied again; its first outcome
    ///     counts.
    ///   - respond: gets one outcome for each intent, after all are durable. It runs on the
    ///     request's worker and must not wait.
    /// - Returns: a pending response, which the handler returns at once.
    /// - Throws: `HTTPError` 403 if the user may not write the scope, 400 if `request.user` is not
    ///   a name.
    public func push(
        _ request: borrowing Request, scope: Name = .defaultScope, _ intents: [Intent],
        _ respond: @escaping @Sendable ([MutationOutcome]) throws -> Response
    ) throws -> Response {
        let user = try user(of: request)
        let push = PushRequest(
            scope: scope, client: nil,
            mutations: intents.map { intent in
                intent.mutation
            }, user: user, origin: service.origin(of: request.peer))
        service.charge(mutations: intents.count, to: request)
        let (exchange, service) = (request.exchange, self.service)
        let byteCount = intents.reduce(0) { $0 + $1.byteCount }
        return try refusing {
            try service.admitPush(request, to: scope, as: user) { admission in
                var push = push
                admission.mark(&push)
                service.push(push, byteCount: byteCount) { answer, mail in
                    mail.respond(to: exchange) {
                        do {
                            var response = try respond(try MutationOutcome.all(of: answer))
                            if user != nil { response.keepPrivate() }
                            return response
                        } catch {
                            return Response(failure: error)
                        }
                    }
                }
            }
        }
    }

    /// Goes on with a request once it is allowed.
    func admit(
        _ request: borrowing Request, to scope: Name, for action: SyncAction, as user: Name?,
        _ proceed: @escaping @Sendable (AccessPass, ExchangeWatch?) throws -> AdmittedAnswer
    ) throws -> Response {
        try refusing {
            try service.admit(request, to: scope, for: action, as: user, proceed)
        }
    }

    /// Refusals as handlers know them.
    private func refusing(_ body: () throws -> Response) throws -> Response {
        do { return try body() } catch let refusal as Refusal { throw HTTPError(refusal) }
    }

    /// Who asks, as Sync knows users.
    func user(of request: borrowing Request) throws -> Name? {
        let user = request.user.flatMap { Name($0) }
        if request.user != nil && user == nil {
            throw HTTPError(
                .badRequest, code: "invalid_request", message: "the user is not a valid name")
        }
        return user
    }
}

/// A mutation that a handler wants applied: a name with arguments, and an id.
public struct Intent: Sendable {
    /// Makes the mutation the same one in every retry.
    public let id: Name
    /// Which mutation it is, as `note.write`.
    public let name: Name
    private let arguments: Arguments
    var byteCount: Int { arguments.json.bytes.count }

    var mutation: PushedMutation {
        PushedMutation(id: id, name: name, args: arguments)
    }

    /// - Parameters:
    ///   - name: the mutation's name, as the app's mutator knows it.
    ///   - id: random and unique, made once and kept through every retry; in a form it is a hidden
    ///     field. Nil makes a fresh one.
    ///   - arguments: a value that encodes to a JSON object.
    /// - Throws: `HTTPError` 400 if `id` is not a name, or the arguments do not encode to an
    ///   object.
    public init(
        _ name: Name, id: String? = nil, _ arguments: some Encodable
    ) throws {
        guard let id = id.map({ Name($0) }) ?? Self.freshID() else {
            throw HTTPError(
                .badRequest, code: "invalid_request",
                message: "the mutation id must have 1 to 128 bytes and no control characters")
        }
        self.id = id
        self.name = name
        let json = JSONValue(validated: try JSONEncoding.encode(arguments))
        guard json.kind == .object else {
            throw HTTPError(
                .badRequest, code: "invalid_mutation", message: "arguments must be an object")
        }
        self.arguments = Arguments(json)
    }

    /// Returns an id for a new record that sorts after those made before it: milliseconds since
    /// 1970 in twelve hexadecimal digits, then 80 random bits. Pages come in the order of ids, so
    /// such records come in the order in which they were made. The browser client makes the same
    /// ids.
    public static func orderedID() -> Name? {
        var random = RandomNumbers()
        let time = Hex.encode(UInt64(clamping: WallClock.milliseconds)).suffix(12)
        let low = Hex.encode(random.next() as UInt64) + Hex.encode(random.next() as UInt64)
        return Name(String(decoding: time + low.prefix(20), as: UTF8.self))
    }

    /// Returns the id of the mutation that a form means if the page that it stands on is the same
    /// for everybody (`Sync.page`): the same id whenever the same user, from the same address and
    /// with the same browser, sends the same fields to the same path. So a form that is sent twice
    /// does its work once. One of its fields must say which state of the records the page showed
    /// (`Snapshot.position`), or whoever wants the same again later is taken for a sender who
    /// repeats.
    public static func id(ofFormIn request: borrowing Request) -> String {
        var text = ByteBuffer(capacity: 256 + request.bodyCount)
        let sender = [
            request.user ?? "", request.peer.host, request.header("User-Agent") ?? "",
            request.path,
        ]
        for part in sender {
            // Each with its length, so that no two senders come to the same text.
            text.append(decimal: part.utf8.count)
            text.append(UInt8(ascii: ":"))
            text.append(part)
        }
        request.withBody { text.append($0) }
        let digest = SHA1.digest(text.finish().array)
        return String(decoding: Hex.encode(Array(digest.prefix(16))), as: UTF8.self)
    }

    /// Returns a random id of 128 bits.
    public static func freshID() -> Name? {
        var random = RandomNumbers()
        return Name.random(using: &random)
    }
}
