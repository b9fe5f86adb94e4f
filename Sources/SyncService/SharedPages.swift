// Pages that the store was asked for, shared by all who ask for the same: a page that is being made
// serves everybody who waits for it, and stays for whoever comes later, for as long as it is what
// the store would say. Any thread; who may see a page was asked before.
//
// A page of records holds at one position: once the scope has gone on, another is made in its
// place. A page of changes that others follow holds for ever, because logs only grow: until its log
// is trimmed or a backup put back, when it is forgotten. No time plays a part.
//
//   join ──► found                      there is one
//        ──► lead ──(the store)──► end  makes it, and answers all who wait
//        ──► wait ──────────────────┘   somebody makes it, and began when the log stood where it
//                                       stands now: so it shows no less than a read of one's own

import MizuBytes
import MizuSync
import Synchronization

/// What a page is asked for by.
enum PageRequest: Hashable, Sendable {
    case changes(PullRequest)
    case records(SnapshotRequest)

    var scope: Name {
        switch self {
        case .changes(let request): request.scope
        case .records(let request): request.scope
        }
    }
}

/// For how long a page is what the store would say.
enum PageHold: Hashable, Sendable {
    /// It is not kept.
    case never
    /// While the scope stands there.
    case at(Position)
    case always
}

final class SharedPages: Sendable {
    typealias Answer = Result<[ByteSlice], Refusal>
    typealias Waiter = @Sendable (Answer) -> Void

    /// A page that is being made.
    struct Flight: Hashable, Sendable {
        let request: PageRequest
        let sight: LogTail.Sight
        /// What was forgotten meanwhile is not kept when it is done.
        fileprivate let generation: Int
    }

    enum Part {
        case found([ByteSlice])
        case lead(Flight)
        case wait
    }

    private struct Page {
        let body: [ByteSlice]
        let hold: PageHold
        let byteCount: Int
        /// It was asked for since it was made, or since it was last spared.
        var isUsed = false
    }

    private struct State {
        var pages: [PageRequest: Page] = [:]
        /// Every page once, the one to go next first.
        var order = Fifo<PageRequest>()
        var byteCount = 0
        var flights: [Flight: [Waiter]] = [:]
        var generation = 0
        var flightCount = 0
    }

    private let state = Mutex(State())
    private let byteCountMax: Int
    /// What a page costs beside its bytes, about.
    private static let pageBytes = 512

    init(byteCountMax: Int) { self.byteCountMax = byteCountMax }

    /// Of what is kept.
    var byteCount: Int { state.withLock { $0.byteCount } }

    /// Pages that were read from the store so far.
    var flightCount: Int { state.withLock { $0.flightCount } }

    /// The page, if there is one that holds.
    /// - Parameter head: where the scope's log ends; nil: not known.
    func find(_ request: PageRequest, at head: Position?) -> [ByteSlice]? {
        state.withLock { Self.find(request, at: head, in: &$0) }
    }

    /// Takes part in making a page, on the thread that would read it.
    /// - Parameter waiter: is called by whoever makes the page, unless this is the one who does or
    ///   there is one.
    func join(_ request: PageRequest, _ sight: LogTail.Sight, _ waiter: @escaping Waiter) -> Part {
        state.withLock { state in
            if let body = Self.find(request, at: sight.head, in: &state) { return .found(body) }
            let flight = Flight(request: request, sight: sight, generation: state.generation)
            if state.flights[flight] != nil {
                state.flights[flight]?.append(waiter)
                return .wait
            }
            state.flights[flight] = []
            state.flightCount += 1
            return .lead(flight)
        }
    }

    /// The page is made, or is not to be had.
    /// - Returns: who waits for it.
    func end(_ flight: Flight, _ answer: Answer, hold: PageHold) -> [Waiter] {
        state.withLock { state in
            if case .success(let body) = answer, hold != .never,
                flight.generation == state.generation
            {
                keep(flight.request, body, hold, in: &state)
            }
            return state.flights.removeValue(forKey: flight) ?? []
        }
    }

    /// Forgets every page: the logs are others than they were.
    func forgetAll() {
        state.withLock { state in
            state.generation += 1
            state.pages = [:]
            state.order = Fifo()
            state.byteCount = 0
        }
    }

    /// Forgets pages of changes in scopes whose logs were trimmed.
    func forgetChanges(of scopes: Set<Name>) {
        state.withLock { state in
            state.generation += 1
            for (request, page) in state.pages {
                guard case .changes(let pull) = request, scopes.contains(pull.scope) else {
                    continue
                }
                state.pages[request] = nil
                state.byteCount -= page.byteCount
            }
            var order = Fifo<PageRequest>()
            while let next = state.order.popFirst() {
                if state.pages[next] != nil { order.append(next) }
            }
            state.order = order
        }
    }

    private static func find(
        _ request: PageRequest, at head: Position?, in state: inout State
    ) -> [ByteSlice]? {
        guard let page = state.pages[request] else { return nil }
        switch page.hold {
        case .always: break
        case .at(let position): guard position == head else { return nil }
        case .never: return nil
        }
        if !page.isUsed { state.pages[request]?.isUsed = true }
        return page.body
    }

    private func keep(
        _ request: PageRequest, _ body: [ByteSlice], _ hold: PageHold, in state: inout State
    ) {
        let size = body.reduce(Self.pageBytes) { $0 + $1.count }
        guard size <= byteCountMax else { return }
        let page = Page(body: body, hold: hold, byteCount: size)
        if let older = state.pages.updateValue(page, forKey: request) {
            state.byteCount -= older.byteCount
        } else {
            state.order.append(request)
        }
        state.byteCount += size
        // Second chance: what was asked for meanwhile goes to the end of the line once.
        while state.byteCount > byteCountMax, let next = state.order.popFirst() {
            guard let candidate = state.pages[next] else { continue }
            if candidate.isUsed {
                state.pages[next]?.isUsed = false
                state.order.append(next)
            } else {
                state.pages[next] = nil
                state.byteCount -= candidate.byteCount
            }
        }
    }
}
