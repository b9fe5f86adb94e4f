// News between the nodes of one test, without Redis: each message goes through its bytes and comes
// to whoever followed its subject when it was said. How it comes is the test's choice: in order on
// a thread of the bus, at once, or by the test's own hand, which chooses what a network would do. A
// test can cut a node's link.

import MizuBytes
import MizuEventLoop
import MizuSync
import Synchronization

@testable import MizuSyncService

/// What nodes of a test hang on.
final class NewsBus: Sendable {
    enum Delivery: Sendable {
        /// In order, on a thread of the bus.
        case onThread
        /// Before `publish` returns.
        case atOnce
        /// When the test delivers it: late, out of order, twice or never.
        case byHand
    }

    fileprivate struct Letter: Sendable {
        let event: NewsEvent
        let to: Int
    }

    fileprivate struct Link {
        let node: NodeID
        var receive: (@Sendable (NewsEvent) -> Void)?
        var followed: Set<NewsSubject> = [.nodes]
        var isCut = false
    }

    fileprivate struct State {
        var links: [Link] = []
        /// Messages that wait for the test.
        var letters: [Letter] = []
    }

    fileprivate let state = Mutex(State())
    private let delivery: Delivery
    /// Of `onThread`.
    private let thread: MailThread<Letter>?

    init(_ delivery: Delivery = .onThread) throws {
        self.delivery = delivery
        thread = delivery == .onThread ? try MailThread("test-news") : nil
        try thread?.start(handover: 0) { [weak self] _, inbox in
            while inbox.receive() == .goOn {
                for letter in inbox.mail { self?.bring(letter) }
            }
        }
    }

    deinit { _ = thread?.stop(withinMilliseconds: 5_000) }

    /// A carrier for one node.
    func join() -> BusNews {
        state.withLock { state in
            let node = NodeID.random()
            state.links.append(Link(node: node))
            return BusNews(bus: self, node: node, index: state.links.count - 1)
        }
    }

    // MARK: What a test does

    func follows(_ subject: NewsSubject, _ carrier: BusNews) -> Bool {
        state.withLock { $0.links[carrier.index].followed.contains(subject) }
    }

    /// Makes a node hear nothing and say nothing, or come back.
    func cut(_ carrier: BusNews, _ isCut: Bool) {
        state.withLock { $0.links[carrier.index].isCut = isCut }
        if isCut {
            tell(.disconnected, to: carrier.index)
        } else {
            tellConnected(carrier.index)
        }
    }

    /// Makes a node disappear without a word.
    func kill(_ carrier: BusNews) { state.withLock { $0.links[carrier.index].receive = nil } }

    /// Delivers some of what waits as a bad network would.
    func deliver<Random: RandomNumberGenerator>(_ count: Int, using random: inout Random) {
        for _ in 0..<count {
            let number = random.next()
            let letter = state.withLock { state -> Letter? in
                guard !state.letters.isEmpty else { return nil }
                let place = Int(number >> 2) % state.letters.count
                // Some come again later.
                return number & 3 == 0 ? state.letters[place] : state.letters.remove(at: place)
            }
            if let letter { bring(letter) }
        }
    }

    /// Loses some of what waits; all of it by default.
    func lose(_ count: Int = .max) {
        state.withLock { $0.letters.removeFirst(min(count, $0.letters.count)) }
    }

    // MARK: Carrying

    private func bring(_ letter: Letter) {
        let receive = state.withLock { state -> (@Sendable (NewsEvent) -> Void)? in
            let link = state.links[letter.to]
            if case .message = letter.event, link.isCut { return nil }
            return link.receive
        }
        receive?(letter.event)
    }

    /// Tells a node of its link.
    fileprivate func tell(_ event: NewsEvent, to index: Int) {
        let letter = Letter(event: event, to: index)
        if let thread { thread.post(letter) } else { bring(letter) }
    }

    fileprivate func tellConnected(_ index: Int) {
        let followed = state.withLock { $0.links[index].followed }
        tell(.connected, to: index)
        for subject in followed { tell(.following(subject), to: index) }
    }

    fileprivate func publish(_ message: NewsMessage, from index: Int) {
        let letters = state.withLock { state -> [Letter] in
            let link = state.links[index]
            guard link.receive != nil, !link.isCut,
                let (message, sender) = NewsCoding.decode(
                    NewsCoding.encode(message, from: link.node))
            else { return [] }
            let new = state.links.indices
                .filter { other in
                    other != index && !state.links[other].isCut
                        && state.links[other].followed.contains(message.subject)
                }
                .map { Letter(event: .message(message, from: sender), to: $0) }
            guard delivery == .byHand else { return new }
            state.letters += new
            return []
        }
        for letter in letters {
            if let thread { thread.post(letter) } else { bring(letter) }
        }
    }
}

/// One node's end of it.
final class BusNews: ClusterNews {
    let name = "memory"
    let node: NodeID
    fileprivate let index: Int
    private let bus: NewsBus

    fileprivate init(bus: NewsBus, node: NodeID, index: Int) {
        self.bus = bus
        self.node = node
        self.index = index
    }

    /// As the store's part uses it, which starts it.
    var carrier: StoreCarrier {
        StoreCarrier(
            publish: { self.publish($0) }, follow: { self.follow($0) },
            unfollow: { self.unfollow($0) }, listen: { self.start($0) })
    }

    func start(_ receive: @escaping @Sendable (NewsEvent) -> Void) {
        bus.state.withLock { $0.links[index].receive = receive }
        bus.tellConnected(index)
    }

    func publish(_ message: NewsMessage) { bus.publish(message, from: index) }

    func follow(_ subject: NewsSubject) {
        bus.state.withLock { _ = $0.links[index].followed.insert(subject) }
        bus.tell(.following(subject), to: index)
    }

    func unfollow(_ subject: NewsSubject) {
        bus.state.withLock { _ = $0.links[index].followed.remove(subject) }
    }

    /// Nothing is said behind the goodbye, whatever the node's workers still do.
    func stop() {
        publish(.goodbye)
        bus.kill(self)
    }

    var figures: [String: Int] { [:] }
}
