// Sync and Live behind real sockets: a service on a memory store, its endpoints and `/ws`, and a
// client that speaks the protocol in plain text.

import Logging
import MizuBytes
import MizuDoor
import MizuEventLoop
import MizuHTTP
import MizuRouting
import MizuServer
import MizuSync
import MizuSyncService
import MizuTopics
import MizuTransport
import MizuWire
import Synchronization
import Testing

/// `put` writes a record, `grant` and `revoke` do so with a role; nothing else is known.
struct PutMutator: Mutator {
    struct Note: Codable {
        var id: String
        var text: String?
    }

    func apply(_ mutation: Mutation, to store: inout Transaction) throws(Rejection) {
        switch mutation.name {
        case "put":
            let note = try mutation.args.decode(Note.self)
            try store.put("note", id: note.id, note)
        case "grant", "revoke":
            let note = try mutation.args.decode(Note.self)
            guard let user = Name(note.id) else { throw .notFound }
            guard let role = note.text else { return try store.revoke(user) }
            try store.grant(user, role: role)
        default: throw .unknownMutation
        }
    }
}

/// Which scopes and topics are open, for the test to change.
final class Permissions: Sendable {
    private let denied = Mutex<Set<String>>([])
    func deny(_ name: String) { denied.withLock { _ = $0.insert(name) } }
    /// Who may not read does not stand in the way of what it writes.
    func allows(_ user: Name?, _ scope: Name, _ action: SyncAction) -> Bool {
        if user == "stranger" && action != .push { return false }
        return allows("\(scope)")
    }
    func allows(_ name: String) -> Bool { denied.withLock { !$0.contains(name) } }
}

/// What the app says of presence, where it keeps any.
struct PresenceSetting {
    let hook: PresenceHook
    let limits: PresenceLimits
}

/// What a test wants of the app's hooks. (A closure of its own would take the trailing one's
/// place.)
struct HookChanges {
    var apply: (inout LiveHooks) -> Void = { _ in }
}

final class SyncServer: Sendable {
    let server: Server
    let workers: Workers
    let service: SyncService
    let feed: LiveFeed
    let permissions: Permissions
    let closed: Recorder
    private let shelf: MemoryShelf

    convenience init(
        workers count: Int = 1, shelf: MemoryShelf = MemoryShelf(), epoch: Name = "e1",
        limiter: RateLimiter? = nil, rule: AccessRule? = nil, roles: Roles? = nil,
        presence: PresenceSetting? = nil, sharing: Sharing? = nil,
        authMilliseconds: UInt64 = 10_000, hooks changes: HookChanges = HookChanges(),
        _ change: (inout ServerLimits) -> Void = { _ in }
    ) throws {
        try self.init(
            workers: Workers(count: count), cluster: nil, shelf: shelf, epoch: epoch,
            limiter: limiter, rule: rule, roles: roles, presence: presence, sharing: sharing,
            authMilliseconds: authMilliseconds, hooks: changes, change)
    }

    /// - Parameter cluster: not started yet.
    init(
        workers: Workers, cluster: Cluster?, shelf: MemoryShelf = MemoryShelf(),
        epoch: Name = "e1",
        limiter: RateLimiter? = nil, rule: AccessRule? = nil, roles: Roles? = nil,
        presence: PresenceSetting? = nil, sharing: Sharing? = nil,
        authMilliseconds: UInt64 = 10_000, hooks changes: HookChanges = HookChanges(),
        _ change: (inout ServerLimits) -> Void = { _ in }
    ) throws {
        let (feed, permissions) = (LiveFeed(workers: workers, cluster: cluster), Permissions())
        let closed = Recorder()
        let service = try SyncService.start(
            MemoryStore(on: shelf, epoch: epoch, isShared: sharing != nil),
            mutator: PutMutator(), limits: SyncLimits(),
            roles: roles, workers: workers, logger: .silent, limiter: limiter,
            authorize: rule ?? .byName { permissions.allows($0, $1, $2) },
            sharing: sharing ?? Sharing(),
            publish: { feed.publish($0, $1, in: &$2) })
        let hooks = Self.hooks(permissions, closed, presence?.hook, changes)
        let live = LiveLimits(
            authMilliseconds: authMilliseconds, presence: presence?.limits ?? PresenceLimits())
        let router = Router { routes in
            routes.use(Self.signIn)
            service.mount(on: &routes)
            routes.get("/ws", cost: .free) { _ in .upgradeToWebSocket(service: 0) }
        }
        var configuration = ServerConfiguration(
            addresses: [ListenAddress(host: "127.0.0.1", port: 0)], router: router,
            logger: .silent)
        configuration.webSockets = [
            {
                LiveService(sync: service, hooks: hooks, limits: live, cluster: cluster)
            }
        ]
        configuration.compression = .none
        configuration.rateLimiter = limiter
        configuration.drainMilliseconds = 500
        change(&configuration.limits)
        server = try Server.start(configuration, on: workers)
        (self.workers, self.feed, self.permissions) = (workers, feed, permissions)
        (self.service, self.closed, self.shelf) = (service, closed, shelf)
    }

    private static func hooks(
        _ permissions: Permissions, _ closed: Recorder, _ presence: PresenceHook?,
        _ changes: HookChanges
    ) -> LiveHooks {
        var hooks = LiveHooks()
        hooks.onPresence = presence
        hooks.onMessage = { _, request in
            switch request {
            case .subscribe(let topic), .publish(let topic, _):
                permissions.allows(topic) ? .allow : .deny
            }
        }
        hooks.onClose = { closed.hear($0.id) }
        hooks.authenticate = { token in
            token == "bad"
                ? .refused(code: "unauthenticated", message: "no")
                : .accepted(user: token)
        }
        changes.apply(&hooks)
        return hooks
    }

    /// `?user=ann` is ann's request, `&left=5000` for five seconds more, `&proof=s1` by session s1.
    private static func signIn(_ request: inout Request) -> Response? {
        request.user = request.query["user"]
        request.credential = request.query["proof"]
        request.userExpires = request.query["left"].flatMap { Int64($0) }.map {
            Expiry(unixMilliseconds: WallClock.milliseconds + $0)
        }
        return nil
    }

    deinit {
        server.drain()
        _ = eventually { server.hasFinished }
        service.stop()
    }

    func socket(_ query: String = "") throws -> RawClient {
        let client = RawClient(server.ports[0])
        client.send(
            "GET /ws\(query)" + RawClient.upgradeRequest.dropFirst("GET /ws".count))
        try #require(client.response()?.status == 101)
        return client
    }

    /// Pushes one note over HTTP; returns its cursor.
    @discardableResult
    func push(
        _ id: String, to scope: String = "s", text: String = "", as user: String? = nil
    ) throws -> Int {
        let client = RawClient(server.ports[0])
        let answer = client.post(
            "/_sync/push" + (user.map { "?user=\($0)" } ?? ""),
            """
            {"scope":"\(scope)","mutations":[{"id":"\(id)","name":"put","args":{"id":"\(id)",\
            "text":"\(text)"}}]}
            """)
        let json = try JSON.parse(ByteSlice(try #require(answer).body))
        let results = try #require(json.member("results"))
        var cursor: Int?
        for result in results.elements { cursor = result.member("cursor")?.int }
        return try #require(cursor)
    }

    func sessions() throws -> [LiveSession] {
        let box = Box<[LiveSession]>()
        feed.sessions { box.set($0) }
        try #require(eventually { box.value != nil })
        return try #require(box.value)
    }
}

extension WireClient {
    func post(_ path: String, _ body: String) -> RawResponse? {
        send(
            "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n" + body)
        return response()
    }

    func subscribe(_ topic: String, cursor: Int? = nil, epoch: String = "e1") {
        let position = cursor.map { #","cursor":\#($0),"epoch":"\#(epoch)""# } ?? ""
        say(#"{"type":"subscribe","ref":"\#(topic)","topic":"\#(topic)"\#(position)}"#)
    }

    /// The next message; nil at the end.
    func message() -> Message? {
        while let frame = frame() {
            if frame.opcode == 1 { return Message(frame.payload) }
            if frame.opcode == 8 { return Message(closed: frame.code) }
        }
        return nil
    }
}

/// What a server says, as far as the tests look.
struct Message: Equatable {
    var type = ""
    var ref: String?
    var topic: String?
    var base: Int?
    var cursor: Int?
    var code: String?

    init(closed code: Int) {
        type = "close"
        self.code = "\(code)"
    }

    init(_ bytes: [UInt8]) {
        guard let json = try? JSON.parse(ByteSlice(bytes)) else { return }
        type = json.member("type")?.string ?? ""
        ref = json.member("ref")?.string
        topic = json.member("topic")?.string
        base = json.member("payload")?.member("base")?.int
        cursor = json.member("payload")?.member("cursor")?.int
        code = json.member("code")?.string
    }
}
