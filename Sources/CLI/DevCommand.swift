// `mizu dev`: finds the package and its executable, and hands both to the room Dev, which builds,
// runs and watches. Only what a person types is here.

import ArgumentParser
import CLinux
import Glibc
import Mizu
import MizuDev
import MizuHTTP

struct DevCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Build and run the app in this folder, and again after each change.",
        discussion: """
            Runs `swift build`, then the executable with DEV=true. If a stylesheet changes, the \
            open page swaps it. If another file of Assets/ changes, the page loads again and keeps \
            its scroll position and form. If Swift or C changes, the app is built: if that works, \
            the new process takes over the listening sockets and no request is lost; if it fails, \
            the page shows the compiler's message and the old process keeps running.

            The app listens on ADDR (127.0.0.1:8080 if it is not set) and, with TLS_CERT or \
            TLS_SELF_SIGNED, on TLS_ADDR. It answers to HOSTS. Arguments after -- go to the app.

            Messages for people go to standard error, the app's output to standard output. With \
            --json standard output has one JSON object a line for each event (event: listening, \
            building, built, build_failed, started, ready, changed, unwatched, start_failed, \
            exited, stopping, stopped), and the app's output goes to standard error.

            SIGTERM and SIGINT end the app by SIGTERM; it has 15 s. A second signal kills it. \
            SIGUSR1 is passed on to the app, and so is SIGHUP, except the one of a closed terminal.

            EXIT CODES
              0          a signal ended mizu dev, and the app ended well or was not running
              1          mizu dev could not start: no package, no executable, the address in use
              64         wrong arguments
              130        a signal came before the first build was done
              128 + N    signal N ended the app; 137: it had to be killed
              others     the app's own

            EXAMPLES
              mizu dev
              mizu dev --target MizuTodoServer
              ADDR=:3000 mizu dev
              mizu dev --json -- --an-argument of the app
            """)

    @Option(help: "The executable product or target to run, if there are several.")
    var target: String?
    @Flag(help: "Print each event as a JSON object on a line of standard output.")
    var json = false
    @Argument(parsing: .postTerminator, help: "Arguments for the app.")
    var arguments: [String] = []

    func run() throws {
        var environment = Configuration.processEnvironment()
        // What is shown in development is for this machine, unless somebody says otherwise.
        if (environment["ADDR"] ?? "").isEmpty { environment["ADDR"] = "127.0.0.1:8080" }
        do {
            let configuration = try Configuration.from(environment: environment)
            var settings = DevSettings(
                root: try packageFolder(), environment: environment,
                plain: configuration.addresses,
                secure: configuration.tls.addressesInForce(beside: configuration.addresses))
            settings.target = target
            // What is under way here is not for pages of other sites, whatever a setting says.
            guard let hosts = configuration.hostPolicy else {
                throw DevError("mizu dev refuses HOSTS=any: set HOSTS to the names")
            }
            settings.admits = { head in Self.asks(head, for: hosts) }
            settings.arguments = arguments
            cl_raise_open_files()
            let report = DevReport(isJSON: json, environment: environment)
            let code = try DevSession(settings, report).run()
            if code != 0 { throw ExitCode(code) }
        } catch let code as ExitCode {
            throw code
        } catch {
            StandardErrorLog.say("mizu dev: \(error)")
            throw ExitCode.failure
        }
    }

    /// Whether `bytes` is a request's head for one of `hosts`.
    private static func asks(_ bytes: UnsafeRawBufferPointer, for hosts: HostPolicy) -> Bool {
        var (parser, head) = (RequestParser(), RequestHead())
        guard case .head = parser.parse(bytes, into: &head, limits: .default) else { return false }
        return hosts.admits(head.host.bytes(in: bytes))
    }

    /// This folder, or the next one above it with a Package.swift.
    private func packageFolder() throws(DevError) -> String {
        guard let path = realpath(".", nil) else { throw DevError("this folder is gone") }
        defer { free(path) }
        var folder = String(cString: path)
        while true {
            if access(folder + "/Package.swift", R_OK) == 0 { return folder }
            guard let slash = folder.lastIndex(of: "/"), slash != folder.startIndex else {
                throw DevError(
                    "no Package.swift here or above: cd to an app, or make one with mizu new")
            }
            folder = String(folder[..<slash])
        }
    }
}
