// How often a socket may speak (protocol.md, "Limits"): each message takes a token of its address
// and one of its user, from the same buckets that `/_sync/*` takes from. Who is too fast is
// answered `rate_limited`, with the message's own `ref`, and nothing is done. A socket that is
// opened too soon behind others gets one `error` and close 1013, after the upgrade, where a browser
// can read it.

import MizuBytes
import MizuEventLoop
import MizuHTTP
import MizuServer
import MizuSync

extension LiveService {
    /// A socket has been opened; one that comes too soon is closed.
    func enter(_ socket: Token, _ peer: PeerAddress, on worker: Worker) {
        if socket.index >= sources.count {
            sources.append(
                contentsOf: repeatElement(.server, count: socket.index + 1 - sources.count))
        }
        sources[socket.index] = ReadSource(peer, exempt: sync.readLimits.exempt)
        guard let limiter = sync.limiter, let asker = limiter.asker(peer) else { return }
        if socket.index >= askers.count {
            askers.append(
                contentsOf: repeatElement(nil, count: socket.index + 1 - askers.count))
        }
        askers[socket.index] = asker
        if !mayAsk(socket, nil, on: worker) {
            worker.close(socket, code: 1013, reason: "rate_limited")
        }
    }

    /// Whether the socket's next message is in time; if not, it is told.
    func mayAsk(_ socket: Token, _ ref: JSONValue?, on worker: Worker) -> Bool {
        guard let limiter = sync.limiter, socket.index < askers.count,
            let asker = askers[socket.index],
            let wait = limiter.wait(
                asker, user: sessions.find(socket.bits)?.user, now: worker.now)
        else { return true }
        refuse(socket, ref, .tooOften(waitSeconds: wait), on: worker)
        return false
    }

    /// The socket as one who asks for reads.
    func reader(of socket: Token) -> ReadAsker {
        let source = socket.index < sources.count ? sources[socket.index] : .server
        return ReadAsker(source: source, kind: .socket, watch: nil)
    }
}
