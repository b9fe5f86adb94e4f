// The app's certificates: read while the process may still read them, or made for development, and
// read again on SIGHUP and when their files change.

import CLinux
import MizuEventLoop
import MizuProcess
import MizuServer
import MizuTransport

extension App {
    /// Reads the certificates that the settings name, with the rights of the start.
    func loadCertificates() throws(StartError) {
        if let complaint = configuration.tls.complaint { throw StartError(complaint) }
        guard !configuration.tls.files.certificates.isEmpty else { return }
        do throws(StartError) {
            try load(configuration.tls.files)
        } catch {
            // A server that waits for its first certificate answers the challenge for it: the plain
            // port must be up, and the other gets the certificate when it is there.
            guard configuration.publicPort.challengeFolder != nil else { throw error }
            logger.error(
                "\(error); until a certificate is there, https shows one that no client trusts")
            daemon.needsStandIn = true
        }
        for entry in (try? configuration.tls.files.entries()) ?? [] {
            daemon.readableAfterDrop.append(entry.certificate)
            if entry.key != entry.certificate { daemon.readableAfterDrop.append(entry.key) }
        }
    }

    /// Makes a certificate for development if TLS_SELF_SIGNED asks for it. Must not leave
    /// files of root's beside the database of `RUN_AS`, so it comes after the drop.
    func makeCertificate() throws(StartError) {
        guard configuration.tls.isSelfSigned || daemon.needsStandIn else { return }
        let path = selfSignedPath
        // A directory that cannot be made shows when the file is written.
        var failed = 0
        _ = cl_make_parents(path, &failed)
        let made: (files: TLSFiles, isNew: Bool)
        do throws(TLSError) {
            made = try TLSSelfSigned.files(at: path, now: Self.seconds)
        } catch {
            throw StartError(error.description)
        }
        if daemon.needsStandIn { return try load(made.files, watching: configuration.tls.files) }
        try load(made.files)
        logger.notice(
            """
            \(made.isNew ? "made" : "using") a certificate for localhost: \(path); clients refuse \
            it until they are told to trust it
            """
        )
    }

    private func load(
        _ files: TLSFiles, watching watched: TLSFiles? = nil
    ) throws(StartError) {
        do throws(TLSError) {
            let certificates = try TLSCertificates(
                files, watching: watched, ticketKeys: TLSTicketKeys(), now: Self.seconds)
            for warning in certificates.warnings { logger.warning("\(warning)") }
            daemon.certificates = certificates
        } catch {
            throw StartError(error.description)
        }
    }

    private static var seconds: Int64 { WallClock.milliseconds / 1000 }

    /// Beside the database; without a database file, in its default folder.
    private var selfSignedPath: String {
        let name = "tls-self-signed.pem"
        guard configuration.database.hasPrefix("sqlite:") else { return "data/" + name }
        let database = configuration.database.dropFirst("sqlite:".count)
        guard let slash = database.lastIndex(of: "/") else { return name }
        return database[...slash] + name
    }

    /// Starts looking after the files; a reload is asked for by SIGHUP.
    func watchCertificates(of server: Server) throws(StartError) {
        guard let certificates = daemon.certificates else { return }
        do throws(SystemError) {
            let reloader = try TLSReloader(server, certificates)
            daemon.reloader = reloader
            lifetime.reloads.append { reloader.reload() }
        } catch {
            throw StartError("cannot start: \(error)")
        }
    }
}
