// libFuzzer over what a TLS peer sends, from its first byte on, or from a real client whose bytes are
// damaged on the way, or that seals what no client would say: nothing may trap or read what is not
// there, every read ends, and what was refused stays refused. OpenSSL parses the handshake; what is
// ours are the session around it, its buffers and its states, and the records behind it. The first
// byte chooses how, and who seals; the second the size of the pieces and of the room.
// Built only with MIZU_FUZZ set; run it with `SWIFT_BACKTRACE=enable=no`. Keep each crash as a case
// in `Tests/Transport`.

import CTLSClient
import Glibc
import MizuTransport

/// Made once: a certificate of our own and a worker's TLS, with records of our own and with
/// OpenSSL's. libFuzzer calls from one thread.
nonisolated(unsafe) private let engines = [makeEngine(.own), makeEngine(.openSSL)]

private func makeEngine(_ layer: TLSOptions.RecordLayer) -> TLSEngine {
    let path = "/tmp/mizu-fuzz-tls-\(getpid()).pem"
    defer { unlink(path) }
    do throws(TLSError) {
        let now = Int64(time(nil))
        let files = try TLSSelfSigned.files(at: path, now: now).files
        var options = TLSOptions()
        options.recordLayer = layer
        // So few that keys are replaced within one input.
        options.keyRecordsMax = 20
        return try TLSEngine(
            try TLSCertificates(files, ticketKeys: TLSTicketKeys(), now: now), options: options)
    } catch {
        fatalError("no certificate: \(error)")
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let data, count >= 3 else { return 0 }
    let input = [UInt8](UnsafeBufferPointer(start: data + 2, count: min(count - 2, 16_384)))
    let wire = Wire(engines[data[0] & 8 == 0 ? 0 : 1], piece: Int(data[1]) * 4 + 1)
    if data[0] & 1 == 0 {
        wire.send(input)
    } else if data[0] & 4 == 0 {
        wire.talk(damagedBy: input, afterHandshake: data[0] & 2 == 0)
    } else {
        wire.forge(input)
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

    init(_ engine: TLSEngine, piece: Int) {
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

    /// A client shakes hands and sends the records that `input` describes, sealed as they should be:
    /// a byte for the kind, then its content's count, then the content.
    func forge(_ input: [UInt8]) {
        var options = tc_options()
        guard let client = tc_new(&options) else { return }
        defer { tc_free(client) }
        var none = ArraySlice<UInt8>()
        for _ in 0..<3 {
            _ = tc_handshake(client)
            carry(client, &none)
        }
        guard session.isEstablished else { return }
        var rest = input[...]
        while let kind = rest.popFirst(), let count = rest.popFirst(), !hasEnded {
            var content = Array(rest.prefix(Int(count)))
            rest = rest.dropFirst(content.count)
            // Mostly types that exist; sometimes long, padded, without a type, or not sealed.
            let type: Int32 =
                kind & 7 < 6 ? Int32(20 + (kind & 3)) : kind & 7 == 6 ? -1 : Int32(count)
            if kind & 0x08 != 0 { content += [UInt8](repeating: 65, count: 16_384 - Int(count)) }
            let padding = kind & 0x10 == 0 ? 0 : Int(count)
            var room = [UInt8](repeating: 0, count: content.count + padding + 22)
            let sealed = tc_forge(client, type, content, content.count, padding, &room)
            if kind & 0x20 != 0 { tc_forge_next_keys(client) }
            if kind & 0xC0 == 0xC0 { room[sealed - 1] ^= count }
            send(Array(room[..<sealed]))
            if kind & 0x40 != 0 { carry(client, &none) }
        }
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
