// What a worker counts, and where: the layout of its words (`CounterWords`, with the proof that the
// worker pays no lock and no atomic read-modify-write). The worker's thread writes; a scrape reads
// and sums over all workers. A plain request costs: its route's word, two of bytes, and one count
// of what is not measured yet (`RequestClock`). The tick in which that is a share measures it all
// at once: the share is one for the first 32 requests of a worker in each second, and 64 for those
// behind, because another look at the clock in each tick would cost more than all counting. So a
// busy worker measures one request of 64, and those before it count as it does.
//
// Routes have sixteen words each, by the first digit of the status, in the order of the router; in
// front of them stand those of what no route answered.

import MizuEventLoop
import MizuHTTP
import MizuMetrics
import MizuRouting
import MizuTransport

/// The words of one worker. Any thread reads.
package final class WorkerCounters: Sendable {
    /// What is counted in one word each.
    package enum Word: Int, CaseIterable, Sendable {
        case bytesReceived, bytesSent
        case connections, refusedFull, refusedAddress
        case handshakes12, handshakes12Resumed, handshakes13, handshakes13Resumed
        case handshakesFailed
        case messagesReceived, messagesSent
        case fanOutsDropped
        // Gauges.
        case topics, subscriptions
    }

    /// A phase of connections that is counted.
    package enum Phase: Int, CaseIterable, Sendable {
        case http, webSocket, lingering, closed, proxyHeader, handshaking, accepted
    }

    static var phases: Int { Word.allCases.count }
    static var ends: Int { phases + 2 * Phase.allCases.count }
    static var requestSeconds: Int { ends + CloseReason.allCases.count }
    static var lagSeconds: Int { requestSeconds + Self.seconds.wordCount }
    static var fanOutSizes: Int { lagSeconds + Self.seconds.wordCount }
    static var fanOutSeconds: Int { fanOutSizes + HistogramBounds.counts.wordCount }
    static var routes: Int { fanOutSeconds + Self.seconds.wordCount }
    /// As many as a status can have first digits, as a power of two.
    static let wordsOfRoute = 16

    package static var seconds: HistogramBounds { .seconds }

    package let words: CounterWords
    let routeCount: Int

    init(routeCount: Int) {
        self.routeCount = routeCount
        words = CounterWords(count: Self.routes + (routeCount + 1) * Self.wordsOfRoute)
    }
}

// MARK: The worker's side

/// The worker's way to its words. Its places are computed once.
struct WorkerCounter {
    private let writer: CounterWriter
    /// Those of what no route answered; those of the routes stand behind.
    private let routes: CounterWriter
    private let routeCount: Int
    private let requestSeconds: Int
    private let lagSeconds: Int
    private let seconds = HistogramBounds.seconds

    init(_ counters: WorkerCounters) {
        writer = counters.words.writer
        routes = writer.from(WorkerCounters.routes)
        routeCount = counters.routeCount
        requestSeconds = WorkerCounters.requestSeconds
        lagSeconds = WorkerCounters.lagSeconds
    }

    @inline(__always)
    func add(_ count: Int, to word: WorkerCounters.Word) { writer.add(count, to: word.rawValue) }

    @inline(__always)
    func set(_ value: Int, at word: WorkerCounters.Word) { writer.set(value, at: word.rawValue) }

    /// An answer of a route; -1: of none.
    @inline(__always)
    func answered(_ route: Int32, _ status: HTTPStatus) {
        // The router has counted the routes, and nobody else writes to `Request.route`. A status
        // has three digits: its hundredth is exact so, by fewer instructions than a division.
        assert(route >= -1 && Int(route) < routeCount, "a route of another router")
        let digit = (UInt32(status.code) &* 41) &>> 12
        routes.add(1, to: (Int(route) &+ 1) &* WorkerCounters.wordsOfRoute &+ Int(digit))
    }

    /// - Parameter nanoseconds: from the request to its answer.
    @inline(never)
    func took(_ nanoseconds: UInt64, times: Int) {
        writer.record(nanoseconds, times: times, in: seconds, at: requestSeconds)
    }

    @inline(never)
    func lagged(_ nanoseconds: UInt64) {
        writer.record(nanoseconds, in: seconds, at: lagSeconds)
    }

    @inline(never)
    func fannedOut(to subscribers: Int, nanoseconds: UInt64) {
        writer.record(
            UInt64(clamping: subscribers), in: .counts, at: WorkerCounters.fanOutSizes)
        writer.record(nanoseconds, in: seconds, at: WorkerCounters.fanOutSeconds)
    }

    /// A connection goes from one phase to another. It is counted from its first step to its end.
    func stepped(from: Connection.Phase, to next: Connection.Phase, isSecure: Bool) {
        let offset = isSecure ? 1 : 0
        if from != .accepted {
            writer.add(-1, to: WorkerCounters.phases + 2 * Int(from.rawValue) + offset)
        }
        if next != .closed {
            writer.add(1, to: WorkerCounters.phases + 2 * Int(next.rawValue) + offset)
        }
    }

    func ended(_ reason: CloseReason) {
        writer.add(1, to: WorkerCounters.ends + Int(reason.rawValue))
    }

    func shookHands(isResumed: Bool, isVersion13: Bool) {
        let word: WorkerCounters.Word =
            isVersion13
            ? isResumed ? .handshakes13Resumed : .handshakes13
            : isResumed ? .handshakes12Resumed : .handshakes12
        add(1, to: word)
    }
}

/// How many requests are measured together. One worker's.
struct RequestClock {
    static let singlesMax = 32
    static let busyShare = 64

    /// Answers until the end of a tick measures; each takes one away.
    var left = 1
    private var share = 1
    private var measuredCount = 0

    /// Answers whose time is not recorded yet.
    var unmeasured: Int { share &- left }

    /// A second begins.
    mutating func begin() {
        let unmeasured = unmeasured
        self = RequestClock()
        left &-= unmeasured
    }

    /// All of them are.
    mutating func measured() {
        measuredCount &+= unmeasured
        share = measuredCount < Self.singlesMax ? 1 : Self.busyShare
        left = share
    }
}

extension Worker {
    /// An answer is written, of `state.pointee.route`.
    @inline(__always)
    func countAnswer(_ status: HTTPStatus) {
        state.pointee.requestClock.left &-= 1
        counter.answered(state.pointee.route, status)
        state.pointee.route = -1
    }

    /// The tick is over, and it is time to measure: all that it has answered, and those since the
    /// last measurement, took as long as the tick.
    @inline(never)
    func recordAnswered() {
        counter.took(
            clock.monotonic.nanoseconds &- now.nanoseconds,
            times: state.pointee.requestClock.unmeasured)
        state.pointee.requestClock.measured()
    }

    /// An exchange that was owed since `moment` has its answer: it is not one of this tick's.
    /// - Parameter before: `requestClock.left` from before the answer.
    func recordOwed(since moment: Instant?, leftBefore before: Int) {
        let left = state.pointee.requestClock.left
        guard let moment, left < before else { return }
        state.pointee.requestClock.left = before
        counter.took(now.nanoseconds &- moment.nanoseconds, times: before &- left)
    }

    /// A fan-out has reached all its subscribers on this worker.
    /// - Parameter moment: when it was published here.
    package func countFanOut(to subscribers: Int, since moment: Instant) {
        counter.fannedOut(to: subscribers, nanoseconds: now.nanoseconds &- moment.nanoseconds)
    }

    /// Messages were left out because too many wait.
    package func countFanOutsDropped(_ count: Int) { counter.add(count, to: .fanOutsDropped) }

    /// What is subscribed to on this worker now.
    package func countTopics(_ topics: Int, subscriptions: Int) {
        counter.set(topics, at: .topics)
        counter.set(subscriptions, at: .subscriptions)
    }
}
