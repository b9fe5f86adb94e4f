// Which scopes' commits this process tells its sockets, where others write to the store, too, and
// how far it has told them. A scope's changes are told in the order of its log, from whichever
// thread they come, each once: what does not follow what was told last is left to who reads the
// store. So nobody is told of a change behind one that took the right to see it away. Any thread.
//
//   follow ──► unknown ──a reader or the first commit says where the log is──► at a position
//   offer:  follows the position ──► told, under the lock, and the position moves
//           is not above it      ──► known
//           begins above it      ──► behind, until the gap was read from the store

import MizuSync
import Synchronization

final class FollowedScopes: Sendable {
    /// What becomes of changes that are offered.
    enum Verdict: Equatable {
        /// They were told.
        case told
        /// They had been.
        case known
        /// Something before them is missing.
        case behind
        /// No socket here wants them.
        case nobody
    }

    private struct Entry {
        /// Up to where the sockets were told; nil: no reader has looked yet.
        var told: Position?
        /// When it was asked for last, in `now`'s time.
        var askedAt: UInt64
    }

    private struct State {
        var entries: [Name: Entry] = [:]
        /// What this round of polls looks at, in order.
        var order: [Name] = []
        var next = 0
        var now: UInt64 = 0
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.entries.count } }

    /// Begins to follow, or goes on.
    /// - Parameter position: up to where sockets know the scope, if nobody was told anything yet;
    ///   nil: there are none.
    /// - Returns: whether it is new.
    func follow(_ scope: Name, from position: Position? = nil) -> Bool {
        state.withLock { state in
            state.now += 1
            if let entry = state.entries[scope] {
                state.entries[scope]?.askedAt = state.now
                // What was committed behind it, and that no reader has found yet, is to be told.
                if entry.told == nil { state.entries[scope]?.told = position }
                return false
            }
            state.entries[scope] = Entry(told: position, askedAt: state.now)
            return true
        }
    }

    /// A reader has found the end of the log: where nobody was told anything, it begins there.
    /// - Returns: whether something is to be told.
    @discardableResult
    func learned(_ scope: Name, at head: Position) -> Bool {
        state.withLock { state in
            guard let entry = state.entries[scope] else { return false }
            guard let told = entry.told else {
                state.entries[scope]?.told = head
                return false
            }
            return told.cursor < head.cursor
        }
    }

    /// Up to where sockets were told; nil: the scope is not followed, or nobody was told yet.
    func told(_ scope: Name) -> Position? { state.withLock { $0.entries[scope]?.told } }

    /// Tells the changes if it is their turn.
    /// - Parameter tell: is called under the lock, so that nobody tells what follows before it: it
    ///   posts mail and does nothing else.
    func offer(_ changes: CommittedChanges, _ tell: () -> Void) -> Verdict {
        state.withLock { state in
            guard let entry = state.entries[changes.scope] else { return .nobody }
            if let told = entry.told {
                if changes.head.cursor <= told.cursor { return .known }
                let isNext =
                    changes.base.cursor == told.cursor
                    && (told.cursor == 0 || changes.base.epoch == told.epoch)
                guard isNext else { return .behind }
            }
            tell()
            state.entries[changes.scope]?.told = changes.head
            return .told
        }
    }

    /// Tells that the scope is at `head`, whatever is between.
    func jump(_ scope: Name, to head: Position, _ tell: () -> Void) {
        state.withLock { state in
            guard state.entries[scope] != nil else { return }
            tell()
            state.entries[scope]?.told = head
        }
    }

    /// Nothing that was told holds any more.
    func forgetPositions() {
        state.withLock { state in
            for scope in state.entries.keys { state.entries[scope]?.told = nil }
        }
    }

    /// How many changes lie between what sockets were told and `head`; 0 where nobody was told
    /// anything.
    func missing(_ scope: Name, at head: Position) -> Int {
        state.withLock { state in
            guard let told = state.entries[scope]?.told else { return 0 }
            return max(0, head.cursor - told.cursor)
        }
    }

    /// Whether `next` begins anew.
    var isRoundOver: Bool { state.withLock { $0.next >= $0.order.count } }

    /// The next scopes to look at, in turn.
    func next(_ countMax: Int) -> [Name] {
        state.withLock { state in
            if state.next >= state.order.count {
                // Once around: those that have gone meanwhile, and those that came, are seen to.
                state.order = Array(state.entries.keys)
                state.next = 0
            }
            let end = min(state.order.count, state.next + countMax)
            let found = state.order[state.next..<end].filter { state.entries[$0] != nil }
            state.next = end
            return found
        }
    }

    /// All of them, with the moment of the question.
    func all() -> (scopes: [Name], moment: UInt64) {
        state.withLock { (Array($0.entries.keys), $0.now) }
    }

    /// Lets those go that nobody has asked for since the moment.
    /// - Returns: which they were.
    func unfollow(_ scopes: [Name], unlessAskedSince moment: UInt64) -> [Name] {
        state.withLock { state in
            scopes.filter { scope in
                guard let entry = state.entries[scope], entry.askedAt <= moment else {
                    return false
                }
                state.entries[scope] = nil
                return true
            }
        }
    }
}
