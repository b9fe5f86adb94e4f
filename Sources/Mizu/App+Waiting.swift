// An app's handlers and middleware that wait. They run on the request's worker; while one waits,
// the worker serves others.

import MizuHTTP
import MizuRouting

extension App {
    /// Answers GET and HEAD on `pattern` by a handler that may wait: `app.get("/") { request
    /// async throws -> Response in … }`. Whatever it awaits, it goes on, on the request's worker,
    /// and must not block it. If the client leaves, or no answer comes in time, its task is
    /// cancelled.
    /// - Parameter handler: see the plain `get`. A closure that awaits nothing is taken for a plain
    ///   handler.
    @_disfavoredOverload
    public func get(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping WaitingHandler
    ) {
        routes.append { $0.get(pattern, cost: cost, handler) }
    }

    /// Answers POST on `pattern` by a handler that may wait; see `get`.
    @_disfavoredOverload
    public func post(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping WaitingHandler
    ) {
        routes.append { $0.post(pattern, cost: cost, handler) }
    }

    /// Answers PUT on `pattern` by a handler that may wait; see `get`.
    @_disfavoredOverload
    public func put(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping WaitingHandler
    ) {
        routes.append { $0.put(pattern, cost: cost, handler) }
    }

    /// Answers DELETE on `pattern` by a handler that may wait; see `get`.
    @_disfavoredOverload
    public func delete(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping WaitingHandler
    ) {
        routes.append { $0.delete(pattern, cost: cost, handler) }
    }

    /// Runs `middleware` before every handler; the request waits with it. It may set
    /// `request.user` and `request.credential`, or answer in the handler's place. What follows,
    /// plain handlers, `/ws` and `/_sync/*` among it, runs behind it as always.
    @_disfavoredOverload
    public func use(_ middleware: @escaping WaitingMiddleware) {
        routes.append { $0.use(middleware) }
    }

    /// Runs a middleware in two parts before every handler: `quick` runs at once, as a plain one,
    /// and says `.wait` if `waiting` must look.
    public func use(quick: @escaping QuickMiddleware, waiting: @escaping WaitingMiddleware) {
        routes.append { $0.use(quick: quick, waiting: waiting) }
    }
}
