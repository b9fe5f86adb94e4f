// A replica of the database, which answers reads in its place (DATABASE_READ_URL): where it is,
// when it is asked, and how often it was of use. It is trusted with nothing: each view says by
// itself whether it is a standby of the same database in the same epoch and has come far enough
// (ReplicaView), and whatever is not so is read from the primary. Any thread.

import CPostgres
import Logging
import MizuSync
import Synchronization

/// Which history a database tells.
struct PostgresLineage: Hashable, Sendable {
    let epoch: Name
    /// The cluster's identifier and the database's in it.
    let server: [UInt8]
}

/// A replica beside the database. Any thread.
public final class PostgresReplica: Sendable {
    /// Why a read went to the primary after all.
    public enum Miss: String, CaseIterable, Sendable {
        /// No connection, or it broke.
        case away
        /// No answer in time.
        case late
        /// It has not come so far yet.
        case behind
        /// It shows what the primary does not show yet.
        case ahead
        /// It is no standby: it was promoted, or is the primary.
        case promoted
        /// It is not of this database.
        case otherDatabase = "other_database"
        /// It tells another history: the primary has failed over, and it does not follow yet.
        case otherEpoch = "other_epoch"
        /// It, or a read, has ended in the middle.
        case broken
        /// It was not asked, because it did not answer shortly before.
        case resting

        /// Whether it rests after that; the others are matters of a moment.
        var isFailure: Bool {
            switch self {
            case .away, .late, .promoted, .otherDatabase, .otherEpoch: true
            case .behind, .ahead, .broken, .resting: false
            }
        }

        /// For the log.
        var words: String {
            switch self {
            case .away: "it cannot be reached"
            case .late: "it does not answer in time"
            case .promoted: "it is no standby"
            case .otherDatabase: "it is of another database than DATABASE_URL"
            case .otherEpoch: "it does not follow the primary's history"
            case .behind, .ahead, .broken, .resting: rawValue
            }
        }
    }

    /// Host, port and name; for the log.
    public let place: String
    let parameters: [ConnectionParameter]
    /// What its connections have done.
    let figures = PostgresFigures()
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var gate = ReplicaGate()
        var reads = 0
        var misses = [Int](repeating: 0, count: Miss.allCases.count)
        /// What the log was told last; nil: that it answers, or nothing yet.
        var told: Miss?
    }

    /// What connecting may take, and the question that begins a view.
    static let connectMilliseconds: Int64 = 1_000
    static let firstMilliseconds: Int64 = 500
    /// What each further question may take.
    static let nextMilliseconds: Int64 = 2_000

    init(url: String, logger: Logger) throws(StoreError) {
        parameters = ConnectionParameter.named(
            "reads",
            try ConnectionParameter.parse(
                url, of: "DATABASE_READ_URL", preferring: "standby"))
        place = ConnectionParameter.place(of: parameters)
        self.logger = logger
    }

    // MARK: Figures

    /// Views that were read from it to their end.
    public var readCount: Int { state.withLock { $0.reads } }

    /// Reads that went to the primary for this reason.
    public func missCount(_ miss: Miss) -> Int {
        guard let index = Miss.allCases.firstIndex(of: miss) else { return 0 }
        return state.withLock { $0.misses[index] }
    }

    // MARK: For its views

    /// Whether to ask it now.
    func admits() -> Bool {
        let now = cpostgres_now()
        return state.withLock { state in
            switch state.gate.enter(atMilliseconds: now) {
            case .open, .trial: return true
            case .resting:
                Self.count(.resting, in: &state)
                return false
            }
        }
    }

    /// It has answered what it was asked first.
    func answered() {
        let isNews = state.withLock { state in
            state.gate.worked()
            return state.told.take() != nil
        }
        guard isNews else { return }
        logger.notice("the replica answers reads again: \(place)")
    }

    func counted() { state.withLock { $0.reads += 1 } }

    func missed(_ miss: Miss, _ message: String = "") {
        let (now, chance) = (cpostgres_now(), Double.random(in: 0...1))
        let isNews = state.withLock { state in
            Self.count(miss, in: &state)
            guard miss.isFailure else {
                if miss == .behind { state.gate.isBehind(atMilliseconds: now) }
                return false
            }
            state.gate.failed(atMilliseconds: now, chance: chance)
            defer { state.told = miss }
            return state.told != miss
        }
        guard isNews else { return }
        let cause = miss.words + ": " + place + (message.isEmpty ? "" : " (\(message))")
        logger.warning("the replica is not used for now, and reads go to the primary: \(cause)")
    }

    private static func count(_ miss: Miss, in state: inout State) {
        if let index = Miss.allCases.firstIndex(of: miss) { state.misses[index] += 1 }
    }
}
