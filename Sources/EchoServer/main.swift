// echo-server: the smallest server on the public parts, a target for load generators and outside
// suites. No limit for an address, no Origin check, no compression of answers, no redirect.

import CLinux
import Glibc
import Logging
import MizuEventLoop
import MizuHTTP
import MizuProcess
import MizuServer
import MizuTransport

func say(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    _ = bytes.withUnsafeBytes { cl_write(descriptor, $0.baseAddress, $0.count) }
}

/// Reads the certificates; what is odd about them goes to standard error.
func load(_ files: TLSFiles) throws -> TLSCertificates {
    let certificates = try TLSCertificates(
        files, ticketKeys: TLSTicketKeys(), now: WallClock.milliseconds / 1000)
    for warning in certificates.warnings { say("echo-server: \(warning)\n", to: 2) }
    return certificates
}

/// - Returns: the exit code.
func serve(_ options: Options) -> Int32 {
    do {
        cl_hold_standard_descriptors()
        cl_raise_open_files()
        let lifetime = try ProcessLifetime()
        let workers = try Workers(count: options.workers)
        var configuration = ServerConfiguration(
            addresses: options.address.map { [$0] } ?? [], router: EchoRoutes.router(workers),
            logger: Logger(label: "echo-server"))
        configuration.compression = .none
        configuration.defaults = .none
        configuration.limits.http.bodyBytesMax = 64 << 20
        configuration.limits.messageBytesMax = 16 << 20
        configuration.limits.messageFragmentsMax = 100_000
        configuration.limits.sendQueueBytesMax = 64 << 20
        configuration.limits.sendQueueMessagesMax = 1 << 20
        configuration.limits.queuedBytesMax = EchoRoutes.queuedBytesMax
        configuration.webSockets = [{ EchoService() }]
        let certificates = try options.tlsFiles.map(load)
        if let address = options.tlsAddress { configuration.tlsAddresses = [address] }
        configuration.tls = certificates
        let server = try Server.start(configuration, on: workers)
        if let address = options.address {
            say("listening on http://\(address.authority(port: server.ports[0]))\n", to: 1)
        }
        if let address = options.tlsAddress {
            say("listening on https://\(address.authority(port: server.tlsPorts[0]))\n", to: 1)
        }
        let reloader = try certificates.map { (certificates) throws(SystemError) in
            try TLSReloader(server, certificates)
        }
        if let reloader { lifetime.reloads.append { reloader.reload() } }
        lifetime.run(server)
        reloader?.stop()
        return 0
    } catch {
        say("echo-server: \(error)\n", to: 2)
        return 1
    }
}

do {
    let options = try Options(CommandLine.arguments)
    if options.wantsHelp {
        say(Options.usage, to: 1)
        exit(0)
    }
    exit(serve(options))
} catch {
    say("echo-server: \(error.text)\n\(Options.usage)", to: 2)
    exit(2)
}
