// Who is spoken to, in one value: a socket, the request of it that is being answered, and the
// service and worker on which that happens. All answers go through it. `Asker` lives for the length
// of a call; what may leave the worker (to a reader's thread, to the committer, to a topic's owner)
// is its `Question`, and comes back by `ReturnPath`.

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuSync
import MizuWire

/// A worker with its live service, for the length of a call on its thread.
struct LiveWorker {
    let service: LiveService
    let worker: Worker

    /// The socket, without a request: for what the server says by itself.
    /// - Parameter topic: what that is about.
    func socket(_ socket: Token, topic: ByteSlice = .empty) -> Asker {
        asker(Question(socket: socket, ref: nil, topic: topic))
    }

    func asker(_ question: Question) -> Asker { Asker(live: self, question: question) }

    /// Runs `body` on a worker: at once if it is this one, else by mail. Which of both it is
    /// depends on the worker alone, so that what goes to one stays in order.
    func perform(on index: Int, _ body: @escaping @Sendable (LiveWorker) -> Void) {
        if index == worker.index {
            body(self)
        } else {
            service.sync.workers.performLive(on: index, body)
        }
    }
}

extension Workers {
    /// Runs `body` on worker `index` with its live service.
    func performLive(on index: Int, _ body: @escaping @Sendable (LiveWorker) -> Void) {
        perform(on: index, LiveService.self) { body(LiveWorker(service: $0, worker: $1)) }
    }

    /// Runs `body` once on each worker with its live service.
    func performLiveOnAll(_ body: @escaping @Sendable (LiveWorker) -> Void) {
        performOnAll(LiveService.self) { body(LiveWorker(service: $0, worker: $1)) }
    }
}

extension MailBatch {
    /// As `Workers.performLive`.
    mutating func performLive(on index: Int, _ body: @escaping @Sendable (LiveWorker) -> Void) {
        perform(on: index, LiveService.self) { body(LiveWorker(service: $0, worker: $1)) }
    }

    /// As `Workers.performLiveOnAll`.
    mutating func performLiveOnAll(_ body: @escaping @Sendable (LiveWorker) -> Void) {
        performOnAll(LiveService.self) { body(LiveWorker(service: $0, worker: $1)) }
    }
}

/// What was asked, as far as answers need it.
struct Question: Sendable {
    let socket: Token
    /// To be echoed in the answer; nil if the client gave none, or did not ask.
    let ref: JSONValue?
    /// The topic that the request names; empty if it names none.
    let topic: ByteSlice

    /// The same, without the rest of the topic's message in memory.
    var compacted: Question {
        Question(socket: socket, ref: ref, topic: topic.compacted)
    }
}

/// The way back to who asked, from any thread.
struct ReturnPath: Sendable {
    let question: Question
    let workers: Workers
    let worker: Int

    /// Goes on with the request, by mail, on its worker. The socket may have gone meanwhile: then
    /// what is sent to it is dropped.
    func resume(_ body: @escaping @Sendable (Asker) -> Void) {
        let question = question
        workers.performLive(on: worker) { body($0.asker(question)) }
    }

    /// The same with other mail.
    func resume(in mail: inout MailBatch, _ body: @escaping @Sendable (Asker) -> Void) {
        let question = question
        mail.performLive(on: worker) { body($0.asker(question)) }
    }
}

/// One socket and one request of it, on its worker.
struct Asker {
    let live: LiveWorker
    let question: Question

    var service: LiveService { live.service }
    var worker: Worker { live.worker }
    var socket: Token { question.socket }
    var ref: JSONValue? { question.ref }
    var topic: ByteSlice { question.topic }

    /// The same socket, without a request: what the server says by itself about a topic.
    func about(_ topic: ByteSlice) -> Asker { live.socket(socket, topic: topic) }

    /// The same request, answered without its topic.
    var withoutTopic: Asker {
        live.asker(Question(socket: socket, ref: ref, topic: .empty))
    }

    /// The user of the socket, as Sync knows users.
    var user: Name? { service.sockets[socket]?.user.flatMap { Name($0) } }
    /// The socket as the app sees it; nil once it has gone.
    var session: LiveSession? { service.session(of: socket) }
    /// Whether the socket can still be sent something.
    var isHere: Bool { worker.isOpen(socket) }

    var returnPath: ReturnPath {
        ReturnPath(
            question: question.compacted, workers: service.sync.workers, worker: worker.index)
    }

    // MARK: Answers

    /// Sends the text that `write` composes as one message. Nothing is sent after the moment at
    /// which the socket's credentials end.
    func send(_ write: (inout ByteBuffer) -> Void) {
        guard service.holds(socket, on: worker) else { return }
        service.compose(write) { worker.send($0, as: .text, to: socket) }
    }

    /// Answers that the request was done.
    /// - Parameter payload: one JSON value.
    func acknowledge(payload: ByteSlice? = nil) {
        send { LiveWriter.ack(ref: ref, topic: namedTopic, payload: payload, to: &$0) }
    }

    /// Answers a subscribe to a scope, which is at `head`.
    func acknowledge(at head: ScopeHead) {
        send { LiveWriter.ack(ref: ref, topic: namedTopic, at: head, to: &$0) }
    }

    /// Answers that the request was not done. Without a `ref` the topic is not named, because that
    /// would end a subscription.
    func refuse(_ refusal: Refusal) {
        refuse(refusal, naming: ref == nil ? nil : namedTopic)
    }

    /// The same, and that the socket's subscription to the topic does not stand.
    func withdraw(_ refusal: Refusal) { refuse(refusal, naming: namedTopic) }

    private func refuse(_ refusal: Refusal, naming topic: ByteSlice?) {
        send {
            LiveWriter.error(
                ref: ref, topic: topic, code: refusal.code, text: refusal.message, to: &$0)
        }
    }

    private var namedTopic: ByteSlice? { topic.isEmpty ? nil : topic }

    /// Begins the closing handshake.
    func close(code: UInt16, reason: String) {
        worker.close(socket, code: code, reason: reason)
    }
}

extension Refusal {
    /// The app says no to a topic of its own.
    static let topicDenied = Refusal.topicDenied("no permission for this topic")

    static func unauthenticated(_ message: String) -> Refusal {
        Refusal(status: 401, code: "unauthenticated", message: message)
    }

    static let tokenExpired = Refusal(
        status: 401, code: "token_expired", message: "the credentials hold no longer")
}
