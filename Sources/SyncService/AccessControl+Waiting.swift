// Questions that only the store can answer. All who wait for the same one share its answer, if
// that was looked for after they had asked or still holds; the read takes its turn among the
// others (`ReadQueue`) in a lane of the user's own, so that whoever asks about a thousand scopes
// waits behind themselves. Any thread.
//
//   admit ──► asked ──a reader's turn──► looking ──► decided: early waiters are told, late ones
//               ▲                           │        too if it holds
//               └────late waiters───────────┘        else they are asked for again

import MizuEventLoop
import MizuHTTP
import MizuSync
import Synchronization

extension AccessControl {
    /// Is told what was decided: on a reader's thread, or at once if too much waits.
    typealias Waiter = @Sendable (Ruling) -> Void

    /// One question on its way.
    struct Flight {
        /// Asked before the store was looked at.
        var early: [Waiter] = []
        /// Asked while it was.
        var late: [Waiter] = []
        var isLooking = false
    }

    /// Decides with the store's help; `waiter` is called once in any case. Where others write to
    /// the store, the tail knows by then how far anybody has seen the question's scope.
    /// - Parameter asker: who asks; counted by user where there is one.
    func admit(
        _ question: AccessQuestion, for asker: ReadAsker, _ waiter: @escaping Waiter
    ) {
        guard let index else { return look(question, for: asker, waiter) }
        index.ask(scopes(behind: question)) { heads in
            guard let asOf = heads?.first?.position.cursor else {
                return waiter(.failed(.refused(.unreadable)))
            }
            if let known = self.known(question) { return waiter(known.known(to: asOf)) }
            self.look(question, for: asker) { waiter($0.known(to: asOf)) }
        }
    }

    /// The same where all that can be known without a look is known.
    private func look(
        _ question: AccessQuestion, for asker: ReadAsker, _ waiter: @escaping Waiter
    ) {
        let key = DecisionCache.Key(question)
        let part: Part = state.withLock { state in
            guard state.waiterCount < AccessLimits.waitersMax else { return .refused }
            state.waiterCount += 1
            guard var flight = state.flights.removeValue(forKey: key) else {
                state.flights[key] = Flight(early: [waiter])
                return .lead
            }
            if flight.isLooking { flight.late.append(waiter) } else { flight.early.append(waiter) }
            state.flights[key] = flight
            return .wait
        }
        switch part {
        case .lead: lead(question, key, asker)
        case .wait: break
        case .refused: waiter(.failed(.refused(.unavailable("too many requests wait; try again"))))
        }
    }

    private enum Part { case lead, wait, refused }

    private func lead(_ question: AccessQuestion, _ key: DecisionCache.Key, _ asker: ReadAsker) {
        readers.read(for: asker.forAdmission(of: question.user), of: question.scope) { turn in
            switch turn {
            case .failure(let refusal):
                let all = self.takeAll(key)
                for waiter in all { waiter(.failed(.refused(refusal))) }
            case .success(let turn):
                self.state.withLock { $0.flights[key]?.isLooking = true }
                let decided = self.decide(question, turn)
                let (told, left) = self.end(key, holds: { self.holds(decided) })
                for waiter in told { waiter(decided.ruling) }
                if left { self.lead(question, key, asker) }
            }
        }
    }

    private func holds(
        _ decided: (ruling: Ruling, seen: [AccessPass.Seen], era: UInt32)
    ) -> Bool {
        guard !decided.seen.isEmpty else { return false }
        return holds(
            AccessPass(
                question: AccessQuestion(user: nil, scope: .defaultScope, action: .pull),
                seen: decided.seen, era: decided.era))
    }

    private func takeAll(_ key: DecisionCache.Key) -> [Waiter] {
        state.withLock { state in
            guard let flight = state.flights.removeValue(forKey: key) else { return [] }
            let all = flight.early + flight.late
            state.waiterCount -= all.count
            return all
        }
    }

    /// - Returns: who is told, and whether others are left who have asked meanwhile.
    private func end(
        _ key: DecisionCache.Key, holds: () -> Bool
    ) -> (told: [Waiter], left: Bool) {
        // Asked without the lock, and only where it matters: for those who had asked by then.
        // Where others write to the store, memory does not say what was so when they asked.
        let lateCount = isShared ? 0 : state.withLock { $0.flights[key]?.late.count ?? 0 }
        let goodCount = lateCount > 0 && holds() ? lateCount : 0
        return state.withLock { state in
            guard let flight = state.flights.removeValue(forKey: key) else { return ([], false) }
            let told = flight.early + flight.late.prefix(goodCount)
            let left = Array(flight.late.dropFirst(goodCount))
            state.waiterCount -= told.count
            if !left.isEmpty { state.flights[key] = Flight(early: left) }
            return (told, !left.isEmpty)
        }
    }
}

extension ReadAsker {
    /// The same for the question whether `user` may: such reads are counted by user, so that
    /// nobody's questions keep those of others at the same address waiting. They are short, and
    /// several may wait for one, so nobody's leaving ends it.
    func forAdmission(of user: Name?) -> ReadAsker {
        ReadAsker(
            source: user.map { ReadSource(user: $0, like: source) } ?? source, kind: kind,
            watch: nil)
    }
}
