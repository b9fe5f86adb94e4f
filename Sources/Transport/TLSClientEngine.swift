// What one thread needs for all of its TLS connections to a server: whom to believe, one BIO that
// the sessions share, and a buffer for ciphertext that came. The server's half is TLSEngine. One
// thread.

import COpenSSL
import MizuBytes

/// The certificates that a client believes.
public enum TLSTrust: Sendable {
    /// Certificates that the system's store vouches for.
    case system
    /// The certificates in a PEM file, and who they vouch for.
    case file(String)
    /// Everybody. For servers with a certificate of their own making.
    case anybody
}

/// A client's TLS. Not for other threads.
public final class TLSClientEngine {
    let context: OpaquePointer
    /// The input and output of the session that is being called.
    let wire: UnsafeMutablePointer<co_wire>
    /// Ciphertext as it came from the kernel.
    let input: UnsafeMutableRawBufferPointer
    /// The name or numeric address that certificates must be for.
    let host: String

    /// Ciphertext bytes of one read.
    static let readBytesMax = 64 * 1024
    /// Room that a read needs: what comes, and a record that came in part before it.
    public static let roomBytesMin = readBytesMax + 32 * 1024

    /// - Parameter host: what the certificate must be for, and a name is told to the server.
    /// - Throws: a sentence, where the trusted file holds no certificate.
    public init(host: String, trust: TLSTrust) throws(TLSError) {
        let made: OpaquePointer? =
            switch trust {
            case .system: co_client_context_new(nil, Int32(CO_VERIFY_SERVER))
            case .file(let path): co_client_context_new(path, Int32(CO_VERIFY_SERVER))
            case .anybody: co_client_context_new(nil, Int32(CO_VERIFY_NOTHING))
            }
        guard let context = made else {
            if case .file(let path) = trust {
                throw TLSError("\(path) cannot be read, or holds no certificate in PEM form")
            }
            throw TLSError("OpenSSL cannot make a context for clients")
        }
        guard let wire = co_wire_new() else {
            co_context_free(context)
            throw TLSError("OpenSSL cannot make a BIO: out of memory")
        }
        self.context = context
        self.wire = wire
        self.host = host
        input = .allocate(byteCount: Self.readBytesMax, alignment: 16)
    }

    deinit {
        co_context_free(context)
        co_wire_free(wire)
        input.deallocate()
    }

    /// Bytes that the wire's sessions wrote since `output_count` was last set to 0.
    var output: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: wire.pointee.output, count: wire.pointee.output_count)
    }

    func offer(_ ciphertext: UnsafeRawBufferPointer) {
        wire.pointee.input = ciphertext.baseAddress?.assumingMemoryBound(to: UInt8.self)
        wire.pointee.input_count = ciphertext.count
        wire.pointee.output_count = 0
    }
}
