// Sync for code that answers no request: jobs, webhooks, seeds, mail, start-up. Reads and pushes
// take the same ways as those of requests, with the same bounds: the server's own reads are one
// source among the others (ReadQueue), so a job that reads much waits behind itself, and its pushes
// share the commits of everybody. Each is there as an `async` function and with a completion.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuSync
import MizuSyncService

/// In whose name code of the server pushes. There is no default, and nil means nothing here:
/// somebody who is not signed in must never become the server by accident.
public enum PushAuthor: Sendable {
    /// A user: refused as a push of that user's would be.
    case user(String)
    /// The server itself, which may write to every scope.
    case server
}

extension Sync {
    // MARK: Reading

    /// Returns what `look` makes of the scope's records, all at one cursor. It may read every
    /// scope: nobody's permission is asked.
    /// - Parameters:
    ///   - scope: the scope to read.
    ///   - peer: on whose behalf; its reads take turns with those of its own requests. Nil: the
    ///     server itself, whose reads together are bounded like those of one address with sockets.
    ///   - look: runs on a reader's thread. It is not called if the task was cancelled before its
    ///     turn came, and its snapshot throws when it is cancelled or has run for 10 s.
    /// - Throws: what `look` throws; Swift's error of cancellation if the task was cancelled;
    ///   `HTTPError` 429 or 503 if too many reads wait, if the read took too long, or if the store
    ///   cannot be read.
    public func read<Value: Sendable>(
        _ scope: Name = .defaultScope, onBehalfOf peer: PeerAddress? = nil,
        _ look: @escaping @Sendable (borrowing Snapshot) throws -> Value
    ) async throws -> Value {
        try await read(scope, onBehalfOf: peer, isAsked: false, look)
    }

    /// - Parameter isAsked: as `look(at:for:isAsked:)` has it.
    func read<Value: Sendable>(
        _ scope: Name, onBehalfOf peer: PeerAddress?, isAsked: Bool,
        _ look: @escaping @Sendable (borrowing Snapshot) throws -> Value
    ) async throws -> Value {
        let watch = ExchangeWatch()
        return try await withTaskCancellationHandler {
            let result: Result<Value, any Error> = await handedOver { waiting in
                self.look(
                    at: scope, for: asker(peer, watchedBy: watch), isAsked: isAsked, look
                ) { result in
                    waiting.resume(returning: self.result(of: result, in: scope, watch))
                }
            }
            return try result.get()
        } onCancel: {
            watch.end()
        }
    }

    /// The same for code that cannot wait.
    /// - Parameter completion: called once, on a reader's thread, or at once if too many reads
    ///   wait. The next read waits while it runs.
    public func read<Value: Sendable>(
        _ scope: Name = .defaultScope, onBehalfOf peer: PeerAddress? = nil,
        _ look: @escaping @Sendable (borrowing Snapshot) throws -> Value,
        completion: @escaping @Sendable (Result<Value, any Error>) -> Void
    ) {
        self.look(at: scope, for: asker(peer, watchedBy: nil), look) { result in
            completion(self.result(of: result, in: scope, nil))
        }
    }

    private func asker(_ peer: PeerAddress?, watchedBy watch: ExchangeWatch?) -> ReadAsker {
        guard let peer else { return service.jobAsker(watchedBy: watch) }
        return service.asker(peer, watchedBy: watch)
    }

    private func result<Value: Sendable>(
        of look: Look<Value>, in scope: Name, _ watch: ExchangeWatch?
    ) -> Result<Value, any Error> {
        switch look {
        case .read(let value): return .success(value)
        case .failed(let error): return .failure(error)
        case .refused, .over:
            guard watch?.isGone != true else { return .failure(CancellationError()) }
            guard case .refused(let refusal) = look else {
                service.logger.error("a read of the scope \(scope) took too long and was ended")
                return .failure(HTTPError(Refusal.unavailable(Self.tookTooLong)))
            }
            return .failure(HTTPError(refusal))
        }
    }

    // MARK: Pushing

    /// Applies mutations, in order, and returns one outcome for each of them when all are durable.
    /// - Parameters:
    ///   - author: in whose name. As a user the push needs what that user's own would need; as the
    ///     server it may write to every scope.
    ///   - scope: the scope to write to.
    ///   - intents: the mutations, at most some thousands. One with a known id is not applied
    ///     again; its first outcome counts. So a job that may be repeated gives its intents ids
    ///     that are the same each time.
    /// - Throws: `HTTPError` 403 if the author may not write the scope, 400 if the user is not a
    ///   name, 503 if too much waits or the store cannot be written. A mutation that the mutator
    ///   refuses does not throw: its outcome says so. Cancelling the task undoes nothing.
    @discardableResult
    public func push(
        as author: PushAuthor, scope: Name = .defaultScope, _ intents: [Intent]
    ) async throws -> [MutationOutcome] {
        let answer: PushAnswer = await handedOver { waiting in
            commit(as: author, scope, intents) { waiting.resume(returning: $0) }
        }
        return try MutationOutcome.all(of: answer)
    }

    /// The same for code that cannot wait.
    /// - Parameter completion: called once, on the committer's thread, or at once if the push is
    ///   refused as a whole. Every commit waits while it runs: it hands its work on.
    public func push(
        as author: PushAuthor, scope: Name = .defaultScope, _ intents: [Intent],
        completion: @escaping @Sendable (Result<[MutationOutcome], any Error>) -> Void
    ) {
        commit(as: author, scope, intents) { answer in
            completion(Result { try MutationOutcome.all(of: answer) })
        }
    }

    private func commit(
        as author: PushAuthor, _ scope: Name, _ intents: [Intent],
        _ answer: @escaping @Sendable (PushAnswer) -> Void
    ) {
        do throws(Refusal) {
            let byteCount = intents.reduce(0) { $0 + $1.byteCount }
            var push = PushRequest(
                scope: scope, client: nil, mutations: intents.map(\.mutation),
                user: try user(of: author))
            let service = self.service
            guard case .user = author else {
                push.authority = .server
                return service.push(push, byteCount: byteCount) { result, _ in answer(result) }
            }
            let asker = service.jobAsker(watchedBy: nil)
            service.admitPush(to: scope, as: push.user, for: asker) { [push] admitted in
                switch admitted {
                case .failure(let error): answer(.failure(Self.refusal(error)))
                case .success(let admission):
                    var push = push
                    admission.mark(&push)
                    service.push(push, byteCount: byteCount) { result, _ in answer(result) }
                }
            }
        } catch {
            answer(.failure(error))
        }
    }

    private func user(of author: PushAuthor) throws(Refusal) -> Name? {
        guard case .user(let text) = author else { return nil }
        guard let user = Name(text) else {
            throw .invalidRequest("the user is not a valid name")
        }
        return user
    }

    /// What `authorize` threw was logged.
    private static func refusal(_ error: any Error) -> Refusal {
        error as? Refusal ?? .internalError
    }
}

extension HTTPError {
    /// A refusal as code may throw it.
    init(_ refusal: Refusal) {
        self.init(
            HTTPStatus(UInt16(clamping: refusal.status)), code: refusal.code,
            message: refusal.message)
    }
}
