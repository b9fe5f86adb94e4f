// Handlers and middleware that wait: `async` functions, which the worker runs in a task on its own
// thread. Each is wrapped once in a plain one that says what is to be waited for (`WaitingWork`),
// so routes without them pay nothing. If a plain function fits too, it is taken: overloads here are
// the second choice.

import MizuHTTP

/// Runs before a handler, as `Middleware` does, and may wait: the request waits with it.
public typealias WaitingMiddleware = WaitingStep

/// What the quick part of a middleware has found out.
public enum QuickStep: Sendable {
    /// All is known: the request passes.
    case pass
    /// The request ends here.
    case answer(Response)
    /// The part that waits must look.
    case wait
}

/// The part of a middleware that does not wait: it may fill `user`, `credential`, `storage`.
public typealias QuickMiddleware = @Sendable (inout Request) throws -> QuickStep

extension Routes {
    /// Answers `method` on `pattern` by a handler that may wait; see `on`.
    @_disfavoredOverload
    public mutating func on(
        _ method: HTTPMethod, _ pattern: String, cost: RouteCost = .one,
        _ handler: @escaping WaitingHandler
    ) {
        on(method, pattern, cost: cost, Self.plain(handler))
    }

    /// Answers GET by a handler that may wait, and HEAD by leaving the content out.
    @_disfavoredOverload
    public mutating func get(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping WaitingHandler
    ) {
        on(.get, pattern, cost: cost, Self.plain(handler))
    }

    /// Answers POST by a handler that may wait.
    @_disfavoredOverload
    public mutating func post(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping WaitingHandler
    ) {
        on(.post, pattern, cost: cost, Self.plain(handler))
    }

    /// Answers PUT by a handler that may wait.
    @_disfavoredOverload
    public mutating func put(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping WaitingHandler
    ) {
        on(.put, pattern, cost: cost, Self.plain(handler))
    }

    /// Answers PATCH by a handler that may wait.
    @_disfavoredOverload
    public mutating func patch(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping WaitingHandler
    ) {
        on(.patch, pattern, cost: cost, Self.plain(handler))
    }

    /// Answers DELETE by a handler that may wait.
    @_disfavoredOverload
    public mutating func delete(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping WaitingHandler
    ) {
        on(.delete, pattern, cost: cost, Self.plain(handler))
    }

    /// Runs `middleware`, which may wait, before each route of this group.
    @_disfavoredOverload
    public mutating func use(_ middleware: @escaping WaitingMiddleware) {
        let response = Response.waiting(for: WaitingWork(.middleware(middleware)))
        use { _ in response }
    }

    /// Runs a middleware in two parts before each route of this group: most requests pass by the
    /// quick one and wait for nothing.
    /// - Parameters:
    ///   - quick: as every plain middleware; `.wait` calls the other part.
    ///   - waiting: may wait. What `quick` has filled in is there.
    public mutating func use(
        quick: @escaping QuickMiddleware, waiting: @escaping WaitingMiddleware
    ) {
        let response = Response.waiting(for: WaitingWork(.middleware(waiting)))
        use { request in
            switch try quick(&request) {
            case .pass: nil
            case .answer(let answer): answer
            case .wait: response
            }
        }
    }

    /// A handler that says what is to be waited for. Its response is made once.
    private static func plain(_ handler: @escaping WaitingHandler) -> Handler {
        let response = Response.waiting(for: WaitingWork(.handler(handler)))
        return { _ in response }
    }
}
