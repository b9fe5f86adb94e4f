// What one worker needs for all of its TLS connections: the contexts, one BIO that they share, one
// buffer for ciphertext that came and one for what leaves, and OpenSSL's contexts for the keys that
// are in use just now. So a connection that waits owns nothing but its keys. One thread.

import COpenSSL
import MizuBytes

/// How TLS is to be done beyond its certificates.
public struct TLSOptions: Sendable {
    /// Lets the kernel encrypt where OpenSSL can hand it over. Our sessions have no descriptor that
    /// OpenSSL knows, so today it always does without.
    public var kernelTLS = KernelTLS.off
    /// Ciphertext bytes of one read.
    public var readBytesMax = 64 * 1024

    /// The part that seals and opens the records of TLS 1.3 once the handshake is done. TLS 1.2 is
    /// always OpenSSL's.
    public var recordLayer = RecordLayer.own
    /// Records that one key may seal before we replace it (KeyUpdate), and that we open before we
    /// ask the peer to; beyond twice as many the connection ends. AES-GCM allows 2^24.5
    /// (RFC 8446 §5.5). For the record layer of our own.
    public var keyRecordsMax = 1 << 23

    public enum KernelTLS: Sendable { case off, ifOffered }

    public enum RecordLayer: Sendable {
        /// Ours: some 300 bytes a connection, because what OpenSSL keeps is freed.
        case own
        /// OpenSSL's: 14 KB a connection.
        case openSSL
    }

    public init() {}
}

/// The makers of contexts from certificates.
enum TLSContexts {
    /// A context for each set of certificates; the first, which is returned, knows the others by
    /// name and keeps them alive. The caller frees it.
    static func make(
        of loaded: [TLSCertificates.Loaded], choosing choice: TLSChoice, keys: TLSTicketKeys,
        from files: TLSFiles, options: TLSOptions
    ) throws(TLSError) -> OpaquePointer {
        var contexts: [OpaquePointer] = []
        // The first one is the caller's; the others live on in its table of names.
        defer { for context in contexts.dropFirst() { co_context_free(context) } }
        do throws(TLSError) {
            for set in choice.sets {
                guard let context = co_context_new(keys.handle, flags(of: options)) else {
                    throw TLSError("OpenSSL cannot make a context: it is out of memory, or too old")
                }
                contexts.append(context)
                for index in set where co_context_add(context, loaded[index].handle) != 0 {
                    let entries = (try? files.entries()) ?? []
                    let path = index < entries.count ? entries[index].certificate : "a certificate"
                    throw TLSError(
                        "\(path) is refused by OpenSSL: its key is too short or its signature weak")
                }
            }
            guard let first = contexts.first else { throw TLSError("no certificate is named") }
            for (name, set) in choice.names
            where co_context_add_name(first, name, contexts[set]) != 0 {
                throw TLSError("out of memory")
            }
            return first
        } catch {
            contexts.first.map { co_context_free($0) }
            throw error
        }
    }

    private static func flags(of options: TLSOptions) -> Int32 {
        (options.kernelTLS == .ifOffered ? Int32(CO_KERNEL_TLS) : 0)
            | (options.recordLayer == .own ? Int32(CO_CHANNELS) : 0)
    }
}

/// A worker's TLS. Not for other threads.
public final class TLSEngine {
    public private(set) var certificates: TLSCertificates
    let options: TLSOptions
    /// Counts ciphertext that the kernel has not taken.
    public var queued: ByteLedger?
    /// New sessions begin with it.
    private(set) var context: OpaquePointer
    /// The input and output of the session that is being called.
    let wire: UnsafeMutablePointer<co_wire>
    /// Ciphertext as it came from the kernel, behind what was kept of a record; lent to whichever
    /// session is being read.
    let input: UnsafeMutableRawBufferPointer
    /// Gathers small pieces for one record of OpenSSL's, and holds an opened record that is larger
    /// than its reader's room.
    let record: UnsafeMutableRawBufferPointer
    /// OpenSSL's words for the last failure of a session, for a line at level debug.
    public internal(set) var lastFailure: StaticReason = StaticReason()

    /// Plaintext bytes of one record (RFC 8446 §5.1).
    static let recordBytesMax = 16_384

    /// Text that OpenSSL keeps for the life of the process.
    public struct StaticReason: CustomStringConvertible {
        var text: UnsafePointer<CChar>?
        public var description: String { text.map { String(cString: $0) } ?? "" }
    }

    public init(
        _ certificates: TLSCertificates, options: TLSOptions = TLSOptions()
    ) throws(TLSError) {
        self.certificates = certificates
        self.options = options
        context = try Self.makeContext(certificates, options)
        guard let wire = co_wire_new() else {
            co_context_free(context)
            throw TLSError("OpenSSL cannot make a BIO: out of memory")
        }
        self.wire = wire
        wire.pointee.key_records_max = UInt64(min(max(1, options.keyRecordsMax), 1 << 23))
        input = .allocate(
            byteCount: max(1, options.readBytesMax) + Int(CO_RECORD_MAX), alignment: 16)
        record = .allocate(byteCount: Int(CO_OPENED_MAX), alignment: 16)
    }

    deinit {
        co_context_free(context)
        co_wire_free(wire)
        input.deallocate()
        record.deallocate()
    }

    /// New sessions get `certificates` from now on; those that are open keep theirs.
    public func use(_ certificates: TLSCertificates) throws(TLSError) {
        let fresh = try Self.makeContext(certificates, options)
        co_context_free(context)
        context = fresh
        self.certificates = certificates
    }

    private static func makeContext(
        _ certificates: TLSCertificates, _ options: TLSOptions
    ) throws(TLSError) -> OpaquePointer {
        try TLSContexts.make(
            of: certificates.loaded, choosing: certificates.choice, keys: certificates.ticketKeys,
            from: certificates.files, options: options)
    }

    /// Bytes that the wire's sessions wrote since `output_count` was last set to 0.
    var output: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: wire.pointee.output, count: wire.pointee.output_count)
    }

    /// One large flush must not keep its buffer for ever.
    func releaseLargeMemory() {
        if wire.pointee.output_capacity > 256 * 1024 { co_wire_trim(wire) }
    }
}
