// How often a socket may speak, and how much (protocol.md, "When the answer is no"): each message
// takes a token of its address and one of its user before it is looked at, bytes that come in take
// more, and so does what comes out of a compressed message; all from the buckets that requests take
// from. Who is too fast is answered `rate_limited` without a `ref`, now and then, because what it
// said was passed over unread. A socket that is opened too soon behind others gets one `error` and
// close 1013, after the upgrade, where a browser can read it.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuRouting
import MizuServer
import MizuSync
import MizuWebSocket

extension LiveService {
    /// A socket has been opened; one that comes too soon is closed.
    func enter(_ socket: Token, _ peer: PeerAddress, on worker: Worker) {
        if socket.index >= sources.count {
            sources.append(
                contentsOf: repeatElement(.server, count: socket.index + 1 - sources.count))
        }
        sources[socket.index] = ReadSource(peer, exempt: sync.readLimits.exempt)
        guard let limiter = sync.limiter, let asker = limiter.asker(peer) else { return }
        if socket.index >= meters.count {
            meters.append(
                contentsOf: repeatElement(nil, count: socket.index + 1 - meters.count))
        }
        meters[socket.index] = SocketMeter(asker)
        if let wait = wait(socket, on: worker) {
            refuse(socket, nil, .tooOften(waitSeconds: wait), on: worker)
            return worker.close(socket, code: 1013, reason: "rate_limited")
        }
        worker.meter(socket)
    }

    public func messageBegins(_ socket: Token, on worker: Worker) -> MessageEntry {
        guard let wait = wait(socket, on: worker) else { return .read }
        switch meters[socket.index]?.refused(at: worker.now) {
        case .tell: refuse(socket, nil, .tooOften(waitSeconds: wait), on: worker)
        case .close: worker.close(socket, code: 1008, reason: "rate_limited")
        case .quiet, nil: break
        }
        return .passOver
    }

    public func took(_ byteCount: Int, from socket: Token, on worker: Worker) {
        guard socket.index < meters.count,
            let cost = meters[socket.index]?.took(byteCount)
        else { return }
        charge(cost, to: socket, on: worker)
    }

    /// Takes what is known only now.
    func charge(_ cost: RouteCost, to socket: Token, on worker: Worker) {
        guard let limiter = sync.limiter, socket.index < meters.count,
            let asker = meters[socket.index]?.asker
        else { return }
        limiter.charge(asker, user: sessions.find(socket.bits)?.user, cost, now: worker.now)
    }

    /// Takes a token for a message.
    /// - Returns: seconds after which there is one; nil where it was taken.
    private func wait(_ socket: Token, on worker: Worker) -> Int? {
        guard let limiter = sync.limiter, socket.index < meters.count,
            let asker = meters[socket.index]?.asker
        else { return nil }
        return limiter.wait(asker, user: sessions.find(socket.bits)?.user, now: worker.now)
    }

    /// The socket as one who asks for reads.
    func reader(of socket: Token) -> ReadAsker {
        let source = socket.index < sources.count ? sources[socket.index] : .server
        return ReadAsker(source: source, kind: .socket, watch: nil)
    }
}
