// What an app writes down: methods, patterns, handlers, groups and what runs around them.
// Gathered at start on one thread; `Router` compiles it once and is then only read.

import MizuHTTP

/// Answers a request, or throws (`HTTPError` for an answer of its own; see `Router.respond`).
/// Runs on a worker's thread and must not block.
public typealias Handler = @Sendable (borrowing Request) throws -> Response

/// Runs before a handler: may fill `user`, `storage`; an answer ends the request there.
public typealias Middleware = @Sendable (inout Request) throws -> Response?

/// Runs behind a handler, a refusal or an error, on every complete answer.
/// Answers that come later (`.pending`) do not pass it.
public typealias AfterHook = @Sendable (borrowing Request, inout Response) -> Void

/// Runs between middleware and handler where somebody is signed in: an answer refuses the request.
public typealias UserLimit =
    @Sendable (_ request: borrowing Request, _ user: String, _ cost: RouteCost) -> Response?

/// Makes an answer of whatever a handler or middleware threw.
public typealias ErrorMapper = @Sendable (any Error, borrowing Request) -> Response

/// One path of a route with parameters, and who answers there: found by the whole path in one look.
public struct Shortcut: Sendable {
    let path: String
    let handler: Handler

    public init(_ path: String, _ handler: @escaping Handler) {
        self.path = path
        self.handler = handler
    }
}

/// Routes under one prefix. Patterns begin with `/`; a segment is text, `:name`, or, as the last,
/// `*rest`. Middleware of a group runs for all of its routes, wherever in the group it was added;
/// the outermost group's runs first, and for requests without a route too.
public struct Routes {
    let prefix: String
    var entries: [Entry] = []
    var middleware: [Middleware] = []
    var hooks: [AfterHook] = []
    var unmatchedHooks: [AfterHook] = []
    var notFoundHandler: Handler?
    var errorMapper: ErrorMapper?
    var userLimit: UserLimit?

    struct Entry {
        let method: HTTPMethod
        let pattern: String
        let handler: Handler
        let cost: RouteCost
        var shortcuts: [Shortcut] = []
        /// Outermost first.
        var middleware: [Middleware] = []
        /// Innermost first.
        var hooks: [AfterHook] = []
    }

    init(prefix: String) { self.prefix = prefix }

    /// Answers `method` on `pattern`. A conflict traps when the router is made.
    /// - Parameter cost: what a request takes of the rate of its address and its user; its body
    ///   costs besides.
    public mutating func on(
        _ method: HTTPMethod, _ pattern: String, cost: RouteCost = .one,
        _ handler: @escaping Handler
    ) {
        precondition(pattern.utf8.first == 0x2F, "a pattern begins with '/': \(pattern)")
        let whole = prefix + (pattern == "/" && !prefix.isEmpty ? "" : pattern)
        entries.append(Entry(method: method, pattern: whole, handler: handler, cost: cost))
    }

    /// Answers GET, and HEAD by leaving the content out.
    public mutating func get(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping Handler
    ) {
        on(.get, pattern, cost: cost, handler)
    }

    /// The same; for some of the paths that match, another handler is known.
    /// - Parameter shortcuts: each answers GET on its path in place of `handler`, and answers the
    ///   same. One whose path is another route's, or is not written as it is sent, is left out.
    public mutating func get(
        _ pattern: String, cost: RouteCost = .one, shortcuts: [Shortcut],
        _ handler: @escaping Handler
    ) {
        get(pattern, cost: cost, handler)
        entries[entries.count - 1].shortcuts = shortcuts.map {
            Shortcut(prefix + $0.path, $0.handler)
        }
    }

    public mutating func post(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping Handler
    ) {
        on(.post, pattern, cost: cost, handler)
    }

    public mutating func put(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping Handler
    ) {
        on(.put, pattern, cost: cost, handler)
    }

    public mutating func patch(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping Handler
    ) {
        on(.patch, pattern, cost: cost, handler)
    }

    public mutating func delete(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping Handler
    ) {
        on(.delete, pattern, cost: cost, handler)
    }

    /// Adds routes below `prefix` (`/api`), with middleware of their own. In it the pattern `/`
    /// is the prefix itself.
    public mutating func group(_ prefix: String, _ build: (inout Routes) -> Void) {
        precondition(
            prefix.utf8.first == 0x2F && prefix.utf8.last != 0x2F,
            "a prefix begins with '/' and does not end with it: \(prefix)")
        var inner = Routes(prefix: self.prefix + prefix)
        build(&inner)
        precondition(
            inner.notFoundHandler == nil && inner.errorMapper == nil && inner.userLimit == nil
                && inner.unmatchedHooks.isEmpty,
            "notFound, afterUnmatched, mapErrors, limitUsers belong to the whole router, not to "
                + "the group \(prefix)")
        entries += inner.wrapped
    }

    /// Runs `middleware` before each route of this group.
    public mutating func use(_ middleware: @escaping Middleware) {
        self.middleware.append(middleware)
    }

    /// Runs `hook` on each answer of this group, the one added last first.
    public mutating func after(_ hook: @escaping AfterHook) {
        hooks.insert(hook, at: 0)
    }

    /// Runs `hook` on each answer to a request that no route has answered: 404, 405, 501, OPTIONS.
    public mutating func afterUnmatched(_ hook: @escaping AfterHook) {
        unmatchedHooks.insert(hook, at: 0)
    }

    /// Answers where no pattern matches; instead of the plain 404.
    public mutating func notFound(_ handler: @escaping Handler) {
        notFoundHandler = handler
    }

    /// Runs `limit` before each handler whose request has a user by then.
    public mutating func limitUsers(_ limit: @escaping UserLimit) {
        userLimit = limit
    }

    /// Answers what was thrown; instead of `Router.response(for:)`.
    public mutating func mapErrors(_ mapper: @escaping ErrorMapper) {
        errorMapper = mapper
    }

    /// The entries with this group's middleware and hooks around them.
    var wrapped: [Entry] {
        entries.map { entry in
            var entry = entry
            entry.middleware = middleware + entry.middleware
            entry.hooks += hooks
            return entry
        }
    }
}
