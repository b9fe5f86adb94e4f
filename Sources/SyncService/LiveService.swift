// `/ws` on one worker (protocol.md, "GET /ws"): takes what clients say and what the worker reports,
// and hands it to the part whose it is. Sync decides what is true, the worker owns the sockets;
// this class joins them. Confined to its worker.
//
//   WebSocketService ──► LiveService ──► Credentials      who a socket may be, and until when
//                             │     ──► Subscriptions    who is subscribed, how far each was sent
//                             │     ──► TopicFanOuts     what was published, on its way to them
//                             │     ──► PresenceRooms    who is here, in topics of the app
//                             └─ SocketTable             one row for each socket
//
// The parts answer through an `Asker` and know nothing of each other but what the picture's order
// allows: what concerns two of them is put together here and in +Sessions.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuServer
import MizuSync
import MizuTopics
import MizuWebSocket
import MizuWire

public final class LiveService: WebSocketService {
    let sync: SyncService
    let hooks: LiveHooks
    let limits: LiveLimits
    var sockets = SocketTable()
    var credentials: Credentials
    let subscriptions: Subscriptions
    let fanOuts: TopicFanOuts
    /// What sockets have said behind something that waits for a decision.
    var lines = HeldLines()
    /// Subscriptions that are to be asked for again.
    var rechecks = Rechecks()
    /// Nil if the app keeps no presence.
    let presence: PresenceRooms?
    /// Composes JSON text before it is framed.
    private var text = ByteBuffer(capacity: 1024)
    private var random = RandomNumbers()
    /// Nil where the node is alone.
    let cluster: Cluster?
    /// Topics of which the cluster was told that they are followed here.
    var followedTopics: Set<ByteSlice> = []
    /// When the cluster is told next what there is.
    var nextBeat = Instant(nanoseconds: 0)
    var hasToldDraining = false

    public init(
        sync: SyncService, hooks: LiveHooks, limits: LiveLimits = .default,
        cluster: Cluster? = nil
    ) {
        self.cluster = cluster
        self.sync = sync
        self.hooks = hooks
        self.limits = limits
        credentials = Credentials(hooks, limits: limits)
        subscriptions = Subscriptions(sync: sync, limits: limits)
        fanOuts = TopicFanOuts(subscriptions, hooks: hooks)
        presence = hooks.onPresence.map {
            PresenceRooms($0, limits: limits.presence, cluster: cluster)
        }
        if cluster != nil { subscriptions.topics.watchTopics() }
    }

    // MARK: Coming and going

    public func opened(_ socket: Token, request: borrowing Request, on worker: Worker) {
        let peer = request.peer
        let meter = sync.limiter.flatMap { limiter in
            limiter.asker(peer).map { SocketMeter($0, of: limiter) }
        }
        sockets.open(
            LiveSocket(
                socket, id: LiveSocket.ID(using: &random), user: request.user,
                sinceMilliseconds: Int(worker.clock.wallMilliseconds),
                source: ReadSource(peer, exempt: sync.readLimits.exempt),
                origin: sync.origin(of: peer), meter: meter,
                credential: request.credential.map { LiveSocket.Credential($0) } ?? .none))
        credentials.begin(
            socket, user: request.user, expires: request.userExpires, clock: worker.clock,
            now: worker.now)
        guard let meter else { return }
        guard case .wait(let seconds) = meter.takeTurn(user: request.user, now: worker.now) else {
            return worker.meter(socket)
        }
        // Closed after the upgrade, where a browser can read why.
        let asker = LiveWorker(service: self, worker: worker).socket(socket)
        asker.refuse(.tooOften(waitSeconds: seconds))
        asker.close(code: 1013, reason: "rate_limited")
    }

    public func closed(_ socket: Token, on worker: Worker) {
        let session = session(of: socket)
        presence?.lose(LiveWorker(service: self, worker: worker).socket(socket))
        subscriptions.removeAll(socket)
        credentials.remove(socket)
        lines.remove(socket)
        sockets.close(socket)
        if let session { hooks.onClose(session) }
    }

    public func draining(_ socket: Token, on worker: Worker) {
        LiveWorker(service: self, worker: worker).socket(socket).send { text in
            LiveWriter.drain(
                retryAfterMilliseconds: 500, spreadMilliseconds: 5_000, to: &text)
        }
    }

    // MARK: What clients say

    public func messageBegins(_ socket: Token, on worker: Worker) -> MessageEntry {
        guard let row = sockets[socket], let meter = row.meter,
            case .wait(let seconds) = meter.takeTurn(user: row.user, now: worker.now)
        else { return .read }
        let asker = LiveWorker(service: self, worker: worker).socket(socket)
        switch meter.passOver(now: worker.now) {
        // Without a `ref`, because the message was passed over unread.
        case .report: asker.refuse(.tooOften(waitSeconds: seconds))
        case .close: asker.close(code: 1008, reason: "rate_limited")
        case .quiet: break
        }
        return .passOver
    }

    public func took(_ byteCount: Int, from socket: Token, on worker: Worker) {
        guard let row = sockets[socket], let meter = row.meter, let cost = meter.took(byteCount)
        else { return }
        meter.charge(cost, user: row.user, now: worker.now)
    }

    public func received(
        _ payload: UnsafeRawBufferPointer, as kind: MessageKind, from socket: Token,
        on worker: Worker
    ) {
        guard holds(socket, on: worker) else { return }
        guard kind == .text else {
            return worker.close(socket, code: 1003, reason: "text messages only")
        }
        let live = LiveWorker(service: self, worker: worker)
        do throws(MessageRefusal) {
            let message = try ClientMessage(
                parsing: ByteSlice(copying: payload), limits: limits,
                nestingMax: sync.limits.nestingMax)
            let asker = live.asker(
                Question(
                    socket: socket, ref: message.ref, topic: message.request.topic ?? .empty))
            take(message.request, byteCount: payload.count, for: asker)
        } catch {
            live.socket(socket).send { LiveWriter.error(error, to: &$0) }
        }
    }

    /// Performs a request, or puts it behind what waits.
    private func take(_ request: ClientMessage.Request, byteCount: Int, for asker: Asker) {
        guard lines.isHeld(asker.socket) else {
            return perform(request, byteCount: byteCount, for: asker)
        }
        if case .ping = request { return perform(request, byteCount: byteCount, for: asker) }
        let message = HeldMessage(
            request: request, byteCount: byteCount, question: asker.question)
        guard lines.add(message) else {
            return asker.withoutTopic.refuse(.unavailable("too many messages wait; try again"))
        }
    }

    /// Performs what has waited, up to the next one that waits.
    func performHeld(_ asker: Asker) {
        while let message = lines.next(asker.socket) {
            guard asker.isHere, holds(asker.socket, on: asker.worker) else { continue }
            perform(
                message.request, byteCount: message.byteCount,
                for: asker.live.asker(message.question))
        }
    }

    private func perform(_ request: ClientMessage.Request, byteCount: Int, for asker: Asker) {
        guard credentials.serves(request, of: asker.socket) else {
            return asker.withoutTopic.refuse(.unauthenticated("sign in first"))
        }
        switch request {
        case .ping: asker.send { LiveWriter.pong(ref: asker.ref, to: &$0) }
        case .subscribe(let topic, let position):
            if let scope = TopicName.scope(of: topic) {
                subscriptions.subscribe(asker, to: scope, from: position)
            } else {
                subscribe(asker)
            }
        case .join(_, let info): join(asker, info: info)
        case .presence: list(asker)
        case .unsubscribe:
            presence?.leave(asker)
            subscriptions.end(asker)
            asker.acknowledge()
        case .push(let envelope): push(envelope, byteCount: byteCount, for: asker)
        case .publish(_, let payload): publish(payload, for: asker)
        case .auth(let token): signIn(asker, token: token)
        }
    }

    private func push(
        _ envelope: ClientMessage.PushEnvelope, byteCount: Int, for asker: Asker
    ) {
        // It was told to come back elsewhere, and may do so before it has an answer.
        guard !sync.workers.isDraining else {
            return asker.refuse(.unavailable("the server is going down"))
        }
        let row = sockets[asker.socket]
        let request: PushRequest
        do throws(Refusal) {
            var parsed = try envelope.parse(limits: sync.limits)
            parsed.user = asker.user
            row?.meter?.charge(
                .mutations(parsed.mutations.count), user: row?.user, now: asker.worker.now)
            parsed.origin = row?.origin
            request = parsed
        } catch {
            return asker.refuse(error)
        }
        admit(asker, to: request.scope, for: .push) { asker, ruling in
            let question = AccessQuestion(user: request.user, scope: request.scope, action: .push)
            if case .denied = ruling, question.mayKnowOutcomes {
                var request = request
                request.isDenied = true
                return asker.service.commit(request, byteCount: byteCount, for: asker)
            }
            if let refusal = ruling.refusal(for: request.scope) { return asker.refuse(refusal) }
            let reading = AccessQuestion(user: request.user, scope: request.scope, action: .pull)
            if let known = asker.service.sync.access.known(reading) {
                var request = request
                request.isByReader = known.isAllowed
                return asker.service.commit(request, byteCount: byteCount, for: asker)
            }
            // Whether it may be compressed where it is told to others.
            asker.service.admit(asker, to: request.scope, for: .pull) { asker, ruling in
                var request = request
                request.isByReader = ruling.isAllowed
                asker.service.commit(request, byteCount: byteCount, for: asker)
            }
        }
    }

    private func commit(_ request: PushRequest, byteCount: Int, for asker: Asker) {
        let (path, limits) = (asker.returnPath, sync.limits)
        sync.push(request, byteCount: byteCount) { answer, mail in
            path.resume(in: &mail) { asker in
                switch answer {
                case .success(let results):
                    asker.acknowledge(payload: results.body(limits: limits))
                case .failure(let refusal): asker.refuse(refusal)
                }
            }
        }
    }

    private func publish(_ payload: JSONValue, for asker: Asker) {
        admitToTopic(asker) { asker, _ in asker.service.publishAllowed(payload, for: asker) }
    }

    private func publishAllowed(_ payload: JSONValue, for asker: Asker) {
        let topic = asker.topic
        guard let session = asker.session,
            hooks.onMessage(session, .publish(topic: topic.string, payload: payload)) == .allow
        else { return asker.refuse(.topicDenied) }
        let (workers, name, index) = (sync.workers, topic.compacted, asker.worker.index)
        let message = Publication(message: payload.bytes, to: name, charging: workers.queued)
        // Whether who publishes hears the topic, or might.
        let isByReader =
            subscriptions.topics.subscription(of: asker.socket, to: topic) != nil
            || hooks.onMessage(session, .subscribe(topic: topic.string)) == .allow
        let socket = asker.socket
        workers.performLiveOnAll { live in
            // A token names a socket of its own worker; on another it is somebody else.
            live.service.fanOuts.publish(
                message, to: name, isByReader: isByReader,
                except: live.worker.index == index ? socket : nil)
        }
        cluster?.publish(
            .publication(topic: name, payload: payload.bytes, isByReader: isByReader))
        asker.acknowledge()
    }

    // MARK: What the worker reports

    public func heartbeat(_ socket: Token, on worker: Worker) {
        subscriptions.sendHeartbeat(LiveWorker(service: self, worker: worker).socket(socket))
    }

    public func hasRoom(_ socket: Token, on worker: Worker) {
        let asker = LiveWorker(service: self, worker: worker).socket(socket)
        subscriptions.sendDuePokes(asker)
        presence?.hasRoom(asker)
    }

    public func work(on worker: Worker) -> ServiceWork {
        let live = LiveWorker(service: self, worker: worker)
        let ends = endCredentials(live)
        let progress = fanOuts.work(on: live)
        worker.countTopics(
            subscriptions.topics.topicCount, subscriptions: subscriptions.topics.count)
        let presence = presence?.work(on: live) ?? .done
        let rechecks = workRechecks(live)
        let beat = workCluster(live)
        return progress == .more ? .more : presence.with(ends).with(rechecks).with(beat)
    }

    /// Lends `use` the text that `write` composes.
    func compose(_ write: (inout ByteBuffer) -> Void, _ use: (UnsafeRawBufferPointer) -> Void) {
        text.removeAll()
        write(&text)
        use(text.readable)
        if text.capacity > 64 * 1024 { text = ByteBuffer(capacity: 1024) }
    }
}

extension ServiceWork {
    /// What two kinds of work come to.
    func with(_ other: ServiceWork) -> ServiceWork {
        switch (self, other) {
        case (.more, _), (_, .more): .more
        case (.done, let due), (let due, .done): due
        case (.until(let one), .until(let two)): .until(min(one, two))
        }
    }
}
