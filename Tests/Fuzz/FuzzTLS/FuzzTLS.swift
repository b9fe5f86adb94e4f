// libFuzzer over what a TLS peer sends, from its first byte on, or from a real client whose bytes are
// damaged on the way: nothing may trap or read what is not there, every read ends, and what was
// refused stays refused. OpenSSL parses; what is ours are the session around it, its buffers and
// its states. The first byte chooses how, the second the size of the pieces and of the room.
// Built only with MIZU_FUZZ set; run it with `SWIFT_BACKTRACE=enable=no`. Keep each crash as a case
// in `Tests/Transport`.

import CTLSClient
import Glibc
import MizuTransport

/// Made once: a certificate of our own and a worker's TLS. libFuzzer calls from one thread.
nonisolated(unsafe) private let engine: TLSEngine = makeEngine()

private func makeEngine() -> TLSEngine {
    let path = "/tmp/mizu-fuzz-tls-\(getpid()).pem"
    defer { unlink(path) }
    do throws(TLSError) {
        let now = Int64(time(nil))
        let files = try TLSSelfSigned.files(at: path, now: now).files
        return try TLSEngine(try TLSCertificates(files, ticketKeys: TLSTicketKeys(), now: now))
    } catch {
        fatalError("no certificate: \(error)")
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let data, count >= 3 else { return 0 }
    let input = [UInt8](UnsafeBufferPointer(start: data + 2, count: min(count - 2, 16_384)))
    let wire = Wire(piece: Int(data[1]) * 4 + 1)
    if data[0] & 1 == 0 {
        wire.send(input)
    } else {
        wire.talk(damagedBy: input, afterHandshake: data[0] & 2 == 0)
    }
    wire.end()
    return 0
}

/// A session of the server and the other end of its socket.
private final class Wire {
    private let session: TLSSession
    private let transport: Transport
    private let peer: Int32
    private let piece: Int
    private var hasEnded = false

    init(piece: Int) {
        var ends: [Int32] = [0, 0]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
        precondition(socketpair(AF_UNIX, kind, 0, &ends) == 0, "no socket pair")
        session = TLSSession(ends[0], engine: engine)
        transport = .tls(session)
        peer = ends[1]
        self.piece = piece
    }

    deinit {
        close(session.descriptor)
        close(peer)
    }

    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty, !hasEnded {
            let part = Array(rest.prefix(piece))
            rest = rest.dropFirst(part.count)
            _ = Glibc.send(peer, part, part.count, Int32(MSG_NOSIGNAL))
            readAll()
        }
    }

    private func readAll() {
        var room = [UInt8](repeating: 0, count: piece)
        for _ in 0..<100_000 {
            switch room.withUnsafeMutableBytes({ transport.read(into: $0) }) {
            case .bytes(let count, let left):
                precondition(count >= 0 && count <= room.count, "read past the room")
                if count > 0 { answer(Array(room[..<count])) }
                if left == .none { return }
            case .wouldBlock: return
            case .ended, .failed:
                hasEnded = true
                return
            }
        }
        preconditionFailure("reading does not end")
    }

    /// What came goes back, as an echo would send it.
    private func answer(_ bytes: [UInt8]) {
        guard session.isEstablished else { return }
        _ = bytes.withUnsafeBytes { transport.write($0, then: nil) }
    }

    /// A client shakes hands and says something; `damage` is laid over what it sends.
    func talk(damagedBy damage: [UInt8], afterHandshake: Bool) {
        var options = tc_options()
        guard let client = tc_new(&options) else { return }
        defer { tc_free(client) }
        var early = afterHandshake ? [] : damage[...]
        for _ in 0..<6 {
            _ = tc_handshake(client)
            carry(client, &early)
        }
        var damage = damage[...]
        guard session.isEstablished else { return }
        let words = [UInt8](repeating: 0x61, count: 300)
        for round in 0..<3 {
            _ = tc_write(client, words, words.count)
            if round == 1 { _ = tc_key_update(client, 1) }
            carry(client, &damage)
        }
        tc_close(client)
        carry(client, &damage)
    }

    private func carry(_ client: OpaquePointer, _ damage: inout ArraySlice<UInt8>) {
        var room = [UInt8](repeating: 0, count: 65_536)
        let count = tc_take(client, &room, room.count)
        var bytes = Array(room[..<count])
        // A byte of the damage for each eighth byte: most of a handshake stays what it was.
        for index in stride(from: 0, to: bytes.count, by: 8) {
            guard let byte = damage.popFirst() else { break }
            bytes[index] ^= byte
        }
        send(bytes)
        _ = transport.write(UnsafeRawBufferPointer(start: nil, count: 0), then: nil)
        let answered = recv(peer, &room, room.count, 0)
        if answered > 0 { tc_feed(client, room, answered) }
    }

    func end() {
        if !hasEnded { transport.shutdownWrite() }
        readAll()
        hasEnded = true
        session.sayGoodbye()
    }
}
