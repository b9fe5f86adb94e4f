// What other threads say to a worker: work to be done with what it owns, answers to requests, a
// drain. Answers take turns like everything else (`TickBudget`); the rest is done at once.

import CLinux
import MizuBytes
import MizuEventLoop
import MizuHTTP

extension Worker {
    /// Messages for which a mailbox keeps its room.
    private static let mailKeptMax = 1024

    /// Whether the thread that calls is the one that made this worker, to which it is confined.
    var isOnItsThread: Bool { thread == cl_thread_self() }

    /// Does what is asked of the worker itself (signs of life, news, a drain) at once, and answers
    /// what other threads have answered as long as the stretch lasts.
    @inline(never)
    func readMail() {
        assert(isOnItsThread, "worker \(index) is run by another thread")
        // What was read is let go at once: answers may be large, and the next mail far.
        defer { mail.removeAll(keepingCapacity: mail.capacity <= Self.mailKeptMax) }
        server.workers.mailbox(index).drain(into: &mail)
        budget.begin(at: clock.monotonic)
        answerWaiting()
        for message in mail {
            switch message {
            case .respond(let exchange, let response): answerSoon(exchange, response)
            case .respondMaking(let exchange, let make): answerSoon(exchange, make())
            case .perform(let body):
                state.pointee.servicesAwake = true
                body(self)
            // The tick comes to them; this has woken it.
            case .jobs: break
            case .drain(let deadline): beginDrain(until: deadline)
            }
            sendEarly()
        }
    }

    /// Answers, or lets the answer wait for a later stretch if this one is over.
    private func answerSoon(_ exchange: ExchangeID, _ response: Response) {
        guard state.pointee.answers.isEmpty, mayBegin() else {
            return state.pointee.answers.append((exchange, response))
        }
        answerInTime(exchange, response)
    }

    /// Goes on with answers that found no time before; at least with one.
    private func answerWaiting() {
        guard !state.pointee.answers.isEmpty else { return }
        var count = 0
        while count < state.pointee.answers.count, count == 0 || mayBegin() {
            let (exchange, response) = state.pointee.answers[count]
            count += 1
            answerInTime(exchange, response)
            sendEarly()
        }
        state.pointee.answers.removeFirst(count)
    }

    private func answerInTime(_ exchange: ExchangeID, _ response: Response) {
        budget.spend(TickBudget.Price.request + response.body.count)
        answer(exchange, with: response)
    }

    /// An answer that came through the mailbox.
    /// Dropped where the connection has gone or the exchange was answered.
    public func answer(_ exchange: ExchangeID, with response: Response) {
        guard let connection = connections[Token(bits: exchange.connection)],
            connection.exchangeSequence == exchange.sequence, let owed = endOwed(connection)
        else {
            if case .stream(let stream) = response.body { stream.cancel() }
            return
        }
        // Its body is the handler's no more: it need not be read again for that to be counted.
        if connection.flags.contains(.holds) { settleOutput(of: connection) }
        var context = owed.context
        if drainDeadline != nil { context.persistence = .close }
        guard case .complete = response.kind else {
            logger.error("a handler's late answer was not a complete response")
            return write(.status(.internalServerError), for: context, to: connection)
        }
        var packed = response
        if response.problem != nil { settle(&packed, for: owed.asked) }
        if compression == .gzip { pack(&packed, as: owed.coding, context) }
        let before = state.pointee.requestClock.left
        state.pointee.route = owed.asked.route
        write(packed, for: context, to: connection)
        recordOwed(since: owed.since, leftBefore: before)
        // Most clients ask again only now: they come with the next edge, and stand in no line.
        if connection.input != nil || connection.flags.contains(.mayRead) || drainDeadline != nil {
            goOnNextTick(connection)
        }
    }
}
