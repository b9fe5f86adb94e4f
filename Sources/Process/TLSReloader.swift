// Reads certificates again, when it is told to (SIGHUP) and when their files change, and hands the
// new ones to the workers. On a thread of its own, because it waits for the disk. A bad set changes
// nothing but the log: the old one stays in use.

import Logging
import MizuEventLoop
import MizuServer
import MizuTransport

/// Watches the files of a server's certificates. Any thread.
package final class TLSReloader: Sendable {
    private let thread: MailThread<Void>
    private let logger: Logger

    /// How often the files are looked at. A change counts once it is the same at two looks: who
    /// renews a certificate writes several files.
    package static let lookMilliseconds = 2_000

    /// How long `stop` waits for files that are being read.
    private static let stopMilliseconds: UInt64 = 2_000

    /// Starts watching for `server`, until `stop`.
    /// - Parameter certificates: those in force.
    package init(
        _ server: Server, _ certificates: TLSCertificates, everyMilliseconds: Int = lookMilliseconds
    ) throws(SystemError) {
        thread = try MailThread("mizu-tls-files")
        logger = server.configuration.logger
        let watch = Watch(server: server, certificates: certificates)
        try thread.start(handover: watch) { watch, inbox in
            var watch = watch
            while inbox.receive(withinMilliseconds: everyMilliseconds) == .goOn {
                watch.look(isTold: !inbox.mail.isEmpty)
                watch.nameLapsed(at: .now)
            }
        }
    }

    /// Reads the files again now, whether or not they have changed; returns at once.
    package func reload() { thread.post(()) }

    /// Ends the thread; files that are being read are not waited for beyond `stopMilliseconds`.
    package func stop() {
        guard thread.stop(withinMilliseconds: Self.stopMilliseconds) == .late else { return }
        logger.warning("certificates are still being read: their disk does not answer")
    }
}

/// The thread's own state.
private struct Watch {
    let server: Server
    var certificates: TLSCertificates
    /// What was read last, good or bad, and what was seen at the last look.
    var read: TLSFiles.Stamps
    var seen: TLSFiles.Stamps
    /// When those that have lapsed are named again.
    var namesLapsed: Instant

    private static let lapsedMilliseconds: UInt64 = 86_400_000

    init(server: Server, certificates: TLSCertificates) {
        self.server = server
        self.certificates = certificates
        read = certificates.stamps
        seen = read
        namesLapsed = Instant.now.adding(milliseconds: Self.lapsedMilliseconds)
    }

    /// Once a day: a certificate may lapse while it is in use, and a log is read from its end.
    mutating func nameLapsed(at now: Instant) {
        guard now >= namesLapsed else { return }
        namesLapsed = now.adding(milliseconds: Self.lapsedMilliseconds)
        for line in certificates.lapses(now: WallClock.milliseconds / 1000) {
            server.configuration.logger.warning("\(line)")
        }
    }

    mutating func look(isTold: Bool) {
        let found = certificates.files.stamps()
        defer { seen = found }
        guard isTold || (found != read && found == seen) else { return }
        read = found
        let logger = server.configuration.logger
        do throws(TLSError) {
            let fresh = try certificates.reloaded(now: WallClock.milliseconds / 1000)
            for warning in fresh.warnings { logger.warning("\(warning)") }
            certificates = fresh
            server.use(fresh)
            logger.notice("certificates were read again; new connections get them")
        } catch {
            logger.error("the old certificates stay in use: \(error)")
        }
    }
}
