// How a request that needs a permission goes on: at once where the answer is there, else when the
// store has said so, on a reader's thread; the request owes its answer until then. For HTTP and for
// handlers; sockets wait in `HeldLines`.

import MizuEventLoop
import MizuHTTP
import MizuServer
import MizuSync

/// How a request is answered once it is allowed.
public enum AdmittedAnswer: Sendable {
    case now(Response)
    /// The exchange is answered by whoever works on it, and this says when nobody waits any more.
    case later(ExchangeWatch?)
}

extension SyncService {
    /// Goes on with a request if `user` (nil: nobody) may do `action` in `scope`.
    /// - Parameter proceed: called at most once: now, or on a reader's thread; then it is given the
    ///   watch that the pending response has. What it reads it hands out after `isGranted` only.
    /// - Returns: what `proceed` answered, or a pending response.
    /// - Throws: the refusal, what the app's closure threw, and what `proceed` throws, if that is
    ///   known at once.
    public func admit(
        _ request: borrowing Request, to scope: Name, for action: SyncAction, as user: Name?,
        _ proceed: @escaping @Sendable (AccessPass, ExchangeWatch?) throws -> AdmittedAnswer
    ) throws -> Response {
        try CredentialLimits.check(request, action, in: scope)
        let question = AccessQuestion(user: user, scope: scope, action: action)
        if let ruling = access.ruling(question) {
            switch try proceed(try ruling.pass(to: scope), nil) {
            case .now(let response): return response
            case .later(let watch?): return .pending(watchedBy: watch)
            case .later(nil): return .pending
            }
        }
        let (workers, exchange, watch) = (self.workers, request.exchange, ExchangeWatch())
        access.admit(question, for: asker(request.peer, watchedBy: watch)) { ruling in
            do {
                switch try proceed(try ruling.pass(to: scope), watch) {
                case .now(let response): workers.respond(to: exchange, response)
                case .later: break
                }
            } catch {
                workers.respond(to: exchange, Response(refusedFor: error))
            }
        }
        return .pending(watchedBy: watch)
    }

    /// Goes on with a push.
    /// - Parameter proceed: marks the push as it is told to, and hands it to `push`.
    public func admitPush(
        _ request: borrowing Request, to scope: Name, as user: Name?,
        _ proceed: @escaping @Sendable (PushAdmission) -> Void
    ) throws -> Response {
        try CredentialLimits.check(request, .push, in: scope)
        let push = AccessQuestion(user: user, scope: scope, action: .push)
        let (ruling, reads) = access.rulings(ofPushTo: scope, by: user)
        switch ruling {
        case .denied? where push.mayKnowOutcomes:
            proceed(.denied)
            return .pending
        case .denied?, .failed?: _ = try ruling?.pass(to: scope)
        case .allowed?:
            guard let reads else { break }
            proceed(.admitted(isByReader: reads.isAllowed))
            return .pending
        case nil: break
        }
        let (workers, exchange, watch) = (self.workers, request.exchange, ExchangeWatch())
        // Once it is allowed it is pushed, whether anybody waits for the answer or not.
        let pushing = asker(request.peer, watchedBy: ExchangeWatch())
        decide(push, for: asker(request.peer, watchedBy: watch)) { ruling in
            self.admit(ruling, of: push, for: pushing) { result in
                switch result {
                case .success(let admission): proceed(admission)
                case .failure(let error):
                    workers.respond(to: exchange, Response(refusedFor: error))
                }
            }
        }
        return .pending(watchedBy: watch)
    }

    /// What a ruling about a push comes to.
    private func admit(
        _ ruling: Ruling, of push: AccessQuestion, for asker: ReadAsker,
        _ proceed: @escaping @Sendable (Result<PushAdmission, any Error>) -> Void
    ) {
        if case .denied = ruling, push.mayKnowOutcomes { return proceed(.success(.denied)) }
        do {
            _ = try ruling.pass(to: push.scope)
            whetherReads(push.user, push.scope, for: asker) {
                proceed(.success(.admitted(isByReader: $0)))
            }
        } catch {
            proceed(.failure(error))
        }
    }

    /// Decides without an exchange that owes an answer: for handlers that wait. `proceed` is called
    /// once: at once, or on a reader's thread; what is read then goes out after `confirm`.
    public func admit(
        to scope: Name, for action: SyncAction, as user: Name?, for asker: ReadAsker,
        _ proceed: @escaping @Sendable (Result<AccessPass, any Error>) -> Void
    ) {
        decide(AccessQuestion(user: user, scope: scope, action: action), for: asker) { ruling in
            proceed(Result { try ruling.pass(to: scope) })
        }
    }

    /// Decides without a request: for what a worker cannot wait for. `proceed` is called once: at
    /// once, or on a reader's thread.
    /// - Returns: by `proceed`: how the push goes on, or why it does not.
    public func admitPush(
        to scope: Name, as user: Name?, for asker: ReadAsker,
        _ proceed: @escaping @Sendable (Result<PushAdmission, any Error>) -> Void
    ) {
        let push = AccessQuestion(user: user, scope: scope, action: .push)
        decide(push, for: asker) { ruling in self.admit(ruling, of: push, for: asker, proceed) }
    }

    /// What others are told of a push may be compressed if its author may read the scope.
    func whetherReads(
        _ user: Name?, _ scope: Name, for asker: ReadAsker,
        _ proceed: @escaping @Sendable (Bool) -> Void
    ) {
        let question = AccessQuestion(user: user, scope: scope, action: .pull)
        if let known = access.known(question) { return proceed(known.isAllowed) }
        decide(question, for: asker) { proceed($0.isAllowed) }
    }

    private func decide(
        _ question: AccessQuestion, for asker: ReadAsker,
        _ proceed: @escaping @Sendable (Ruling) -> Void
    ) {
        if let ruling = access.ruling(question) { return proceed(ruling) }
        access.admit(question, for: asker, proceed)
    }

    /// Whether no commit has taken the right away since it was decided.
    /// - Parameter cursor: up to where the scope was read; nil: that is not known.
    public func isGranted(_ pass: AccessPass, through cursor: Int? = nil) -> Bool {
        access.isGranted(pass, through: cursor ?? .max)
    }

    /// Asks again where a commit may have taken the right away while something was read, so that
    /// nothing that was written afterwards goes out. To be called with what was read in hand.
    /// - Parameter answer: is given nil where it may go out, else why not: now, or on a reader's
    ///   thread.
    public func confirm(
        _ pass: AccessPass, for asker: ReadAsker,
        _ answer: @escaping @Sendable ((any Error)?) -> Void
    ) {
        guard !access.isGranted(pass) else { return answer(nil) }
        let scope = pass.question.scope
        decide(pass.question, for: asker) { ruling in
            do {
                _ = try ruling.pass(to: scope)
                answer(nil)
            } catch {
                answer(error)
            }
        }
    }
}

extension Response {
    /// What a request is answered that is not allowed, or of which that could not be decided.
    public init(refusedFor error: any Error) {
        switch error {
        case let error as HTTPError: self.init(error)
        case let refusal as Refusal: self.init(refusal)
        default: self.init(internal: error)
        }
    }
}
