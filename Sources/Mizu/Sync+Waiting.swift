// Sync for handlers that wait: as for plain ones, with the rights of the request's user, and what
// was read or decided is returned to the handler, which makes its answer of it.

import MizuEventLoop
import MizuHTTP
import MizuSync
import MizuSyncService

extension Sync {
    /// Returns what `look` makes of the scope's records, all at one cursor.
    /// - Parameters:
    ///   - scope: the scope to read.
    ///   - look: runs on a reader's thread. It is not called if the client has left.
    /// - Throws: what `look` throws; `HTTPError` 403 if the user may not read the scope, 429 or 503
    ///   if too many reads wait; Swift's error of cancellation if the client has left.
    nonisolated(nonsending) public func read<Value: Sendable>(
        _ request: OwnedRequest, scope: Name = .defaultScope,
        _ look: @escaping @Sendable (borrowing Snapshot) throws -> Value
    ) async throws -> Value {
        let (user, peer) = (try user(of: request.view), request.peer)
        try checkLimits(of: request, .snapshot, in: scope)
        let watch = ExchangeWatch()
        let asker = service.asker(peer, watchedBy: watch)
        return try await withTaskCancellationHandler {
            let admitted: Result<AccessPass, any Error> = await handedOver { waiting in
                service.admit(to: scope, for: .snapshot, as: user, for: asker) {
                    waiting.resume(returning: $0)
                }
            }
            do {
                let pass = try admitted.get()
                let value = try await read(scope, onBehalfOf: peer, isAsked: true, look)
                // A commit may have taken the right away meanwhile.
                let error: (any Error)? = await handedOver { waiting in
                    service.confirm(pass, for: asker) { waiting.resume(returning: $0) }
                }
                if let error { throw error }
                return value
            } catch {
                throw HTTPError.refused(for: error)
            }
        } onCancel: {
            watch.end()
        }
    }

    /// Applies mutations of `request`'s user, in order, and returns one outcome for each of them
    /// when all are durable.
    /// - Throws: `HTTPError` 403 if the user may not write the scope, 400 if `request.user` is not
    ///   a name. A mutation that the mutator refuses does not throw: its outcome says so. A client
    ///   that leaves undoes nothing.
    @discardableResult
    nonisolated(nonsending) public func push(
        _ request: OwnedRequest, scope: Name = .defaultScope, _ intents: [Intent]
    ) async throws -> [MutationOutcome] {
        let user = try user(of: request.view)
        try checkLimits(of: request, .push, in: scope)
        var push = PushRequest(
            scope: scope, client: nil, mutations: intents.map(\.mutation), user: user,
            origin: service.origin(of: request.peer))
        service.charge(mutations: intents.count, to: request.view)
        let asker = service.asker(request.peer, watchedBy: nil)
        let admitted: Result<PushAdmission, any Error> = await handedOver { waiting in
            service.admitPush(to: scope, as: user, for: asker) {
                waiting.resume(returning: $0)
            }
        }
        do { try admitted.get().mark(&push) } catch { throw HTTPError.refused(for: error) }
        let byteCount = intents.reduce(0) { $0 + $1.byteCount }
        let answer: PushAnswer = await handedOver { [push] waiting in
            // Also in a drain: the request came before it.
            service.push(push, byteCount: byteCount) { result, _ in
                waiting.resume(returning: result)
            }
        }
        return try MutationOutcome.all(of: answer)
    }

    /// What the request's token may be used for, asked at this door as at all others.
    private func checkLimits(
        of request: OwnedRequest, _ action: SyncAction, in scope: Name
    ) throws {
        do throws(Refusal) {
            try CredentialLimits.check(request.view, action, in: scope)
        } catch {
            throw HTTPError(error)
        }
    }
}

extension HTTPError {
    /// What a permission's refusal is for a handler; what the app's own closure threw stays that.
    static func refused(for error: any Error) -> any Error {
        (error as? Refusal).map { HTTPError($0) } ?? error
    }
}
