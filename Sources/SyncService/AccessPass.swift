// What a decision about permission stood on: which scopes it looked at, and where these stood then.
// So it can be asked later, without the store, whether it would still be the same. Values.

import MizuSync

/// A permission that was given, with what it stood on.
public struct AccessPass: Sendable {
    let question: AccessQuestion
    /// Empty where nothing was looked at: then there is nothing to ask again.
    let seen: [Seen]
    /// `AccessControl`'s when the decision was made.
    let era: UInt32
    /// Up to there in the question's scope it is known to hold, where other processes write to the
    /// store: all that it stood on was looked at when the scope was there, or later.
    var asOf = 0

    /// Whether it was given to somebody, and not to whoever asks.
    public var isPersonal: Bool { question.user != nil }

    /// One thing that was looked at.
    enum Seen: Hashable, Sendable {
        /// Records of a scope that stood there.
        case records(of: Name, at: Position)
        /// That nobody had ever written to the scope, which is why it was open.
        case unwritten(Name)
        /// The user's own grant in a scope.
        case grant(in: Name, GrantMark)
        /// The same in a store that others write to: there it holds while all that was written to
        /// the scope since is known here.
        case sharedGrant(in: Name, GrantMark, at: Position)

        var scope: Name {
            switch self {
            case .records(let scope, _), .unwritten(let scope), .grant(let scope, _),
                .sharedGrant(let scope, _, _):
                scope
            }
        }

        /// Where the scope stood; nil where that does not matter.
        var position: Position? {
            switch self {
            case .records(_, let position), .sharedGrant(_, _, let position): position
            case .unwritten: .start
            case .grant: nil
            }
        }
    }
}

/// When somebody's grant was looked at.
struct GrantMark: Hashable, Sendable {
    /// Which of `GrantClock`'s hands.
    let hand: UInt32
    let time: UInt64
}

/// How much is allowed: what a decision says, and what a question needs.
enum AccessLevel: UInt8, Comparable, Sendable {
    case nothing, read, write

    /// What an action needs where roles decide.
    init(for action: SyncAction) {
        self = action == .push ? .write : .read
    }

    /// What a right is worth here.
    init(_ right: Right?) {
        self =
            switch right {
            case nil: .nothing
            case .read: .read
            case .write, .manage: .write
            }
    }

    static func < (left: AccessLevel, right: AccessLevel) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// Who wants what.
struct AccessQuestion: Sendable {
    let user: Name?
    let scope: Name
    let action: SyncAction
}

/// What became of a question.
enum Ruling: Sendable {
    case allowed(AccessPass)
    case denied
    /// No answer, which is no permission.
    case failed(AccessFailure)

    var isAllowed: Bool { if case .allowed = self { true } else { false } }

    /// The same, which was found when the question's scope was there, or later.
    func known(to cursor: Int) -> Ruling {
        guard case .allowed(var pass) = self else { return self }
        pass.asOf = cursor
        return .allowed(pass)
    }
}

enum AccessFailure: Sendable {
    /// The app's closure threw.
    case thrown(any Error)
    /// The store was not asked, or gave no answer.
    case refused(Refusal)
}

extension Ruling {
    /// The pass.
    /// - Throws: the refusal with which a request is answered, or what the app's closure threw.
    func pass(to scope: Name) throws -> AccessPass {
        switch self {
        case .allowed(let pass): return pass
        case .denied: throw Refusal.scopeDenied(scope)
        case .failed(.thrown(let error)): throw error
        case .failed(.refused(let refusal)): throw refusal
        }
    }

    /// Why not, as a socket is told it; nil if it is allowed.
    func refusal(for scope: Name) -> Refusal? {
        switch self {
        case .allowed: nil
        case .denied: .scopeDenied(scope)
        case .failed(.thrown): .internalError
        case .failed(.refused(let refusal)): refusal
        }
    }
}

extension Refusal {
    package static let internalError = Refusal(
        status: 500, code: "internal_error", message: "the server made a mistake; try again")
}

/// When grants were last changed, in hands that many grants share: so it stays small, and a hand
/// that moved for another grant only makes somebody look again.
struct GrantClock {
    private var hands: [UInt64]
    private(set) var now: UInt64 = 0

    /// - Parameter handCount: a power of two.
    init(handCount: Int = 4_096) { hands = Array(repeating: 0, count: handCount) }

    /// The hand of a user's grant in a scope. The same on all threads of the process; nobody
    /// outside can choose names that share one.
    static func hand(of user: Name, in scope: Name, handCount: Int = 4_096) -> UInt32 {
        var hasher = Hasher()
        hasher.combine(user)
        hasher.combine(scope)
        return UInt32(truncatingIfNeeded: UInt(bitPattern: hasher.finalize()) % UInt(handCount))
    }

    /// The grant was changed.
    mutating func move(_ hand: UInt32) {
        now += 1
        hands[Int(hand) % hands.count] = now
    }

    /// Whether the grant is what it was.
    func holds(_ mark: GrantMark) -> Bool {
        hands[Int(mark.hand) % hands.count] <= mark.time
    }
}
