// Where logs end now, for who is about to answer from memory in a store that others write to, too:
// the store is asked after the request has come, and what it says goes into the tail, which then
// shows no less than anybody was shown by any process. All who ask while a question is under way
// share the next one, so there is one at a time, however many wait. One thread with a reader.
//
//   ask ─► mailbox ─drain─► SyncReader.scopeStates ─► LogTail.learn ─► each is answered
//
// It decides nothing, and reads nothing but the ends. While the store cannot be read it asks by
// itself once a second whether that has passed, so that `/readyz` says so again.

import Logging
import MizuEventLoop
import MizuSync
import Synchronization

final class ReadIndex: Sendable {
    /// Called on the index's thread, or at once if too many wait: where the scopes that were asked
    /// for end, in their order; nil where the store cannot say. The next ones wait while it runs.
    typealias Waiter = @Sendable ([ScopeHead]?) -> Void

    private struct Question: Sendable {
        let scopes: [Name]
        let waiter: Waiter
    }

    /// Who may still ask. A question is posted under the lock, so none comes behind the last mail
    /// that the thread takes.
    private struct Door {
        var waiting = 0
        var isShut = false
    }

    /// Questions that wait; beyond it they are refused.
    static let waitingMax = 50_000
    static let stopMilliseconds: UInt64 = 5_000

    private let thread: MailThread<Question>
    private let tail: LogTail
    private let followed: FollowedScopes
    private let logger: Logger
    private let door = Mutex(Door())
    /// Questions to the store so far, and of requests.
    private let queries = Atomic<Int>(0)
    private let questions = Atomic<Int>(0)
    private let failing = Atomic<Bool>(false)

    /// How long a store that could not be read is left alone.
    private static let lookMilliseconds = 1_000

    /// - Parameter followed: what is told of scopes begins where one was found first.
    init(tail: LogTail, followed: FollowedScopes, logger: Logger) throws(SystemError) {
        thread = try MailThread("mizu-index")
        self.tail = tail
        self.followed = followed
        self.logger = logger
    }

    /// How many times the store was asked, and by how many requests. Any thread.
    var figures: (queries: Int, questions: Int) {
        (queries.load(ordering: .relaxed), questions.load(ordering: .relaxed))
    }

    /// Whether the store could not be read when it was asked last. Any thread.
    var isFailing: Bool { failing.load(ordering: .relaxed) }

    func start(_ reader: sending any SyncReader) throws(SystemError) {
        let owned: (any SyncReader)? = reader
        try thread.start(handover: owned) { owned, inbox in
            if let owned { self.run(owned, &inbox) }
        }
    }

    /// Asks where the scopes end. Any thread.
    func ask(_ scopes: [Name], _ waiter: @escaping Waiter) {
        let isTaken = door.withLock { door in
            guard door.waiting < Self.waitingMax, !door.isShut else { return false }
            door.waiting += 1
            thread.post(Question(scopes: scopes, waiter: waiter))
            return true
        }
        if !isTaken { waiter(nil) }
    }

    func stop() {
        door.withLock { $0.isShut = true }
        _ = thread.stop(withinMilliseconds: Self.stopMilliseconds)
    }

    private func run(_ reader: any SyncReader, _ inbox: inout MailInbox<Question>) {
        while true {
            let receipt = inbox.receive(
                withinMilliseconds: isFailing ? Self.lookMilliseconds : nil)
            if !inbox.mail.isEmpty {
                answer(inbox.mail, from: reader)
            } else if isFailing {
                do throws(StoreError) {
                    _ = try tail.learnHeads(of: [], from: reader)
                    noteSuccess()
                } catch {
                    note(error)
                }
            }
            guard receipt == .goOn else { return }
        }
    }

    private func noteSuccess() {
        guard isFailing else { return }
        failing.store(false, ordering: .relaxed)
        logger.notice("the store can be read again")
    }

    private func note(_ error: StoreError) {
        if !isFailing { logger.error("the store cannot be read: \(error.message)") }
        failing.store(true, ordering: .relaxed)
    }

    private func answer(_ asked: [Question], from reader: any SyncReader) {
        door.withLock { $0.waiting -= asked.count }
        questions.add(asked.count, ordering: .relaxed)
        queries.add(1, ordering: .relaxed)
        var places: [Name: Int] = [:]
        var scopes: [Name] = []
        for question in asked {
            for scope in question.scopes where places[scope] == nil {
                places[scope] = scopes.count
                scopes.append(scope)
            }
        }
        do throws(StoreError) {
            let heads = try tail.learnHeads(of: scopes, from: reader)
            noteSuccess()
            for (scope, head) in zip(scopes, heads) { followed.learned(scope, at: head.position) }
            for question in asked {
                question.waiter(question.scopes.compactMap { places[$0].map { heads[$0] } })
            }
        } catch {
            note(error)
            for question in asked { question.waiter(nil) }
        }
    }
}

extension LogTail {
    /// Asks the store where the scopes end, and learns it.
    /// - Returns: the ends, in the order of `scopes`.
    func learnHeads(
        of scopes: [Name], from reader: any SyncReader
    ) throws(StoreError) -> [ScopeHead] {
        let moment = moment()
        let states = try reader.scopeStates(of: scopes)
        guard states.count == scopes.count else {
            throw StoreError(.unavailable, "the store answered for other scopes")
        }
        var heads: [ScopeHead] = []
        heads.reserveCapacity(scopes.count)
        for (scope, state) in zip(scopes, states) {
            let head = ScopeHead(state.head, checksum: state.checksum)
            learn(head, of: scope, since: moment)
            heads.append(head)
        }
        return heads
    }
}
