// The names that the certificates in force prove, as one worker knows them: what `admit` may answer
// as where nobody has said who the server is. A class, because a worker hands it to each call, and
// a reference that never changes costs nothing there; one for each worker, so that a reload needs
// no lock. Says nothing of names that the operator gave.

import MizuHTTP
import MizuTransport

/// Confined to its worker's thread.
public final class CertificateHosts {
    private var policy: HostPolicy

    init(_ certificates: TLSCertificates?) {
        policy = HostPolicy(proven: certificates?.names ?? [])
    }

    func use(_ certificates: TLSCertificates) { policy = HostPolicy(proven: certificates.names) }

    /// Whether a certificate is for `host` (`uri-host[:port]`).
    public func admit(_ host: UnsafeRawBufferPointer) -> Bool { policy.admits(host) }
}
