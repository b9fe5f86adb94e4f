// What an app is made of: routes, views, files, mutations, live topics. Everything is declared
// first, on one thread; `run` then joins it into a server and returns when that has ended.

import CLinux
import Logging
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuLive
import MizuProcess
import MizuRouting
import MizuServer
import MizuSync
import MizuSyncSQLite
import MizuSyncService

/// An application. Declare, then `run`; not for use by several threads.
public final class App {
    public let configuration: Configuration
    public let logger: Logger
    /// The event loops, for code that answers later or speaks to sockets.
    public let workers: Workers
    let assets: Assets
    /// What pages import as "mizu"; served once there is a `sync` to talk to.
    let client: BrowserClient
    /// Made before any thread starts, so that all of them inherit the signal mask.
    let lifetime: ProcessLifetime
    var routes: [@Sendable (inout Routes) -> Void] = []
    var live = LiveHooks()
    var liveLimits = LiveLimits()
    /// How often an address and a user may ask; nil: as often as they like.
    let limiter: RateLimiter?
    /// What is held of the process: listeners, rights, logs, the service manager.
    var daemon: Daemon
    /// What pages get where `mizu dev` runs the app.
    private(set) var development: DevPages?
    /// How errors are shown to browsers.
    var errorPages = ErrorPages()
    private(set) var synchronisation: Synchronisation?
    /// No `authorize` was given: whoever reaches the server may do everything.
    private(set) var isOpenToAll = false

    /// What `sync` has opened.
    struct Synchronisation: Sendable {
        let service: SyncService
        let feed: LiveFeed
    }

    /// - Parameter assets: the app's files; in development read from `Assets/` below the working
    ///   directory where it is there.
    /// - Throws: `StartError` where event loops cannot be made.
    public init(_ configuration: Configuration, assets: Assets) throws(StartError) {
        cl_hold_standard_descriptors()
        self.configuration = configuration
        let port = configuration.publicPort
        limiter = port.requestRate.map { RateLimiter($0, exempt: port.addresses.exempt) }
        self.assets =
            configuration.isDevelopment
            ? assets.reading(from: ["Assets", "Assets/Templates/sync/Assets"]) : assets
        client = BrowserClient(isDevelopment: self.assets.isReadFromDisk)
        let environment = Configuration.processEnvironment()
        logger = StandardErrorLog.logger(
            level: configuration.logLevel, journal: environment["JOURNAL_STREAM"])
        daemon = try Daemon.from(environment: environment, logger: logger)
        do throws(SystemError) {
            lifetime = try ProcessLifetime()
            workers = try Workers(count: configuration.workers ?? Int(cl_cpu_count()))
        } catch {
            throw StartError("cannot start: \(error)")
        }
        development = developmentPages()
        if let development { routes.append { development.mount(on: &$0) } }
    }

    // MARK: Routes

    /// Answers GET and HEAD on `pattern` (`/todos/:id`, `/files/*path`).
    /// - Parameter cost: tokens that a request takes of the rate of its address and its user
    ///   (RATE_LIMIT); its body costs besides.
    public func get(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping Handler
    ) {
        routes.append { $0.get(pattern, cost: cost, handler) }
    }

    public func post(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping Handler
    ) {
        routes.append { $0.post(pattern, cost: cost, handler) }
    }

    public func put(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping Handler
    ) {
        routes.append { $0.put(pattern, cost: cost, handler) }
    }

    public func delete(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping Handler
    ) {
        routes.append { $0.delete(pattern, cost: cost, handler) }
    }

    /// Adds routes, groups and hooks.
    public func routes(_ build: @escaping @Sendable (inout Routes) -> Void) {
        routes.append(build)
    }

    /// Runs `middleware` before every handler; it may set `request.user` or answer itself.
    public func use(_ middleware: @escaping Middleware) {
        routes.append { $0.use(middleware) }
    }

    // MARK: Pages and files

    /// Makes the page that browsers are shown for an error: a 404 of the router, a refusal, a
    /// handler that threw. Programs get JSON as before. Without it, or where it gives nil, it is
    /// the template `pages/error`, or a plain page where there is none. Called on workers' threads;
    /// must not wait.
    public func errorPage(_ make: @escaping @Sendable (ProblemReport) -> Response?) {
        errorPages.own = make
    }

    /// Compiles the templates below `views/`.
    /// - Throws: `StartError` with all that is wrong with them.
    public func views() throws(StartError) -> Views {
        do {
            let views = try Views(
                assets, isDevelopment: assets.isReadFromDisk, development, client: client,
                logger: logger)
            if errorPages.views == nil { errorPages.views = views }
            return views
        } catch {
            throw StartError("\(error)")
        }
    }

    /// Serves the files below `folder` of the assets at `prefix`: `files("/static", from:
    /// "static")`. With ETag, ranges and gzip; browsers ask each time whether a file has changed.
    public func files(_ prefix: String, from folder: String) {
        let files = StaticFiles(assets, folder: folder + "/")
        get(prefix + "/*path", cost: .file) { request in
            request.fileName("path").flatMap { files.respond($0, to: request) } ?? .notFound
        }
    }

    /// Serves one file of the assets at `path`.
    public func file(_ path: String, from name: String) {
        let files = StaticFiles(assets, folder: "", only: name)
        get(path, cost: .file) { request in files.respond(name, to: request) ?? .notFound }
    }

    // MARK: Sync and live

    /// Says who a token of `auth` belongs to, which topics of the app's own a session may use, and
    /// hears of sessions that end. Called on workers' threads; must not wait.
    /// - Parameters:
    ///   - authenticate: without it no token is taken.
    ///   - requiresUser: whether a socket has to be somebody's. One that no `request.user` has
    ///     opened has 10 s to send `auth`, and is served nothing before that.
    ///   - compresses: whether what is told in a topic (`sync:` and the name, of a scope) may be
    ///     compressed; everywhere, if not given.
    public func live(
        authenticate: (@Sendable (_ token: String) -> Authentication)? = nil,
        requiresUser: Bool? = nil,
        onMessage: (@Sendable (LiveSession, LiveRequest) -> LiveReply)? = nil,
        onClose: (@Sendable (LiveSession) -> Void)? = nil,
        compresses: (@Sendable (_ topic: String) -> Bool)? = nil
    ) {
        if let authenticate { live.authenticate = authenticate }
        if let requiresUser { live.requiresUser = requiresUser }
        if let compresses { live.compresses = compresses }
        if let onMessage { live.onMessage = onMessage }
        if let onClose { live.onClose = onClose }
    }

    /// Opens the database and mounts `/_sync/*`, `/ws`, and at `/_mizu/*` the client for both,
    /// which pages import as "mizu". Once for an app.
    /// - Parameters:
    ///   - mutator: what the app's mutations do.
    ///   - authorize: who may what; by default everyone may do everything in every scope.
    /// - Throws: `StartError` where the database cannot be had.
    public func sync(
        _ mutator: some Mutator, authorize: Authorize? = nil
    ) throws(StartError) -> Sync {
        precondition(synchronisation == nil, "an app has one database: call sync once")
        // The database's files belong to whom the process runs as, and its threads have no rights.
        try settle()
        let feed = LiveFeed(workers: workers)
        let service = try openService(mutator, authorize: authorize ?? { _, _, _ in true }, feed)
        synchronisation = Synchronisation(service: service, feed: feed)
        isOpenToAll = authorize == nil
        let client = self.client
        routes.append { service.mount(on: &$0) }
        routes.append { client.mount(on: &$0) }
        return Sync(service: service, workers: workers, feed: feed)
    }

    private func openService(
        _ mutator: some Mutator, authorize: @escaping Authorize, _ feed: LiveFeed
    ) throws(StartError) -> SyncService {
        var reads = configuration.reads
        reads.exempt = configuration.publicPort.addresses.exempt
        var random = SystemRandomNumberGenerator()
        let epoch = Name.random(using: &random)
        do throws(StoreError) {
            let store = try Store.open(configuration.database, epoch: epoch, logger: logger)
            do throws(SyncStartError) {
                return try SyncService.start(
                    store, mutator: mutator, limits: configuration.sync, workers: workers,
                    logger: logger, reads: reads, limiter: limiter, authorize: authorize,
                    publish: { feed.publish($0) }, onRestore: { feed.positionsLost() })
            } catch {
                throw StoreError(.unavailable, error.description)
            }
        } catch {
            throw StartError(error.message)
        }
    }
}

/// Why an app did not start: one line that says what to do.
public struct StartError: Error, CustomStringConvertible, Sendable {
    public let description: String

    public init(_ description: String) { self.description = description }
}
