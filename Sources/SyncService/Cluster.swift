// This node among others: what its sockets follow, what the others say, and who they are. It joins
// a carrier of news to the workers; what a message means is decided where it would be decided if
// this node had caused it itself. What is said of scopes goes to the store's part (`StoreNews`).
//
//   workers ──follow, publish──► Cluster ──► ClusterNews ─┄─► other nodes
//   topics, presence, sockets ◄──mail── Cluster ◄── receive ◄─┘     └──► StoreNews: scopes
//
// Any thread. A subject is followed while anybody here follows it. Worker 0 says once a second that
// the node lives, and looks for those that do not any more.

import MizuBytes
import MizuEventLoop
import MizuServer
import MizuSync
import MizuTopics
import Synchronization

public final class Cluster: Sendable {
    /// What is done with news of scopes, and when the carrier comes and goes, on the carrier's
    /// thread: `connected`, `disconnected`, `following` a scope, `commit`, `position` and
    /// `internalHeads`.
    package typealias StoreNews = @Sendable (NewsEvent) -> Void

    package let news: any ClusterNews
    private let workers: Workers
    private let state: Mutex<State>
    private let storeNews = FunctionSlot<NewsEvent, Void>()

    let times: Times
    private let processor = ProcessorMeter()
    /// Written under the state's lock, read before each commit is told.
    private let alone = Atomic<Bool>(false)

    /// Milliseconds.
    package struct Times: Sendable {
        /// How often a node says that it lives.
        package var heartbeat: UInt64 = 1_000
        /// A node that is silent for so long is not counted any more; the graces of presence may
        /// be longer.
        package var silence: UInt64 = 5_000

        package init() {}
    }

    private struct State {
        /// How many follow.
        var followers: [NewsSubject: Int] = [:]
        var nodes = NodeTable()
        var isConnected = false
        var report: NodeReport
        /// Figures of each worker.
        var figures: [[String: Int]]
        /// And of parts that have no worker.
        var sources: [@Sendable () -> [String: Int]] = []
        var credentialEnds: [@Sendable (String) -> Void] = []
        /// Which primary of the store this node knows of, and who takes in what others know.
        var term: @Sendable () -> PrimaryTerm? = { nil }
        var heard: @Sendable (PrimaryTerm) -> Void = { _ in }
    }

    /// - Parameters:
    ///   - news: not started yet.
    ///   - report: what the node says of itself; figures are added.
    package init(
        _ news: any ClusterNews, workers: Workers, report: NodeReport, times: Times = Times()
    ) {
        self.times = times
        self.news = news
        self.workers = workers
        state = Mutex(
            State(report: report, figures: Array(repeating: [:], count: workers.count)))
    }

    /// Starts the carrier, once.
    package func start() throws(SystemError) {
        try news.start { [weak self] event in self?.take(event) }
    }

    /// Says goodbye and ends the carrier. Call it when the workers have ended.
    package func stop() { news.stop() }

    package func onStoreNews(_ body: @escaping StoreNews) { storeNews.set(body) }

    /// Calls `body` with each credential that has ended on another node, on the carrier's thread.
    package func onCredentialEnd(_ body: @escaping @Sendable (String) -> Void) {
        state.withLock { $0.credentialEnds.append(body) }
    }

    // MARK: What this node says

    /// Tells the other nodes. Never waits.
    package func publish(_ message: NewsMessage) { news.publish(message) }

    /// Somebody here follows a subject from now on: a worker, or the store's part.
    package func follow(_ subject: NewsSubject) {
        let isFirst = state.withLock { state in
            state.followers[subject, default: 0] += 1
            return state.followers[subject] == 1
        }
        if isFirst { news.follow(subject) }
    }

    package func unfollow(_ subject: NewsSubject) {
        let isLast = state.withLock { state in
            guard let count = state.followers[subject] else { return false }
            state.followers[subject] = count > 1 ? count - 1 : nil
            return count == 1
        }
        guard isLast else { return }
        news.unfollow(subject)
        // Somebody may have followed again meanwhile, before us or after.
        if follows(subject) { news.follow(subject) }
        guard case .presence(let topic) = subject else { return }
        performAtOwner(of: topic) { presence, live in
            guard live.service.cluster?.follows(subject) == false else { return }
            presence.forgetOthers(in: topic, live)
        }
    }

    func follows(_ subject: NewsSubject) -> Bool {
        state.withLock { $0.followers[subject] != nil }
    }

    /// The subjects that are followed. O(n).
    package var subjects: [NewsSubject] { state.withLock { Array($0.followers.keys) } }

    // MARK: Who there is

    /// The other nodes that live, and what they said of themselves last. Any thread.
    package var nodes: [NodeTable.Entry] { state.withLock { $0.nodes.all } }

    /// What this node says of itself.
    package var report: NodeReport {
        let isDraining = workers.isDraining
        let (sources, term, found) = state.withLock { state in
            var report = state.report
            report.isDraining = isDraining
            report.figures = state.figures.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
            return (state.sources, state.term, report)
        }
        var report = found
        report.term = term()
        report.figures[ClusterReport.Figure.cpu] = processor.permille
        for source in sources { report.figures.merge(source()) { _, last in last } }
        return report
    }

    /// From now on what `source` says is among the node's figures. It is asked with each heartbeat,
    /// on a worker, so it must not wait.
    package func addFigures(_ source: @escaping @Sendable () -> [String: Int]) {
        state.withLock { $0.sources.append(source) }
    }

    /// From now on nodes tell each other of the store's primary: each says with its heartbeats what
    /// `term` says, and `heard` gets what others say, on the carrier's thread. Neither may wait.
    package func compare(
        _ term: @escaping @Sendable () -> PrimaryTerm?,
        _ heard: @escaping @Sendable (PrimaryTerm) -> Void
    ) {
        state.withLock { ($0.term, $0.heard) = (term, heard) }
    }

    /// Whether no other node was heard for the grace, while the carrier was there: nobody need be
    /// told what stands in the store. One that comes says so before its sockets wait for news, and
    /// it looks at the store by itself when it first hears of this node.
    package var isAlone: Bool { alone.load(ordering: .relaxed) }

    package var isConnected: Bool { state.withLock { $0.isConnected } }

    /// What brings news at the moment, for people: `redis`, `notify`, or `poll` while that is away.
    package var carrier: String { isConnected ? news.name : "poll" }

    /// Worker `index` says what it has.
    func note(_ figures: [String: Int], of index: Int) {
        state.withLock { state in
            if index < state.figures.count { state.figures[index] = figures }
        }
    }

    /// Once a second, on worker 0.
    func beat(graceMilliseconds: UInt64) {
        news.publish(.heartbeat(report))
        let grace = max(graceMilliseconds, times.silence)
        let gone: [NodeID] = state.withLock { state in
            guard state.isConnected else {
                alone.store(false, ordering: .relaxed)
                return []
            }
            let gone = state.nodes.takeSilent(at: .now, graceMilliseconds: grace)
            let isAlone = state.nodes.lookAround(at: .now, graceMilliseconds: grace)
            alone.store(isAlone, ordering: .relaxed)
            return gone
        }
        for node in gone { forget(node, inOrder: false) }
    }

    private func forget(_ node: NodeID, inOrder: Bool) {
        workers.performLiveOnAll { live in
            live.service.presence?.nodeLeft(node, inOrder: inOrder, live)
        }
    }

    // MARK: What the others say

    private func take(_ event: NewsEvent) {
        switch event {
        case .connected:
            state.withLock { state in
                state.isConnected = true
                state.report.links += 1
                state.nodes.forgive(at: .now)
            }
            // Also where nothing has happened yet that would wake a worker.
            workers.performLiveOnAll { live in
                live.service.nextBeat = Instant(nanoseconds: 0)
                live.service.presence?.linked()
            }
            tellStore(event)
        case .disconnected:
            state.withLock { $0.isConnected = false }
            tellStore(event)
        case .following(let subject):
            switch subject {
            case .scope: tellStore(event)
            case .presence(let topic):
                performAtOwner(of: topic) { presence, live in presence.following(topic, live) }
            case .nodes, .topic: break
            }
        case .message(let message, let node): take(message, from: node, event)
        }
    }

    private func tellStore(_ event: NewsEvent) {
        storeNews.function?(event)
    }

    private func take(_ message: NewsMessage, from node: NodeID, _ event: NewsEvent) {
        switch message {
        case .commit, .position, .internalHeads: tellStore(event)
        case .publication(let topic, let payload, let isByReader):
            guard follows(.topic(topic)) else { return }
            let name = topic.compacted
            let frame = Publication(message: payload, to: name, charging: workers.queued)
            workers.performLiveOnAll {
                $0.service.fanOuts.publish(frame, to: name, isByReader: isByReader)
            }
        case .presence(let topic, let share): take(share, of: topic, from: node)
        case .credentialEnded(let name):
            for body in state.withLock({ $0.credentialEnds }) { body(name) }
            let credential = LiveSocket.Credential(name)
            workers.performLiveOnAll { $0.service.close(credential: credential, $0) }
        case .sessionClosed(let id, let reason):
            workers.performLiveOnAll { $0.service.close(session: id, reason: reason, $0) }
        case .permissionsChanged:
            workers.performLiveOnAll { $0.service.checkAllPermissions($0) }
        case .heartbeat(let report):
            let (isNew, heard) = state.withLock { state in
                // Under the lock, as in `beat`.
                alone.store(false, ordering: .relaxed)
                return (state.nodes.heard(report, of: node, at: .now), state.heard)
            }
            if let term = report.term { heard(term) }
            guard isNew else { return }
            tellStore(event)
            workers.performLiveOnAll { live in
                live.service.presence?.nodeAppeared(node, live)
            }
        case .goodbye:
            state.withLock { $0.nodes.left(node) }
            forget(node, inOrder: true)
        }
    }

    // MARK: Presence

    private func performAtOwner(
        of topic: ByteSlice, _ body: @escaping @Sendable (PresenceRooms, LiveWorker) -> Void
    ) {
        workers.performLive(on: PresenceRooms.owner(of: topic, among: workers)) { live in
            if let presence = live.service.presence { body(presence, live) }
        }
    }

    private func take(_ share: PresenceShare, of topic: ByteSlice, from node: NodeID) {
        state.withLock { $0.nodes.met(node, at: .now) }
        let topic = topic.compacted
        performAtOwner(of: topic) { presence, live in
            guard live.service.cluster?.follows(.presence(topic)) == true else { return }
            presence.take(share, of: topic, from: node, live)
        }
    }
}
