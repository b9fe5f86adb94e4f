// Which pages are being made, and who waits for each: a page that a thousand ask for at once is
// made once. Whoever asks must not be shown less than was there to be seen when the question came,
// so a page that is being read already is theirs only if it turns out to be new enough.
// A value behind `PageStore`'s lock; what a waiter is does not matter here.
//
//   nobody ──join──► asked ──begin──► reading ──end──► nobody, or asked: with those for whom the
//                      ▲                │               page was too old; the first of them leads
//                      └────abandon─────┘               the leader has left: the next one leads

import MizuSync

struct PageMakes<Waiter> {
    /// Waiters of all pages together; beyond it whoever comes is refused.
    let waitersMax: Int
    private(set) var waiterCount = 0
    private var makes: [PageKey: Make] = [:]

    private struct Make {
        /// Came before anything was read: whatever is read is new enough. The first one leads.
        var early: [Waiter]
        /// Came while it was read, each with the position that the page must have reached; nil:
        /// nobody knows which.
        var late: [(waiter: Waiter, position: Position?)] = []
        var isReading = false
    }

    /// What somebody who asks for a page is to do.
    enum Part { case lead, wait, refused }

    init(waitersMax: Int) { self.waitersMax = waitersMax }

    /// - Parameter position: where the scope stood when the question came, if that is known.
    mutating func join(_ key: PageKey, _ waiter: Waiter, seen position: Position?) -> Part {
        guard waiterCount < waitersMax else { return .refused }
        waiterCount += 1
        guard let make = makes[key] else {
            makes[key] = Make(early: [waiter])
            return .lead
        }
        if make.isReading {
            makes[key]?.late.append((waiter, position))
        } else {
            makes[key]?.early.append(waiter)
        }
        return .wait
    }

    /// The store is about to be read for the page.
    mutating func begin(_ key: PageKey) {
        makes[key]?.isReading = true
    }

    /// The page was made of the scope as it was at `position`.
    /// - Returns: who gets it, the leader first, and who leads the next try for all others.
    mutating func end(_ key: PageKey, at position: Position) -> (served: [Waiter], next: Waiter?) {
        guard let make = makes.removeValue(forKey: key) else { return ([], nil) }
        var (served, left) = (make.early, [Waiter]())
        for (waiter, seen) in make.late {
            if let seen, seen.epoch == position.epoch, seen.cursor <= position.cursor {
                served.append(waiter)
            } else {
                left.append(waiter)
            }
        }
        waiterCount -= served.count
        if !left.isEmpty { makes[key] = Make(early: left) }
        return (served, left.first)
    }

    /// The leader has left before there was a page.
    /// - Returns: who leads now.
    mutating func abandon(_ key: PageKey) -> Waiter? {
        guard let make = makes.removeValue(forKey: key) else { return nil }
        waiterCount -= 1
        let left = make.early.dropFirst() + make.late.map(\.waiter)
        if !left.isEmpty { makes[key] = Make(early: Array(left)) }
        return left.first
    }

    /// There will be no page.
    /// - Returns: all who wait, the leader first.
    mutating func fail(_ key: PageKey) -> [Waiter] {
        guard let make = makes.removeValue(forKey: key) else { return [] }
        let all = make.early + make.late.map(\.waiter)
        waiterCount -= all.count
        return all
    }
}
