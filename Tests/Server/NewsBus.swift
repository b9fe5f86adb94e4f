// News between the servers of one test, without Redis: each message goes through its bytes and
// comes to whoever follows its subject, on a thread of the bus. A test can cut a node's link.

import MizuBytes
import MizuEventLoop
import Synchronization

@testable import MizuSyncService

/// What nodes of a test hang on.
final class NewsBus: Sendable {
    enum Mail: Sendable {
        case to(NodeID, NewsEvent)
        case spoken(ByteSlice, NewsSubject)
    }

    struct Link {
        var receive: @Sendable (NewsEvent) -> Void
        var followed: Set<NewsSubject> = []
        var isCut = false
    }

    let links = Mutex<[NodeID: Link]>([:])
    let thread: MailThread<Mail>

    init() throws {
        thread = try MailThread("test-news")
        try thread.start(handover: 0) { [weak self] _, inbox in
            while inbox.receive() == .goOn {
                for mail in inbox.mail { self?.deliver(mail) }
            }
        }
    }

    deinit { _ = thread.stop(withinMilliseconds: 5_000) }

    private func deliver(_ mail: Mail) {
        switch mail {
        case .to(let node, let event):
            if let link = links.withLock({ $0[node] }) { link.receive(event) }
        case .spoken(let bytes, let subject):
            guard let (message, sender) = NewsCoding.decode(bytes) else { return }
            let all = links.withLock { links in
                links.filter {
                    $0.key != sender && !$0.value.isCut
                        && $0.value.followed.contains(subject)
                }
            }
            for link in all.values { link.receive(.message(message, from: sender)) }
        }
    }

    /// Makes a node hear nothing and say nothing, or come back.
    func cut(_ carrier: BusNews, _ isCut: Bool) {
        let followed = links.withLock { links -> Set<NewsSubject>? in
            links[carrier.node]?.isCut = isCut
            return links[carrier.node]?.followed
        }
        guard let followed else { return }
        thread.post(.to(carrier.node, isCut ? .disconnected : .connected))
        if !isCut {
            for subject in followed { thread.post(.to(carrier.node, .following(subject))) }
        }
    }

    /// Makes a node disappear without a word.
    func kill(_ carrier: BusNews) { links.withLock { $0[carrier.node] = nil } }
}

/// One node's end of it.
final class BusNews: ClusterNews {
    let name = "memory"
    let node = NodeID.random()
    let bus: NewsBus

    init(_ bus: NewsBus) { self.bus = bus }

    func start(_ receive: @escaping @Sendable (NewsEvent) -> Void) throws(SystemError) {
        bus.links.withLock { $0[node] = NewsBus.Link(receive: receive, followed: [.nodes]) }
        bus.thread.post(.to(node, .connected))
        bus.thread.post(.to(node, .following(.nodes)))
    }

    func publish(_ message: NewsMessage) {
        guard bus.links.withLock({ $0[node]?.isCut == false }) else { return }
        bus.thread.post(.spoken(NewsCoding.encode(message, from: node), message.subject))
    }

    func follow(_ subject: NewsSubject) {
        bus.links.withLock { _ = $0[node]?.followed.insert(subject) }
        bus.thread.post(.to(node, .following(subject)))
    }

    func unfollow(_ subject: NewsSubject) {
        bus.links.withLock { _ = $0[node]?.followed.remove(subject) }
    }

    func stop() { publish(.goodbye) }

    var figures: [String: Int] { [:] }
}
