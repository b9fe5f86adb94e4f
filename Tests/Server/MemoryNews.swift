// News between the services of one test: what one of them tells waits until the test delivers it to
// the others, in order or not, twice or never. So a test chooses what a network would do.

import MizuBytes
import MizuEventLoop
import MizuSync
import MizuSyncService
import Synchronization

/// Joins the services of a test.
final class NewsHub: Sendable {
    fileprivate struct Letter {
        let message: NewsMessage
        let from: NodeID
        let to: Int
    }

    fileprivate struct State {
        var members: [(node: NodeID, receive: (@Sendable (NewsEvent) -> Void)?)] = []
        var follows: [Set<NewsSubject>] = []
        var letters: [Letter] = []
        var delivers = false
    }

    fileprivate let state = Mutex(State())

    /// - Parameter delivers: whether everything comes at once and in order.
    init(delivers: Bool = false) { state.withLock { $0.delivers = delivers } }

    /// A carrier for one service.
    func join() -> MemoryNews {
        state.withLock { state in
            state.members.append((NodeID(bits: UInt64(state.members.count)), nil))
            state.follows.append([])
            return MemoryNews(hub: self, index: state.members.count - 1)
        }
    }

    /// Messages that wait.
    var waiting: Int { state.withLock { $0.letters.count } }

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

    fileprivate func bring(_ letter: Letter) {
        let receive = state.withLock { $0.members[letter.to].receive }
        receive?(.message(letter.message, from: letter.from))
    }

    fileprivate func take(_ message: NewsMessage, from index: Int) {
        let letters = state.withLock { state -> [Letter] in
            let from = state.members[index].node
            let new = state.members.indices
                .filter { $0 != index && state.follows[$0].contains(message.subject) }
                .map { Letter(message: message, from: from, to: $0) }
            guard !state.delivers else { return new }
            state.letters += new
            return []
        }
        for letter in letters { bring(letter) }
    }
}

/// One service's end of the hub.
final class MemoryNews: ClusterNews {
    let name = "memory"
    private let hub: NewsHub
    private let index: Int

    fileprivate init(hub: NewsHub, index: Int) {
        self.hub = hub
        self.index = index
    }

    /// As the store's part uses it, which starts it.
    var carrier: StoreCarrier {
        StoreCarrier(
            publish: { self.publish($0) }, follow: { self.follow($0) },
            unfollow: { self.unfollow($0) }, listen: { self.start($0) })
    }

    var node: NodeID { NodeID(bits: UInt64(index)) }
    var figures: [String: Int] { [:] }

    func start(_ receive: @escaping @Sendable (NewsEvent) -> Void) {
        hub.state.withLock { $0.members[index].receive = receive }
        receive(.connected)
    }

    func publish(_ message: NewsMessage) { hub.take(message, from: index) }

    func follow(_ subject: NewsSubject) {
        let receive = hub.state.withLock { state in
            state.follows[index].insert(subject)
            return state.members[index].receive
        }
        receive?(.following(subject))
    }

    func unfollow(_ subject: NewsSubject) {
        hub.state.withLock { _ = $0.follows[index].remove(subject) }
    }

    func stop() { hub.state.withLock { $0.members[index].receive = nil } }
}
