// Certificates that were loaded and found good, ready for every worker: unchanging, so they are
// shared, and a reload makes another value. Refuses what clients would refuse, with a line that
// names the file; what clients may accept or not is a warning.

import COpenSSL

/// The keys that encrypt session tickets: one set for the process, so that a client may resume with
/// any worker, and the same set after a reload, so that its ticket is still good. New keys every
/// twelve hours; a ticket is understood for at least 24 and at most 36. Any thread.
public final class TLSTicketKeys: Sendable {
    // Safe: the address of a C object that locks itself; freed in `deinit` alone. As a number
    // because pointers are not Sendable.
    private let address: UInt

    static let periodSeconds: Int64 = 12 * 3600

    public init() throws(TLSError) {
        guard let keys = co_tickets_new(Self.periodSeconds) else {
            throw TLSError("no keys for TLS session tickets: memory or random numbers are short")
        }
        address = UInt(bitPattern: keys)
    }

    deinit { co_tickets_free(handle) }

    var handle: OpaquePointer? { OpaquePointer(bitPattern: address) }

    /// Makes new keys now; the two sets before them are still understood.
    public func rotate() { _ = handle.map { co_tickets_rotate($0) } }
}

/// A loaded set of certificates. Any thread.
public final class TLSCertificates: Sendable {
    public let files: TLSFiles
    public let ticketKeys: TLSTicketKeys
    /// Lines for the log: what is odd but no reason to refuse.
    public let warnings: [String]
    /// A leaf came without the certificate of its issuer.
    public let lacksChain: Bool
    /// The first day on which one of them is no longer valid, seconds since 1970.
    public let validUntil: Int64
    /// The names that they prove, in lower case, wildcards among them.
    public var names: [String] { choice.names.map(\.name) }
    /// The state of the files before they were read.
    public let stamps: TLSFiles.Stamps
    let loaded: [Loaded]
    let choice: TLSChoice

    /// One certificate. The C object does not change once it is loaded, and `TLSCertificates` frees
    /// it in `deinit`; its address is a number because pointers are not Sendable.
    struct Loaded: Sendable {
        let address: UInt
        var handle: OpaquePointer? { OpaquePointer(bitPattern: address) }
    }

    /// Reads and checks every file. Blocks on the disk: not for workers.
    /// - Parameter now: seconds since 1970.
    /// - Throws: one line that names the file and says what is wrong with it.
    public init(
        _ files: TLSFiles, ticketKeys: TLSTicketKeys, now: Int64
    ) throws(TLSError) {
        self.files = files
        self.ticketKeys = ticketKeys
        stamps = files.stamps()
        var kept: [Loaded] = []
        var warnings: [String] = []
        var subjects: [TLSChoice.Subject] = []
        var (lacksChain, validUntil) = (false, Int64.max)
        do throws(TLSError) {
            for entry in try files.entries() {
                let handle = try Self.load(entry)
                kept.append(Loaded(address: UInt(bitPattern: handle)))
                if let line = Self.lapse(of: handle, entry, now: now) { warnings.append(line) }
                validUntil = min(validUntil, co_certificate_not_after(handle))
                if co_certificate_has_chain(handle) == 0 {
                    lacksChain = true
                    warnings.append(
                        """
                        \(entry.certificate) lacks its chain: the certificate of its issuer does \
                        not follow it, and clients that do not know that one will refuse it
                        """
                    )
                }
                if let line = Self.staple(entry, to: handle) { warnings.append(line) }
                subjects.append(
                    TLSChoice.Subject(
                        names: Self.names(of: handle), keyKind: co_certificate_key_kind(handle)))
            }
            choice = TLSChoice(subjects)
            loaded = kept
            // What OpenSSL itself refuses is found now, not in a worker.
            co_context_free(
                try TLSContexts.make(kept, choice, ticketKeys, files, TLSOptions()))
        } catch {
            for certificate in kept { co_certificate_free(certificate.handle) }
            throw error
        }
        self.warnings = warnings
        self.lacksChain = lacksChain
        self.validUntil = validUntil
    }

    deinit {
        for certificate in loaded { co_certificate_free(certificate.handle) }
    }

    /// Loads the same files again, with the same ticket keys.
    /// - Throws: what `init` throws, and also where a chain is missing that these have: a renewal
    ///   that lost it is a slip, and those in force are better.
    public func reloaded(now: Int64) throws(TLSError) -> TLSCertificates {
        let fresh = try TLSCertificates(files, ticketKeys: ticketKeys, now: now)
        if fresh.lacksChain, !lacksChain {
            throw TLSError(fresh.warnings.first { $0.contains("chain") } ?? "a chain is missing")
        }
        return fresh
    }

    // MARK: One certificate

    private static func load(_ entry: TLSFiles.Entry) throws(TLSError) -> OpaquePointer {
        var problem = co_problem()
        guard let handle = co_certificate_load(entry.certificate, entry.key, &problem) else {
            let path = problem.is_key != 0 ? entry.key : entry.certificate
            throw TLSError(
                TLSProblem.sentence(problem, path: path, certificate: entry.certificate))
        }
        return handle
    }

    /// What is odd about the dates. No reason to refuse: they are the client's to judge (RFC 5280
    /// §6.1.3), our clock may be wrong, and one that has lapsed must not keep the others down.
    private static func lapse(
        of handle: OpaquePointer, _ entry: TLSFiles.Entry, now: Int64
    ) -> String? {
        let (begin, end) = (co_certificate_not_before(handle), co_certificate_not_after(handle))
        if end < now { return "\(entry.certificate) has expired, on \(TLSProblem.date(end))" }
        if begin > now {
            return "\(entry.certificate) is not valid before \(TLSProblem.date(begin))"
        }
        return nil
    }

    private static func names(of handle: OpaquePointer) -> [String] {
        var names: [String] = []
        while let name = co_certificate_name(handle, names.count) {
            names.append(String(cString: name))
        }
        return names
    }

    /// - Returns: why the response is not stapled, where it is not.
    private static func staple(_ entry: TLSFiles.Entry, to handle: OpaquePointer) -> String? {
        guard let path = entry.response else { return nil }
        let problem = co_certificate_staple(handle, path)
        guard problem.kind != CO_FINE else { return nil }
        return TLSProblem.sentence(problem, path: path, certificate: entry.certificate)
            + "; it is not stapled"
    }
}
