// Certificates that were loaded and found good, ready for every worker: unchanging, so they are
// shared, and a reload makes another value. What cannot be loaded is left out with a line that
// names the file, as long as something else can; what clients may accept or not is a warning.

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
            throw TLSError(
                "cannot make keys for TLS session tickets: out of memory or of random numbers")
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

    /// One certificate, perhaps of several sets. The C object does not change once it is loaded;
    /// its address is a number because pointers are not Sendable.
    final class Loaded: Sendable {
        let entry: TLSFiles.Entry
        private let address: UInt
        var handle: OpaquePointer? { OpaquePointer(bitPattern: address) }

        init(_ entry: TLSFiles.Entry) throws(TLSError) {
            self.entry = entry
            address = UInt(bitPattern: try TLSCertificates.load(entry))
        }

        deinit { co_certificate_free(handle) }
    }

    /// Reads and checks every file. Blocks on the disk: not for workers.
    /// - Parameters:
    ///   - watched: what a reload reads, where that is not `files`: for a stand-in.
    ///   - now: seconds since 1970.
    /// - Throws: where nothing can be loaded, one line that names the first file and says what is
    ///   wrong with it.
    public convenience init(
        _ files: TLSFiles, watching watched: TLSFiles? = nil, ticketKeys: TLSTicketKeys, now: Int64
    ) throws(TLSError) {
        try self.init(files, watched ?? files, ticketKeys: ticketKeys, now: now, before: [])
    }

    private init(
        _ read: TLSFiles, _ files: TLSFiles, ticketKeys: TLSTicketKeys, now: Int64,
        before: [Loaded]
    ) throws(TLSError) {
        self.files = files
        self.ticketKeys = ticketKeys
        stamps = files.stamps()
        var found = Found()
        for entry in try read.entries() {
            do throws(TLSError) {
                let one = try Loaded(entry)
                // What OpenSSL itself refuses is found now, not in a worker.
                co_context_free(
                    try TLSContexts.make(
                        of: [one], choosing: TLSChoice([Self.subject(one)]), keys: ticketKeys,
                        from: read, options: TLSOptions()))
                found.take(one, now: now)
            } catch {
                found.failed(error, of: entry, before)
            }
        }
        if let failure = found.failure, found.freshCount == 0 { throw failure }
        loaded = found.inOrder(now: now)
        choice = TLSChoice(loaded.map(Self.subject))
        co_context_free(
            try TLSContexts.make(
                of: loaded, choosing: choice, keys: ticketKeys, from: read, options: TLSOptions()))
        warnings = found.warnings
        lacksChain = found.lacksChain
        validUntil = loaded.map { co_certificate_not_after($0.handle) }.min() ?? .max
    }

    /// The outcome of a look at the files.
    private struct Found {
        var kept: [Loaded] = []
        var warnings: [String] = []
        var lacksChain = false
        /// How many were loaded now.
        var freshCount = 0
        var failure: TLSError?

        mutating func take(_ one: Loaded, now: Int64) {
            kept.append(one)
            freshCount += 1
            let path = one.entry.certificate
            if let line = TLSCertificates.lapse(of: one, now: now) { warnings.append(line) }
            if co_certificate_has_chain(one.handle) == 0 {
                lacksChain = true
                warnings.append(
                    """
                    \(path) lacks its chain: the certificate of its issuer does not follow it, and \
                    clients that do not know the issuer will refuse it
                    """)
            }
            if let line = TLSCertificates.staple(one.entry, to: one.handle) {
                warnings.append(line)
            }
        }

        /// One that cannot be loaded must not keep the others down, nor go while it is in use.
        mutating func failed(_ error: TLSError, of entry: TLSFiles.Entry, _ before: [Loaded]) {
            failure = failure ?? error
            if let old = before.first(where: { $0.entry == entry }) {
                kept.append(old)
                warnings.append("\(error); the certificate that was loaded before stays in use")
            } else {
                warnings.append("\(error); it is left out")
            }
        }

        /// Lapsed certificates come last: if another one proves the same name, that one is shown.
        func inOrder(now: Int64) -> [Loaded] {
            let lapsed = kept.filter { TLSCertificates.lapse(of: $0, now: now) != nil }
            return kept.filter { TLSCertificates.lapse(of: $0, now: now) == nil } + lapsed
        }
    }

    /// A line for each that has expired or is not valid yet.
    public func lapses(now: Int64) -> [String] {
        loaded.compactMap { Self.lapse(of: $0, now: now) }
    }

    /// Loads the same files again, with the same ticket keys.
    /// - Throws: what `init` throws, and also where a chain is missing that these have: a renewal
    ///   that lost it is a slip, and those in force are better.
    public func reloaded(now: Int64) throws(TLSError) -> TLSCertificates {
        let fresh = try TLSCertificates(
            files, files, ticketKeys: ticketKeys, now: now, before: loaded)
        if fresh.lacksChain, !lacksChain {
            throw TLSError(fresh.warnings.first { $0.contains("chain") } ?? "a chain is missing")
        }
        return fresh
    }

    // MARK: One certificate

    private static func subject(_ one: Loaded) -> TLSChoice.Subject {
        TLSChoice.Subject(
            names: names(of: one.handle), keyKind: co_certificate_key_kind(one.handle))
    }

    fileprivate static func load(_ entry: TLSFiles.Entry) throws(TLSError) -> OpaquePointer {
        var problem = co_problem()
        guard let handle = co_certificate_load(entry.certificate, entry.key, &problem) else {
            let path = problem.is_key != 0 ? entry.key : entry.certificate
            throw TLSError(
                TLSProblem.sentence(problem, path: path, certificate: entry.certificate))
        }
        return handle
    }

    /// A complaint about the dates, for the log. It is no reason to refuse: they are the client's
    /// to judge (RFC 5280 §6.1.3), our clock may be wrong, and one that has lapsed must not keep
    /// the others down.
    fileprivate static func lapse(of one: Loaded, now: Int64) -> String? {
        let path = one.entry.certificate
        let end = co_certificate_not_after(one.handle)
        if end < now { return "\(path) expired on \(TLSProblem.date(end))" }
        let begin = co_certificate_not_before(one.handle)
        return begin > now ? "\(path) is not valid before \(TLSProblem.date(begin))" : nil
    }

    private static func names(of handle: OpaquePointer?) -> [String] {
        var names: [String] = []
        while let name = co_certificate_name(handle, names.count) {
            names.append(String(cString: name))
        }
        return names
    }

    /// - Returns: why the response is not stapled, where it is not.
    fileprivate static func staple(_ entry: TLSFiles.Entry, to handle: OpaquePointer?) -> String? {
        guard let path = entry.response else { return nil }
        let problem = co_certificate_staple(handle, path)
        guard problem.kind != CO_FINE else { return nil }
        return TLSProblem.sentence(problem, path: path, certificate: entry.certificate)
            + "; it is not stapled"
    }
}
