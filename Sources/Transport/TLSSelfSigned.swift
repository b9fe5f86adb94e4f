// A certificate for development: ECDSA P-256 for localhost, 127.0.0.1 and ::1, which signs itself.
// It is kept in one file with its key and used until it expires, so that a browser is told once to
// trust it.

import COpenSSL
import Glibc
import MizuEventLoop

public enum TLSSelfSigned {
    /// Days for which a new one is valid; browsers take no more than 398.
    static let days: Int64 = 365

    /// The files of the certificate at `path`, made (mode 0600) where there is none that is good
    /// for another day. The folder must exist.
    /// - Parameter now: seconds since 1970.
    /// - Returns: the files, and whether they are new.
    public static func files(
        at path: String, now: Int64
    ) throws(TLSError) -> (files: TLSFiles, isNew: Bool) {
        let files = TLSFiles(certificates: [path])
        if access(path, F_OK) == 0, isGood(files, now: now) { return (files, false) }
        // Made beside and put in place whole: a crash leaves no half of a key.
        let fresh = path + ".new"
        unlink(fresh)
        let made = co_self_signed(fresh, days)
        guard made == 0 else { throw failure(fresh, -made) }
        guard rename(fresh, path) == 0 else { throw failure(path, errno) }
        return (files, true)
    }

    private static func isGood(_ files: TLSFiles, now: Int64) -> Bool {
        guard let keys = try? TLSTicketKeys(),
            let loaded = try? TLSCertificates(files, ticketKeys: keys, now: now)
        else { return false }
        return loaded.validUntil > now + 86_400
    }

    private static func failure(_ path: String, _ error: Int32) -> TLSError {
        TLSError("\(path) cannot be written: \(SystemError(call: "open", errno: error).reason)")
    }
}
