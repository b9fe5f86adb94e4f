// The latest primary that this process knows of, by what its connections found, what other hosts of
// the URL said and what other nodes have told. An old primary that comes back as it was takes
// writes like any other, and what it takes nobody can join with what the new one has: so only the
// latest is used. Kept in memory alone: a process that starts knows nothing yet, and that is how
// another cluster, or an older state of this one, is taken into use.
//
//   unknown ──first found──► known ──a higher timeline of the same system──► known
//                              └──a lower one, another system: refused

import CPostgres
import Logging
import MizuSync
import Synchronization

/// Any thread.
final class PrimaryHistory: Sendable {
    enum Verdict: Hashable {
        case latest
        /// Another primary has followed it.
        case older(than: PrimaryTerm)
        /// It is of another cluster.
        case stranger(beside: PrimaryTerm)
    }

    private struct State {
        var latest: PrimaryTerm?
        /// Another cluster of which somebody has told last.
        var stranger: Int?
        /// When the other hosts may be asked again, in milliseconds.
        var nextLook: Int64 = 0
        /// What the log was told last, and when it may be told so again.
        var said = ""
        var nextSaying: Int64 = 0
    }

    /// How often the other hosts are asked at most, and how long each of them is waited for.
    static let lookMilliseconds: Int64 = 10_000
    static let hostMilliseconds: Int64 = 1_000
    /// How often the log is told of one refusal.
    static let sayMilliseconds: Int64 = 60_000

    private let logger: Logger
    private let state = Mutex(State())
    /// The latest one's, 0 for none: read before each use of a connection.
    private let timeline = Atomic<Int>(0)

    init(logger: Logger) { self.logger = logger }

    var latest: PrimaryTerm? { state.withLock { $0.latest } }

    /// Whether a connection that was found good still is.
    func isLatest(_ term: PrimaryTerm) -> Bool {
        term.timeline >= timeline.load(ordering: .relaxed)
    }

    /// Judges a primary that has answered, and remembers it where it is the latest.
    func judge(_ found: PrimaryTerm) -> Verdict {
        state.withLock { state in
            guard let latest = state.latest else {
                learn(found, &state)
                return .latest
            }
            guard found.system == latest.system else { return .stranger(beside: latest) }
            guard found.timeline >= latest.timeline else { return .older(than: latest) }
            learn(found, &state)
            return .latest
        }
    }

    /// Takes in of which primary somebody else knows. Before anything is known of our own it says
    /// nothing: it may be another app's.
    func heard(_ term: PrimaryTerm) {
        let own: PrimaryTerm? = state.withLock { state in
            guard let latest = state.latest else { return nil }
            guard term.system == latest.system else {
                defer { state.stranger = term.system }
                return state.stranger == term.system ? nil : latest
            }
            if term.timeline > latest.timeline { learn(term, &state) }
            return nil
        }
        guard let own else { return }
        logger.warning(
            """
            somebody uses another PostgreSQL cluster (system identifier \(term.system), this node \
            \(own.system)): there are two truths, unless it is a node of another app, which needs \
            a NEWS_PREFIX of its own
            """)
    }

    private func learn(_ term: PrimaryTerm, _ state: inout State) {
        state.latest = term
        timeline.store(term.timeline, ordering: .relaxed)
    }

    /// Whether it is this caller's turn to ask the other hosts.
    func takeTurnToLook() -> Bool {
        let now = cpostgres_now()
        return state.withLock { state in
            guard now >= state.nextLook else { return false }
            state.nextLook = now + Self.lookMilliseconds
            return true
        }
    }

    /// Tells the log of a refusal, once a minute.
    func say(_ message: String) {
        let now = cpostgres_now()
        let isDue = state.withLock { state in
            guard message != state.said || now >= state.nextSaying else { return false }
            (state.said, state.nextSaying) = (message, now + Self.sayMilliseconds)
            return true
        }
        if isDue { logger.error("\(message)") }
    }
}
