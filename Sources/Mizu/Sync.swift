// Sync as an app's handlers use it: read a consistent state, push mutations, and answer when the
// answer is there. Neither blocks a worker: the handler returns at once, and the closure that makes
// the answer runs later, for a read on a reader's thread, for a push on the request's worker.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuServer
import MizuSync
import MizuSyncService

/// A handle to an app's synchronised state. Any thread.
public struct Sync: Sendable {
    let service: SyncService
    let workers: Workers
    /// Who is connected, and the way to tell them.
    public let live: LiveFeed

    init(service: SyncService, workers: Workers, feed: LiveFeed) {
        self.service = service
        self.workers = workers
        live = feed
    }

    /// Answers `request` with what `respond` makes of the scope's records, all at one cursor.
    /// `respond` is not called where the client has left, where its address has too many reads
    /// under way (429) or where the read has waited too long (503); what it throws is logged with
    /// the route and answered like a handler's.
    /// - Throws: `HTTPError` 403 where the user may not read the scope.
    public func read(
        _ request: borrowing Request, scope: Name = .defaultScope,
        _ respond: @escaping @Sendable (borrowing Snapshot) throws -> Response
    ) throws -> Response {
        try check(request, scope, .snapshot)
        let (workers, exchange) = (self.workers, request.exchange)
        let (tail, watch) = (service.tail, ExchangeWatch())
        service.read(for: service.asker(request.peer, watchedBy: watch), of: scope) {
            (reader, check) throws(StoreError) -> Response in
            // The reader may be ahead of the tail, and the tail must not then show less than this.
            try tail.reading(of: scope, from: reader) { (reader) throws(StoreError) in
                try reader.beginReading()
                defer { reader.endReading() }
                do {
                    return try respond(Snapshot(reader: reader, scope: scope, check: check))
                } catch let error as StoreError {
                    throw error
                } catch SnapshotError.over {
                    return Self.ended(check)
                } catch {
                    return Response(failure: error)
                }
            }
        } answer: { result in
            switch result {
            case .success(let response): workers.respond(to: exchange, response)
            case .failure(let refusal): workers.respond(to: exchange, Response(refusal))
            }
        }
        return .pending(watchedBy: watch)
    }

    /// The answer of a read that was ended: nobody is there to get it, or it took too long, which
    /// is worth a line in the log.
    private static func ended(_ check: ReadCheck) -> Response {
        let message = "this took too long; try again"
        var response = Response(Refusal.unavailable(message))
        if !check.hasLeft {
            response.problem = Problem(
                code: "unavailable", message: message, cause: "\(SnapshotError.over)")
        }
        return response
    }

    /// Pushes mutations for `request`'s user, in order, and answers with what `respond` makes of
    /// their outcomes (one for each).
    /// - Throws: `HTTPError` 403 where the user may not write the scope, 400 for a bad id.
    public func push(
        _ request: borrowing Request, scope: Name = .defaultScope, _ intents: [Intent],
        _ respond: @escaping @Sendable ([MutationOutcome]) throws -> Response
    ) throws -> Response {
        let user = try check(request, scope, .push)
        var push = PushRequest(
            scope: scope, client: nil,
            mutations: intents.map { intent in
                intent.mutation
            }, user: user, origin: service.origin(of: request.peer))
        push.isByReader = service.mayUse(user, scope, .pull)
        service.charge(mutations: intents.count, to: request)
        let (workers, exchange) = (self.workers, request.exchange)
        service.push(push, byteCount: intents.reduce(0) { $0 + $1.byteCount }) { answer in
            workers.respond(to: exchange) {
                do {
                    return try respond(try MutationOutcome.all(of: answer))
                } catch {
                    return Response(failure: error)
                }
            }
        }
        return .pending
    }

    @discardableResult
    private func check(
        _ request: borrowing Request, _ scope: Name, _ action: SyncAction
    ) throws -> Name? {
        let user = request.user.flatMap { Name($0) }
        if request.user != nil && user == nil {
            throw HTTPError(
                .badRequest, code: "invalid_request", message: "the user is no valid name")
        }
        guard service.mayUse(user, scope, action) else {
            throw HTTPError(
                .forbidden, code: "scope_denied", message: "no permission for the scope \(scope)")
        }
        return user
    }
}

/// What a handler wants done: a named command with its id and arguments.
public struct Intent: Sendable {
    public let id: Name
    public let name: Name
    private let arguments: Arguments
    var byteCount: Int { arguments.json.bytes.count }

    var mutation: PushedMutation {
        PushedMutation(id: id, name: name, args: arguments)
    }

    /// - Parameters:
    ///   - id: random and unique, made once and kept through every retry: for a form, a hidden
    ///     field. Nil makes a fresh one.
    ///   - arguments: encodes to a JSON object.
    /// - Throws: `HTTPError` 400 where `id` is no name or the arguments are no object.
    public init(
        _ name: Name, id: String? = nil, _ arguments: some Encodable
    ) throws {
        guard let id = id.map({ Name($0) }) ?? Self.freshID() else {
            throw HTTPError(
                .badRequest, code: "invalid_request",
                message: "the mutation id must have 1 to 128 bytes, no control characters")
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

    /// An id for a new record that sorts behind those made before it: milliseconds since 1970 in
    /// twelve hexadecimal digits, then 80 random bits. Pages of records come in the order of ids,
    /// so these come in the order in which they were made; the browser client makes them alike.
    public static func orderedID() -> Name? {
        var random = SystemRandomNumberGenerator()
        let time = Hex.encode(UInt64(clamping: WallClock.milliseconds)).suffix(12)
        let low = Hex.encode(random.next() as UInt64) + Hex.encode(random.next() as UInt64)
        return Name(String(decoding: time + low.prefix(20), as: UTF8.self))
    }

    /// A random id of 128 bits.
    public static func freshID() -> Name? {
        var random = SystemRandomNumberGenerator()
        return Name.random(using: &random)
    }
}
