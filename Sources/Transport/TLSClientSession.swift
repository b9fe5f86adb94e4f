// One TLS connection to a server over a socket: the handshake, records to plaintext and back. It
// reads all that came at once, so nothing waits inside; what OpenSSL writes is left in the engine's
// wire for the caller to send. Owns OpenSSL's state, no socket. One thread. RFC 5246, RFC 8446.

import COpenSSL
import MizuBytes
import MizuEventLoop

final class TLSClientSession {
    private let engine: TLSClientEngine
    private let handle: OpaquePointer
    /// Why nothing can be read or written any more, in words for a person.
    private(set) var failure: String?
    private(set) var peerHasClosed = false

    /// Nil where memory is short.
    init?(_ engine: TLSClientEngine) {
        guard let handle = co_client_session_new(engine.context, engine.wire, engine.host) else {
            return nil
        }
        self.engine = engine
        self.handle = handle
    }

    deinit { co_session_free(handle) }

    /// Whether the handshake is done and the server's certificate is believed.
    var isEstablished: Bool { co_session_is_established(handle) != 0 && failure == nil }

    /// Decrypts `ciphertext` into `room`, and lets the handshake go on; with none it begins.
    /// `engine.output` then holds what must be sent.
    /// - Returns: plaintext bytes.
    func take(
        _ ciphertext: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer
    ) -> Int {
        engine.offer(ciphertext)
        guard let base = room.baseAddress, failure == nil, !peerHasClosed else { return 0 }
        var total = 0
        while total < room.count {
            let count = co_session_read(handle, base + total, room.count - total)
            if count > 0 {
                total += count
                continue
            }
            switch count {
            case Int(CO_WANTS_INPUT): break
            case Int(CO_CLOSED): peerHasClosed = true
            default: noteFailure()
            }
            return total
        }
        // Cannot be: a room of `roomBytesMin` holds more than can have come.
        failure = "more plaintext than ciphertext"
        return total
    }

    /// Encrypts all of `plaintext`; `engine.output` then holds it.
    func seal(_ plaintext: UnsafeRawBufferPointer) {
        engine.offer(.empty)
        guard plaintext.count > 0, failure == nil else { return }
        if co_session_write(handle, plaintext.baseAddress, plaintext.count) < 0 { noteFailure() }
    }

    private func noteFailure() {
        if let refusal = co_client_refusal(handle) {
            failure = "the certificate is refused: \(String(cString: refusal))"
            return
        }
        var reason: UnsafePointer<CChar>?
        _ = co_failure(&reason)
        failure = reason.map { String(cString: $0) } ?? "TLS failed"
    }
}
