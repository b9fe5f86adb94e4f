// Sessions that were looked up, so that the usual request of somebody who is signed in asks no
// disk. Bounded, shared by all workers: sixteen shards with a lock each, held for some tens of
// nanoseconds. An ending is told at once and counts from then on, on every worker.
//
//   unknown ──look-up──► known ──ended, past its limits──► gone
//      └──look-up: there is no such session──► refused
//
// A look-up on a disk that began before an ending must not bring the session back: it takes a
// ticket, and what it found is kept only if its shard has heard of no ending meanwhile. That a
// token is refused holds for ever, because tokens are random: nobody will be given that one.
//
// The key is the token itself, not its hash: hashing each request's cookie would cost more than the
// look-up, and who can read this process's memory needs no token. Any thread.

import Synchronization

/// A session as it is known in memory.
public final class KnownSession: Sendable {
    /// The account's id.
    public let user: String
    /// The session's public name.
    public let credential: String
    let createdMilliseconds: Int64
    /// As it was written last.
    private let seen: Atomic<Int64>

    public init(
        user: String, credential: String, createdMilliseconds: Int64, seenMilliseconds: Int64
    ) {
        self.user = user
        self.credential = credential
        self.createdMilliseconds = createdMilliseconds
        seen = Atomic(seenMilliseconds)
    }

    /// When it ends if nobody uses it again, in milliseconds since 1970.
    public func endMilliseconds(_ rules: SessionRules) -> Int64 {
        rules.end(
            createdAt: createdMilliseconds, seenAt: seen.load(ordering: .relaxed))
    }

    /// When it ends however much it is used, in milliseconds since 1970.
    public func lastMilliseconds(_ rules: SessionRules) -> Int64 {
        rules.end(createdAt: createdMilliseconds, seenAt: .max)
    }

    /// Whether "last seen" is to be written now. True for one caller only, who then writes it.
    public func takeTouch(_ rules: SessionRules, now: Int64) -> Bool {
        let before = seen.load(ordering: .relaxed)
        guard rules.isTouchDue(seenAt: before, now: now) else { return false }
        return seen.compareExchange(expected: before, desired: now, ordering: .relaxed).exchanged
    }
}

/// What is known of tokens.
public final class SessionCache: Sendable {
    private let shards: [Shard]

    private static let shardCount = 16

    /// What the cache says of a token.
    public enum Finding: Sendable {
        case known(KnownSession)
        /// There is no such session.
        case refused
        /// Look it up, and hand the ticket back with what was found.
        case unknown(Ticket)
    }

    /// Says how many endings the shard had heard of when a look-up began.
    public struct Ticket: Sendable {
        fileprivate let shard: Int
        fileprivate let endings: UInt64
    }

    private struct State {
        // Two generations: when the young one is full it becomes the old one, and what is used
        // again comes back. So what nobody asks for is forgotten, without a list of who was last.
        var young: [SessionToken: KnownSession] = [:]
        var old: [SessionToken: KnownSession] = [:]
        var refusedYoung: Set<SessionToken> = []
        var refusedOld: Set<SessionToken> = []
        var endings: UInt64 = 0
    }

    private final class Shard: Sendable {
        let state = Mutex(State())
    }

    private let generationMax: Int
    private let refusedMax: Int

    /// - Parameters:
    ///   - countMax: sessions that are kept at a time, some 250 bytes each.
    ///   - refusedMax: tokens of no session that are kept.
    public init(countMax: Int = 65_536, refusedMax: Int = 8_192) {
        shards = (0..<Self.shardCount).map { _ in Shard() }
        generationMax = max(1, countMax / Self.shardCount / 2)
        self.refusedMax = max(1, refusedMax / Self.shardCount / 2)
    }

    private static func shard(of token: SessionToken) -> Int {
        Int(truncatingIfNeeded: token.lowBits % UInt64(shardCount))
    }

    /// What is known of `token`. O(1).
    public func find(_ token: SessionToken) -> Finding {
        let index = Self.shard(of: token)
        let generationMax = generationMax
        return shards[index].state.withLock { state in
            if let session = state.young[token] { return .known(session) }
            if let session = state.old.removeValue(forKey: token) {
                Self.insert(session, for: token, in: &state, generationMax)
                return .known(session)
            }
            if state.refusedYoung.contains(token) || state.refusedOld.contains(token) {
                return .refused
            }
            return .unknown(Ticket(shard: index, endings: state.endings))
        }
    }

    /// Keeps what a look-up found; nil: no such session.
    /// - Returns: whether it holds. If not, a session has ended meanwhile, perhaps this one: look
    ///   it up again.
    public func keep(
        _ session: KnownSession?, for token: SessionToken, _ ticket: Ticket
    ) -> Bool {
        let (generationMax, refusedMax) = (generationMax, refusedMax)
        return shards[ticket.shard].state.withLock { state in
            guard let session else {
                if state.refusedYoung.count >= refusedMax {
                    state.refusedOld = state.refusedYoung
                    state.refusedYoung = []
                }
                state.refusedYoung.insert(token)
                return true
            }
            guard state.endings == ticket.endings else { return false }
            Self.insert(session, for: token, in: &state, generationMax)
            return true
        }
    }

    private static func insert(
        _ session: KnownSession, for token: SessionToken, in state: inout State, _ countMax: Int
    ) {
        if state.young.count >= countMax {
            state.old = state.young
            state.young = [:]
        }
        state.young[token] = session
    }

    /// Those that are kept and for which `isWanted`; they count as used. O(sessions kept).
    public func use(where isWanted: (KnownSession) -> Bool) -> [(SessionToken, KnownSession)] {
        var wanted: [(SessionToken, KnownSession)] = []
        for shard in shards {
            shard.state.withLock { state in
                for (token, session) in state.young where isWanted(session) {
                    wanted.append((token, session))
                }
                for (token, session) in state.old where isWanted(session) {
                    wanted.append((token, session))
                    state.old[token] = nil
                    // They are some of those that were kept so far, so there is a bound.
                    state.young[token] = session
                }
            }
        }
        return wanted
    }

    /// Forgets the sessions for which `isEnded`, and every look-up that is under way. Call it when
    /// their end is durable and before that is told to anybody. O(sessions kept).
    /// - Returns: those that were known.
    @discardableResult
    public func end(where isEnded: (KnownSession) -> Bool) -> [KnownSession] {
        var ended: [KnownSession] = []
        for shard in shards {
            shard.state.withLock { state in
                state.endings &+= 1
                let young = state.young.filter { isEnded($0.value) }
                for (token, session) in young {
                    state.young[token] = nil
                    ended.append(session)
                }
                let old = state.old.filter { isEnded($0.value) }
                for (token, session) in old {
                    state.old[token] = nil
                    ended.append(session)
                }
            }
        }
        return ended
    }

    /// Forgets everything: a backup was put back under the server.
    public func clear() {
        end { _ in true }
        for shard in shards {
            shard.state.withLock { state in
                state.refusedYoung = []
                state.refusedOld = []
            }
        }
    }

    /// Sessions that are kept. O(shards); for tests and people.
    public var count: Int {
        shards.reduce(0) { $0 + $1.state.withLock { $0.young.count + $0.old.count } }
    }
}
