// Picks the handler for a method and a path, and runs what stands around it (RFC 9110 §9, §15.5).
// Compiled once, then only read: any number of workers share one.
//
// A path matches byte for byte after percent-decoding, without any other normalisation. A slash at
// the end counts: `/todos` and `/todos/` are two paths, and only the one written down matches.

import MizuBytes
import MizuHTTP

public final class Router: Sendable {
    private let trie: RouteTrie
    /// The routes without parameters again, by the whole path.
    private let literals: LiteralPaths
    private let routes: [Route]
    /// Each route's pattern, as it was written.
    private let patterns: [String]
    private let methods: [HTTPMethod]
    /// Run where no route matched.
    private let middleware: [Middleware]
    private let hooks: [AfterHook]
    private let notFoundHandler: Handler
    private let mapper: ErrorMapper
    private let userLimit: UserLimit?
    /// Whether anybody looks at any answer.
    private let hasHooks: Bool

    private struct Route: Sendable {
        let handler: Handler
        let cost: RouteCost
        /// Nil where nothing stands around the handler and the pattern has no parameters.
        let surroundings: Surroundings?
    }

    /// A route's parts beside its handler, in one reference.
    private final class Surroundings: Sendable {
        let names: [String]
        let middleware: [Middleware]
        let hooks: [AfterHook]

        init(names: [String], middleware: [Middleware], hooks: [AfterHook]) {
            self.names = names
            self.middleware = middleware
            self.hooks = hooks
        }
    }

    /// Compiles the routes that `build` writes down. Traps, with both patterns in the message,
    /// where two routes would answer the same method on the same paths.
    public init(_ build: (inout Routes) -> Void) {
        var collected = Routes(prefix: "")
        build(&collected)
        var trie = RouteTrie()
        var literals = LiteralPaths()
        var routes: [Route] = []
        for entry in collected.wrapped {
            let names = trie.insert(entry.pattern, method: entry.method, route: routes.count)
            literals.insert(entry.pattern, method: entry.method, route: routes.count)
            let isBare = names.isEmpty && entry.middleware.isEmpty && entry.hooks.isEmpty
            routes.append(
                Route(
                    handler: entry.handler, cost: entry.cost,
                    surroundings: isBare
                        ? nil
                        : Surroundings(
                            names: names, middleware: entry.middleware, hooks: entry.hooks)))
        }
        var patterns = collected.wrapped.map(\.pattern)
        var methods = collected.wrapped.map(\.method)
        for (index, entry) in collected.wrapped.enumerated() {
            for shortcut in entry.shortcuts
            where trie.route(of: entry.method, on: shortcut.path) == index {
                literals.insert(shortcut.path, method: entry.method, route: routes.count)
                let around = routes[index].surroundings
                let isBare = around?.middleware.isEmpty != false && around?.hooks.isEmpty != false
                routes.append(
                    Route(
                        handler: shortcut.handler, cost: entry.cost,
                        surroundings: isBare ? nil : around))
                patterns.append(entry.pattern)
                methods.append(entry.method)
            }
        }
        self.trie = trie
        self.literals = literals
        self.routes = routes
        self.patterns = patterns
        self.methods = methods
        middleware = collected.middleware
        hooks = collected.unmatchedHooks + collected.hooks
        hasHooks = !hooks.isEmpty || routes.contains { $0.surroundings?.hooks.isEmpty == false }
        notFoundHandler = collected.notFoundHandler ?? { _ in Response.notFound }
        mapper = collected.errorMapper ?? { error, _ in Router.response(for: error) }
        userLimit = collected.userLimit
    }

    /// The route that answers a request, and its cost. It means something to this router only.
    public struct Destination: Sendable {
        fileprivate let match: Match
        public let cost: RouteCost
    }

    /// Looks at the head alone: what answers `request`. Fills `request.parameters`. What no route
    /// answers costs what most handlers do.
    @inline(__always)
    public func destination(of request: inout Request) -> Destination {
        destination(match(&request))
    }

    private func destination(_ match: Match) -> Destination {
        guard case .route(let index) = match else { return Destination(match: match, cost: .one) }
        return Destination(match: match, cost: routes[index].cost)
    }

    /// The answer to `request`: a handler's, a refusal (404, 405 with `Allow`, 501), or what the
    /// error mapper makes of what was thrown. Never throws. Fills `request.parameters`.
    public func respond(to request: inout Request) -> Response {
        let match = match(&request)
        // Nearly every request: nobody asked what it costs, and nothing stands around it.
        if case .route(let index) = match, routes[index].surroundings == nil {
            request.route = Int32(truncatingIfNeeded: index)
            return runBare(&request, index)
        }
        return respond(to: &request, at: destination(match))
    }

    /// Answers by a destination of this request that was looked up before.
    public func respond(to request: inout Request, at destination: Destination) -> Response {
        respond(to: &request, at: destination, from: 0)
    }

    /// - Parameter step: the first middleware that is run; those before it have been.
    private func respond(
        to request: inout Request, at destination: Destination, from step: Int
    ) -> Response {
        switch destination.match {
        case .route(let index):
            request.route = Int32(truncatingIfNeeded: index)
            guard let around = routes[index].surroundings else { return runBare(&request, index) }
            return run(
                &request, around.middleware, around.hooks, destination, step,
                routes[index].handler)
        case .none:
            return run(&request, middleware, hooks, destination, step, notFoundHandler)
        case .otherMethods(let allowed) where request.method == .options:
            return run(&request, middleware, hooks, destination, step) { _ in
                Router.allowing(allowed, Response(status: .noContent))
            }
        case .otherMethods(let allowed):
            return run(&request, middleware, hooks, destination, step) { _ in
                Router.allowing(
                    allowed,
                    .refused(
                        .methodNotAllowed, code: "method_not_allowed",
                        text: "Method Not Allowed\n"))
            }
        case .unknownMethod:
            return run(&request, middleware, hooks, destination, step) { _ in
                .refused(.notImplemented, code: "not_implemented", text: "Not Implemented\n")
            }
        }
    }

    /// Runs a step that may wait, and those behind it, to an answer that is sent, promised for
    /// later or an upgrade. Nothing more is begun once the task is cancelled: nobody is there.
    nonisolated(nonsending) public func respond(
        to request: OwnedRequest, by work: WaitingWork
    ) async -> Response {
        var work = work
        while true {
            var response: Response
            do {
                switch work.step {
                case .handler(let handler): response = try await handler(request)
                case .middleware(let step):
                    if let answer = try await step(request) {
                        response = answer
                    } else if let rest = work.rest {
                        guard !Task.isCancelled else { return .status(.serviceUnavailable) }
                        response = rest(&request.view)
                        guard case .waiting(let next) = response.kind else { return response }
                        work = next
                        continue
                    } else {
                        response = Response(internal: NoAnswer())
                    }
                }
            } catch {
                response = answer(to: error, request)
            }
            if let next = settle(&response, to: request) {
                work = next
            } else {
                return response
            }
        }
    }

    /// The answer to what a step that waited has thrown.
    public func answer(to error: any Error, _ request: OwnedRequest) -> Response {
        answer(to: error, request.view)
    }

    /// Lets the hooks see what a step that waited has answered.
    /// - Returns: what is to be waited for in its place.
    @inline(__always)
    public func settle(_ response: inout Response, to request: OwnedRequest) -> WaitingWork? {
        if response.isPlain, !hasHooks, request.user == nil { return nil }
        return settleSlowly(&response, to: request)
    }

    @inline(never)
    private func settleSlowly(
        _ response: inout Response, to request: OwnedRequest
    ) -> WaitingWork? {
        if case .waiting(let next) = response.kind { return next }
        if case .complete = response.kind {
            if request.user != nil { response.keepPrivate() }
            for hook in hooks(of: request.route) { hook(request.view, &response) }
        }
        return nil
    }

    /// A handler cannot return nil; whoever makes a `WaitingWork` can.
    private struct NoAnswer: Error {}

    private func hooks(of route: Int32) -> [AfterHook] {
        guard route >= 0, Int(route) < routes.count else { return hooks }
        return routes[Int(route)].surroundings?.hooks ?? []
    }

    /// Whether a route answers this method on this path: if not, `respond` needs no body.
    public func hasRoute(for request: inout Request) -> Bool {
        if case .route = match(&request) { return true }
        return false
    }

    /// The default mapper: an `AnsweredError` says its own answer; anything else is a 500 that
    /// tells nothing, because what went wrong inside is nobody's business outside.
    public static func response(for error: any Error) -> Response {
        guard let error = error as? any AnsweredError else { return Response(internal: error) }
        return error.response
    }

    /// The pattern of `Request.route`; nil where no route matched.
    public func pattern(of route: Int32) -> String? {
        route >= 0 && Int(route) < patterns.count ? patterns[Int(route)] : nil
    }

    /// How many routes there are; `Request.route` is below it.
    public var routeCount: Int { routes.count }

    /// The method and the pattern of a route, as they were written; nil where there is none.
    package func name(of route: Int) -> (method: String, pattern: String)? {
        guard patterns.indices.contains(route) else { return nil }
        return (methods[route].name.description, patterns[route])
    }

    /// The mapper's response to `error`. If that is an app's own, the log still hears what was
    /// thrown, unless it is an answer: one below 500, or 503, which says "not now".
    private func answer(to error: any Error, _ request: borrowing Request) -> Response {
        var response = mapper(error, request)
        let thrown = (error as? any AnsweredError)?.response.status
        guard thrown.map({ $0.code >= 500 && $0 != .serviceUnavailable }) ?? true,
            response.problem?.cause == nil
        else { return response }
        let told = response.problem
        response.problem = Problem(
            code: told?.code ?? "", message: told?.message ?? "",
            cause: Problem.cause(of: error), isGeneric: told != nil)
        return response
    }

    // MARK: Matching

    fileprivate enum Match: Sendable {
        case route(Int)
        /// The path is there, for these methods.
        case otherMethods(MethodSet)
        case none
        case unknownMethod
    }

    @inline(__always)
    private func match(_ request: inout Request) -> Match {
        if let route = request.withPath({ literals.find($0, method: request.method) }) {
            return .route(route)
        }
        return search(&request)
    }

    private func search(_ request: inout Request) -> Match {
        switch request.method {
        case .other, .connect, .trace: return .unknownMethod
        case .get, .head, .post, .put, .delete, .patch, .options: break
        }
        // `OPTIONS *` asks about the server as a whole (RFC 9110 §9.3.7).
        if request.head.form == .asterisk { return .otherMethods(trie.allMethods) }
        var search = RouteSearch(method: request.method, pathOffset: request.head.path.offset)
        let found = request.withPath { trie.find($0, &search) }
        guard let found else {
            return search.allowed.isEmpty ? .none : .otherMethods(search.allowed)
        }
        if let names = routes[found].surroundings?.names, !names.isEmpty {
            request.parameters = PathParameters(names: names, ranges: search.captures)
        }
        return .route(found)
    }

    private static func allowing(_ allowed: MethodSet, _ response: Response) -> Response {
        var response = response
        response.setAllow(allowed.withImplied.methods)
        return response
    }

    // MARK: Running

    @inline(__always)
    private func runBare(_ request: inout Request, _ route: Int) -> Response {
        do {
            return try routes[route].handler(request)
        } catch {
            return answer(to: error, request)
        }
    }

    private func run(
        _ request: inout Request, _ middleware: [Middleware], _ hooks: [AfterHook],
        _ destination: Destination, _ step: Int, _ handler: Handler
    ) -> Response {
        var response: Response
        do {
            response =
                try firstAnswer(&request, middleware, destination, step)
                ?? refusal(of: request, destination.cost) ?? handler(request)
        } catch {
            response = answer(to: error, request)
        }
        guard case .complete = response.kind else { return response }
        if request.user != nil { response.keepPrivate() }
        for hook in hooks { hook(request, &response) }
        return response
    }

    /// The response to a user who asks too often.
    private func refusal(of request: borrowing Request, _ cost: RouteCost) -> Response? {
        guard let userLimit, let user = request.user else { return nil }
        return userLimit(request, user, cost)
    }

    private func firstAnswer(
        _ request: inout Request, _ middleware: [Middleware], _ destination: Destination,
        _ first: Int
    ) throws -> Response? {
        for index in first..<max(first, middleware.count) {
            guard let answer = try middleware[index](&request) else { continue }
            guard case .waiting(let work) = answer.kind, work.rest == nil else { return answer }
            // A middleware that is there for a part of the paths may answer as a handler does.
            guard case .middleware = work.step else { return answer }
            // The request goes on behind it, when that has been waited for.
            return .waiting(
                for: WaitingWork(work.step) { request in
                    self.respond(to: &request, at: destination, from: index + 1)
                })
        }
        return nil
    }
}
