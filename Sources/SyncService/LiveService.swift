// `/ws` on one worker (protocol.md, "GET /ws"): reads what clients ask, answers, and keeps who is
// subscribed to what. Sync decides what is true and the worker owns the sockets; this class joins
// them. Confined to its worker.
//
// Subscriptions, deltas and pokes: LiveService+Subscribe, +Delivery. Sessions: +Sessions. Who a
// socket is, and for how long: +Credentials.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuLive
import MizuServer
import MizuSync
import MizuWebSocket

public final class LiveService: WebSocketService {
    let sync: SyncService
    let hooks: LiveHooks
    let limits: LiveLimits
    var topics: TopicTable
    var sessions = SessionTable()
    /// Until when sockets may be served, of those for whom that ends.
    var credentials = CredentialTable()
    /// Fan-outs that wait, in order, and those under way.
    var tellings: [Telling] = []
    var round: TellingRound?
    /// Numbers an app's messages, so that a fan-out that meets a subscriber twice sends once.
    var lastMessage = 0
    /// Subscribes that a reader is asked for, each with its number: one that was overtaken by an
    /// unsubscribe or another subscribe must not be entered when the reader answers.
    var asked: [AskedSubscription: Int] = [:]
    var lastAsk = 0
    /// By slot: the topic that the last heartbeat told of.
    var heartbeatTopics: ContiguousArray<TopicID?> = []
    /// By slot: what is counted of a socket; nil: nothing is.
    var meters: ContiguousArray<SocketMeter?> = []
    /// By slot: where a socket's reads come from.
    var sources: ContiguousArray<ReadSource> = []
    /// By slot: the address that a socket's pushes are counted for.
    private var origins: ContiguousArray<PushOrigin?> = []
    /// Who is here, in topics of the app; nil where it keeps no presence.
    let presence: LivePresence?
    /// Composes JSON text before it is framed.
    var text = ByteBuffer(capacity: 1024)
    private var random = SystemRandomNumberGenerator()

    public init(sync: SyncService, hooks: LiveHooks, limits: LiveLimits = .default) {
        self.sync = sync
        self.hooks = hooks
        self.limits = limits
        topics = TopicTable(limits: limits)
        presence = hooks.onPresence.map { LivePresence($0, limits: limits.presence) }
    }

    // MARK: Coming and going

    public func opened(_ socket: Token, request: borrowing Request, on worker: Worker) {
        // 72 bits in 12 characters: unguessable, and small enough to be stored in place.
        let bytes = (0..<9).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let id = String(decoding: Base64.encode(bytes, alphabet: .url), as: UTF8.self)
        sessions.open(
            Session(
                id: id, token: socket.bits, user: request.user,
                sinceMilliseconds: Int(worker.clock.wallMilliseconds)))
        if socket.index >= origins.count {
            origins.append(contentsOf: repeatElement(nil, count: socket.index + 1 - origins.count))
        }
        origins[socket.index] = sync.origin(of: request.peer)
        beginCredentials(socket, user: request.user, expires: request.userExpires, on: worker)
        enter(socket, request.peer, on: worker)
    }

    public func closed(_ socket: Token, on worker: Worker) {
        let session = session(of: socket)
        losePresence(socket, on: worker)
        topics.removeAll(socket.bits)
        sessions.close(socket.bits)
        credentials.remove(socket.bits)
        if socket.index < heartbeatTopics.count { heartbeatTopics[socket.index] = nil }
        if socket.index < meters.count { meters[socket.index] = nil }
        if let session { hooks.onClose(session) }
    }

    public func draining(_ socket: Token, on worker: Worker) {
        say(to: socket, on: worker) { text in
            LiveWriter.drain(
                retryAfterMilliseconds: 500, spreadMilliseconds: 5_000, to: &text)
        }
    }

    // MARK: What clients say

    public func received(
        _ payload: UnsafeRawBufferPointer, as kind: MessageKind, from socket: Token,
        on worker: Worker
    ) {
        guard holds(socket, on: worker) else { return }
        guard kind == .text else {
            return worker.close(socket, code: 1003, reason: "text messages only")
        }
        do throws(MessageRefusal) {
            let message = try ClientMessage(parsing: ByteSlice(copying: payload), limits: limits)
            perform(message, byteCount: payload.count, from: socket, on: worker)
        } catch {
            say(to: socket, on: worker) { LiveWriter.error(error, to: &$0) }
        }
    }

    private func perform(
        _ message: ClientMessage, byteCount: Int, from socket: Token, on worker: Worker
    ) {
        let ref = message.ref
        guard isServed(message.request, of: socket) else {
            return refuse(socket, ref, .unauthenticated("say who you are first"), on: worker)
        }
        switch message.request {
        case .ping: say(to: socket, on: worker) { LiveWriter.pong(ref: ref, to: &$0) }
        case .subscribe(let topic, let position):
            subscribe(socket, ref, to: topic, from: position, on: worker)
        case .join(let topic, let info): join(socket, ref, topic, info: info, on: worker)
        case .presence(let topic): tellPresence(socket, ref, topic, on: worker)
        case .unsubscribe(let topic):
            leavePresence(socket, topic, on: worker)
            asked[AskedSubscription(socket: socket, topic: topic)] = nil
            topics.unsubscribe(socket.bits, from: topic)
            say(to: socket, on: worker) { LiveWriter.ack(ref: ref, topic: topic, to: &$0) }
        case .push(let push): self.push(push, ref, byteCount: byteCount, from: socket, on: worker)
        case .publish(let topic, let payload):
            publish(payload, to: topic, ref, from: socket, on: worker)
        case .auth(let token): authenticate(token, ref, socket, on: worker)
        }
    }

    private func push(
        _ push: ClientMessage.Push, _ ref: JSONValue?, byteCount: Int, from socket: Token,
        on worker: Worker
    ) {
        let request: PushRequest
        do throws(Refusal) {
            var parsed = try PushRequest.parse(push.envelope, .lenient, limits: sync.limits)
            parsed.user = user(of: socket)
            charge(.mutations(parsed.mutations.count), to: socket, on: worker)
            if socket.index < origins.count { parsed.origin = origins[socket.index] }
            try sync.check(parsed.user, parsed.scope, .push)
            parsed.isByReader = sync.mayUse(parsed.user, parsed.scope, .pull)
            request = parsed
        } catch {
            return refuse(socket, ref, error, on: worker)
        }
        let (workers, index) = (sync.workers, worker.index)
        sync.push(request, byteCount: byteCount) { answer in
            workers.perform(on: index) { worker in
                worker.service(LiveService.self)?.answer(answer, ref, to: socket, on: worker)
            }
        }
    }

    private func answer(
        _ answer: PushAnswer, _ ref: JSONValue?, to socket: Token, on worker: Worker
    ) {
        switch answer {
        case .success(let results):
            let body = results.body(limits: sync.limits)
            say(to: socket, on: worker) { LiveWriter.ack(ref: ref, payload: body, to: &$0) }
        case .failure(let refusal): refuse(socket, ref, refusal, on: worker)
        }
    }

    private func publish(
        _ payload: JSONValue, to topic: ByteSlice, _ ref: JSONValue?, from socket: Token,
        on worker: Worker
    ) {
        guard let session = session(of: socket),
            hooks.onMessage(session, .publish(topic: topic.string, payload: payload)) == .allow
        else {
            return deny(socket, ref, topic, on: worker)
        }
        let (workers, name, index) = (sync.workers, topic.compacted, worker.index)
        let message = Publication(message: payload.bytes, to: name, charging: workers.queued)
        let isByReader = mayRead(name, session, socket)
        workers.performOnAll { worker in
            // A token names a socket of its own worker; on another it is somebody else.
            worker.service(LiveService.self)?
                .tell(
                    message, to: name, isByReader: isByReader,
                    except: worker.index == index ? socket : nil)
        }
        say(to: socket, on: worker) { LiveWriter.ack(ref: ref, topic: topic, to: &$0) }
    }

    // MARK: What we say

    /// Sends the text that `write` composes as one message.
    func say(to socket: Token, on worker: Worker, _ write: (inout ByteBuffer) -> Void) {
        guard holds(socket, on: worker) else { return }
        text.removeAll()
        write(&text)
        worker.send(text.readable, as: .text, to: socket)
        if text.capacity > 64 * 1024 { text = ByteBuffer(capacity: 1024) }
    }

    func refuse(
        _ socket: Token, _ ref: JSONValue?, topic: ByteSlice? = nil, _ refusal: Refusal,
        on worker: Worker
    ) {
        say(to: socket, on: worker) {
            LiveWriter.error(
                ref: ref, topic: topic, code: refusal.code, text: refusal.message, to: &$0)
        }
    }

    func deny(_ socket: Token, _ ref: JSONValue?, _ topic: ByteSlice, on worker: Worker) {
        say(to: socket, on: worker) {
            LiveWriter.error(
                ref: ref, topic: ref == nil ? nil : topic, code: "topic_denied",
                text: "no permission for this topic", to: &$0)
        }
    }
}
