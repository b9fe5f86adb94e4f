// What a worker remembers of a request whose handler answers later: what the answer's head needs,
// who must be told when the peer leaves, and what an error's answer is made of. Kept beside the
// connections, by slot, because few of them owe an answer at a time; those have `.awaited`.

import MizuEventLoop
import MizuHTTP

/// One exchange that is awaited.
struct OwedExchange {
    /// Told when no answer can arrive any more.
    let watch: ExchangeWatch?
    /// What works on it on this worker, in a task; told the same.
    var work: WaitingExchange?
    var asked: AskedRequest
    let context: ResponseContext
    let coding: ContentCoding
    /// When the request was there.
    let since: Instant
}

/// What of a request an error's answer depends on.
struct AskedRequest {
    let method: HTTPMethod
    let route: Int32
    let prefersPage: Bool
    let prefersJSON: Bool
    /// What it is called; nil: nobody has named it yet.
    var name: String?
    /// The trace that it belongs to, as its caller says.
    var trace: String?

    init(_ request: borrowing Request) {
        method = request.method
        route = request.route
        prefersPage = request.prefersPage
        prefersJSON = request.prefersJSON
    }
}

extension Worker {
    /// The handler of `request` answers later; `exchangeSequence` names the exchange.
    func owe(
        _ connection: Connection, answerTo request: borrowing Request, in context: ResponseContext,
        watchedBy watch: ExchangeWatch?, doneBy work: WaitingExchange? = nil
    ) {
        connection.flags.insert(.awaited)
        state.pointee.owed[connection.token.index] = OwedExchange(
            watch: watch, work: work, asked: asked(request, on: connection), context: context,
            coding: compression == .gzip ? .preferred(by: request) : .identity, since: now)
    }

    /// The exchange that was awaited, if one was, is over, answered or not: whoever still works on
    /// it may stop.
    @discardableResult
    func endOwed(_ connection: Connection) -> OwedExchange? {
        guard connection.isAwaited else { return nil }
        connection.flags.remove(.awaited)
        let owed = state.pointee.owed.removeValue(forKey: connection.token.index)
        owed?.watch?.end()
        owed?.work?.cancel()
        return owed
    }

    /// The kernel says that the connection broke while its answer is awaited. It stays until the
    /// answer comes, which is soon: whoever works on it is told now. A peer that has only sent its
    /// last byte is served like any other.
    @inline(never)
    func peerLeft(_ connection: Connection, _ event: Readiness) {
        guard event.isBroken else { return }
        guard let owed = state.pointee.owed[connection.token.index] else { return }
        owed.watch?.end()
        owed.work?.cancel()
    }
}
