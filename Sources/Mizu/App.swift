// What an app is made of: routes, views, files, mutations, live topics. Everything is declared
// first, on one thread; `run` then joins it into a server and returns when that has ended.

import CLinux
import Logging
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuIdentity
import MizuProcess
import MizuRouting
import MizuServer
import MizuSync
import MizuSyncService
import MizuWire

/// An application: declare routes, views, files and mutations, then call `run`. One thread's, from
/// `init` to the end of `run`.
public final class App {
    /// The settings that the app was made with.
    public let configuration: Configuration
    /// Writes to standard error, at the level of LOG_LEVEL. Any thread.
    public let logger: Logger
    /// The event loops, for code that answers later or sends to sockets. Any thread.
    public let workers: Workers
    let assets: Assets
    /// What pages import as "mizu"; served once there is a `sync` to talk to.
    let client: BrowserClient
    /// Made before any thread starts, so that all of them inherit the signal mask.
    let lifetime: ProcessLifetime
    var routes: [@Sendable (inout Routes) -> Void] = []
    var live = LiveHooks()
    var liveLimits = LiveLimits()
    /// How often an address and a user may send requests; nil: as often as they like.
    let limiter: RateLimiter?
    /// The parts of the app that are the process's: listeners, rights, logs, the service manager.
    var daemon: Daemon
    /// Who takes `Authorization: Bearer`; nil: nobody does.
    var bearers: Bearers?
    /// Authenticators whose keys may lie in files, which are watched while the app runs.
    var keyFiles: [JWTAuthenticator] = []
    /// What pages get if `mizu dev` runs the app.
    private(set) var development: DevPages?
    /// The pages that show errors to browsers.
    var errorPages = ErrorPages()
    private(set) var synchronisation: Synchronisation?
    /// The framework's own mutations; those of tokens and of accounts are added.
    let systemMutations = SystemMutations()
    /// Told when a backup was put back under the server.
    let atRestore = RestoreHooks()
    /// The pages that `Sync.page` keeps; nil: none are.
    private(set) var keptPages: PageStore?
    var jobs: [Job] = []
    /// Where they run, from the start to the drain.
    var jobThread: JobThread?
    /// Told when an account ends; tokens may be declared before accounts.
    let atAccountDeletion = UserHooks()
    /// What `accessTokens` was asked for, for the pages of accounts.
    let accountTokens = AccountTokens()
    /// `accounts` was called.
    var hasAccounts = false
    /// Hashes the passwords of accounts; nil without them.
    var passwordHasher: PasswordHasher?
    /// No `authorize` was given: whoever reaches the server may do everything.
    private(set) var isOpenToAll = false

    /// What `sync` has opened.
    struct Synchronisation: Sendable {
        let service: SyncService
        let feed: LiveFeed
    }

    /// Makes the event loops; binds and opens nothing yet.
    /// - Parameters:
    ///   - configuration: usually `Configuration.from(environment:)`.
    ///   - assets: the app's files. In development they are read from `Assets/` below the working
    ///     directory if that folder is there.
    /// - Throws: `StartError` if the kernel gives no event loop, or if the environment of the
    ///   service manager (`LISTEN_FDS`, `WATCHDOG_USEC`) is malformed.
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

    /// Answers GET and HEAD on `pattern`. If two routes match the same paths, `run` traps and names
    /// both.
    /// - Parameters:
    ///   - pattern: a path that may hold parameters (`/todos/:id`) and end with a wildcard
    ///     (`/files/*path`).
    ///   - cost: tokens that a request takes from the rate of its address and its user
    ///     (RATE_LIMIT). Its body costs extra.
    ///   - handler: runs on a worker's thread and must not wait. What it throws becomes a 500 and a
    ///     line in the log; an `HTTPError` becomes its own status.
    public func get(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping Handler
    ) {
        routes.append { $0.get(pattern, cost: cost, handler) }
    }

    /// Answers POST on `pattern`; see `get`.
    public func post(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping Handler
    ) {
        routes.append { $0.post(pattern, cost: cost, handler) }
    }

    /// Answers PUT on `pattern`; see `get`.
    public func put(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping Handler
    ) {
        routes.append { $0.put(pattern, cost: cost, handler) }
    }

    /// Answers DELETE on `pattern`; see `get`.
    public func delete(
        _ pattern: String, cost: RouteCost = .one, _ handler: @escaping Handler
    ) {
        routes.append { $0.delete(pattern, cost: cost, handler) }
    }

    /// Adds routes, groups and hooks.
    /// - Parameter build: called once, by `run`.
    public func routes(_ build: @escaping @Sendable (inout Routes) -> Void) {
        routes.append(build)
    }

    /// Runs `middleware` before every handler, and for requests without a route too. It may set
    /// `request.user`, or answer in the handler's place. It runs on workers' threads and must not
    /// wait.
    public func use(_ middleware: @escaping Middleware) {
        routes.append { $0.use(middleware) }
    }

    // MARK: Pages and files

    /// Makes the page that a browser gets for an error: a 404 of the router, a refusal, a handler
    /// that threw. Programs get JSON, whatever the page is.
    /// - Parameter make: runs on workers' threads and must not wait. If it returns nil, and if
    ///   `errorPage` is never called, the page is the template `pages/error`, or a plain one if
    ///   there is no such template.
    public func errorPage(_ make: @escaping @Sendable (ProblemReport) -> Response?) {
        errorPages.own = make
    }

    /// Compiles the templates below `views/` of the assets.
    /// - Returns: the pages by name; any thread may render them.
    /// - Throws: `StartError` with every mistake in every template; in development nothing, because
    ///   each page shows its own mistakes.
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
    /// "static")`. Answers have ETag, ranges, brotli and gzip; browsers ask each time whether a
    /// file has changed. In production each file is compressed once: by brotli in `make assets`, by
    /// gzip in this call.
    public func files(_ prefix: String, from folder: String) {
        let files = StaticFiles(assets, folder: folder + "/")
        let shortcuts = files.shortcuts(below: prefix)
        routes.append { routes in
            routes.get(prefix + "/*path", cost: .file, shortcuts: shortcuts) { request in
                request.fileName("path").flatMap { files.respond($0, to: request) } ?? .notFound
            }
        }
    }

    /// Serves the file `name` of the assets at `path`, as `files` does.
    public func file(_ path: String, from name: String) {
        let files = StaticFiles(assets, folder: "", only: name)
        get(path, cost: .file, files.handler(of: name))
    }

    // MARK: Sync and live

    /// Sets the hooks of `/ws`. A hook that is nil keeps its earlier value. Hooks run on workers'
    /// threads and must not wait.
    /// - Parameters:
    ///   - authenticate: returns the user of a token that a client sends in `auth` (protocol.md);
    ///     without it every token is refused.
    ///   - scope: the scope to which a topic of the app belongs, nil for none. Whoever may not
    ///     subscribe to that scope may not have the topic, and loses it with the scope, presence
    ///     too. `onMessage` is asked besides.
    ///   - requiresUser: whether a socket must belong to a user. If its request had no
    ///     `request.user`, it has 10 s to send `auth`, and is served nothing before that.
    ///   - onMessage: decides about messages for the app's own topics: who may subscribe and
    ///     publish, and what is answered. Without it there are no such topics.
    ///   - onClose: is called once for each session that has ended.
    ///   - compresses: whether messages of a topic may be compressed (a scope's topic is `sync:`
    ///     and its name). Without it all may.
    public func live(
        authenticate: (@Sendable (_ token: String) -> Authentication)? = nil,
        requiresUser: Bool? = nil,
        scope: (@Sendable (_ topic: String) -> Name?)? = nil,
        onMessage: (@Sendable (LiveSession, LiveRequest) -> LiveReply)? = nil,
        onClose: (@Sendable (LiveSession) -> Void)? = nil,
        compresses: (@Sendable (_ topic: String) -> Bool)? = nil
    ) {
        if let authenticate { live.authenticate = authenticate }
        if let requiresUser { live.requiresUser = requiresUser }
        if let scope { live.scopeOfTopic = scope }
        if let compresses { live.compresses = compresses }
        if let onMessage { live.onMessage = onMessage }
        if let onClose { live.onClose = onClose }
    }

    /// Opens the database and mounts `/_sync/*`, `/ws` and, at `/_mizu/*`, the client for both,
    /// which pages import as "mizu". At most once for an app. It binds the ports, reads the
    /// certificates and becomes `RUN_AS` first (see `Daemon`).
    /// - Parameters:
    ///   - mutator: applies the app's mutations, on the writer's thread.
    ///   - authorize: decides who may do what in which scope; asked for each request, on workers'
    ///     threads, so it must not wait. Without it everyone may do everything in every scope. The
    ///     scopes `mizu:…` are nobody's, and `user:ID` is that user's alone, whatever it says.
    /// - Returns: the handle by which handlers read and push.
    /// - Throws: `StartError` if a port cannot be bound, rights cannot be given up, or the database
    ///   cannot be opened.
    public func sync(
        _ mutator: some Mutator, authorize: AuthorizeByName? = nil
    ) throws(StartError) -> Sync {
        try sync(mutator, by: authorize.map { .byName($0) } ?? .everybody)
    }

    /// The same for an app that looks at records before it decides.
    /// - Parameter authorize: decides who may do what in which scope: `access.user`,
    ///   `access.scope`, `access.action`. It may look at records of any scope (`access.read`) and
    ///   at roles (`access.role`); then it is called again on a reader's thread, the request waits
    ///   for it, and the decision is remembered until what it looked at changes. What it throws is
    ///   logged and answered with 500; it never allows anything.
    public func sync(
        _ mutator: some Mutator, authorize: @escaping Authorize
    ) throws(StartError) -> Sync {
        try sync(mutator, by: .looking(authorize))
    }

    /// The same for an app whose people have roles in scopes, by grants that stand in the scope's
    /// own log: `mutation.role`, and `grant` and `revoke` of a mutator's transaction. A scope that
    /// was never written to is open to whoever is signed in; its first mutation grants the
    /// creator's role. Who pushes needs the right to write, whoever pulls or subscribes that to
    /// read: asked here, and of an edit once more in the transaction. What a commit takes away ends
    /// at once on every socket.
    public func sync(
        _ mutator: some Mutator, roles: Roles
    ) throws(StartError) -> Sync {
        try sync(mutator, by: .roles(roles), roles)
    }

    /// The same for an app with roles that decides by itself who may come in, as where a list is
    /// public. Whoever `authorize` lets push still needs the right to write in the transaction.
    public func sync(
        _ mutator: some Mutator, roles: Roles, authorize: @escaping Authorize
    ) throws(StartError) -> Sync {
        try sync(mutator, by: .looking(authorize), roles)
    }

    private func sync(
        _ mutator: some Mutator, by rule: AccessRule, _ roles: Roles? = nil
    ) throws(StartError) -> Sync {
        precondition(synchronisation == nil, "an app has one database: call sync once")
        // The database's files belong to whom the process runs as, and its threads have no rights.
        try settle()
        let cluster = try openCluster()
        let feed = LiveFeed(workers: workers, cluster: cluster)
        let service = try openService(mutator, rule, roles, feed)
        synchronisation = Synchronisation(service: service, feed: feed)
        show(cluster, in: service)
        if case .everybody = rule { isOpenToAll = true }
        let client = self.client
        routes.append { service.mount(on: &$0) }
        routes.append { client.mount(on: &$0) }
        // A page that is kept would hide what has become of its template.
        let isKept = configuration.pageCacheBytesMax > 0 && !configuration.isDevelopment
        let pages = isKept ? PageStore(byteCountMax: configuration.pageCacheBytesMax) : nil
        keptPages = pages
        return Sync(service: service, workers: workers, feed: feed, pages: pages)
    }

    private func openService(
        _ mutator: some Mutator, _ rule: AccessRule, _ roles: Roles?, _ feed: LiveFeed
    ) throws(StartError) -> SyncService {
        var reads = configuration.reads
        reads.exempt = configuration.publicPort.addresses.exempt
        let restored = atRestore
        do throws(StoreError) {
            return try withStore(feed.cluster?.storeCarrier) {
                (store, sharing) throws(SyncStartError) in
                try SyncService.start(
                    store, mutator: mutator, limits: configuration.sync, roles: roles,
                    system: systemMutations, workers: workers, logger: logger, reads: reads,
                    limiter: limiter, authorize: rule, sharing: sharing,
                    publish: { feed.publish($0, $1, in: &$2) },
                    onRestore: {
                        feed.positionsLost()
                        restored.run()
                    })
            }
        } catch {
            throw StartError(error.message)
        }
    }
}

/// Why an app did not start.
public struct StartError: Error, CustomStringConvertible, Sendable {
    /// One line for a person, which says what to do.
    public let description: String

    /// - Parameter description: one line for a person.
    public init(_ description: String) { self.description = description }
}
