// `mizu dev` at work: one loop on one thread, which waits for files, children and signals, and
// takes each a step on. It holds the listening sockets as long as it lives and hands them to one
// process after the other, so that a client which comes between two waits in the kernel's queue.
//
//   files ─► debounce ─┬► stylesheet, page ──────────────────────────────► open pages
//                      └► source ─► build ─┬ fails ─► message ───────────► open pages
//                                          └ works ─► old ends, new starts ─► pages load again

import CLinux
import Glibc
import MizuBytes
import MizuEventLoop
import MizuTransport

/// What is to be built, run and watched.
public struct DevSettings: Sendable {
    /// The package's folder, absolute.
    public var root: String
    /// The executable product's name; nil: the only one.
    public var target: String?
    public var arguments: [String] = []
    public var environment: [String: String]
    /// Where the app is to be reached; `LISTEN_FDNAMES` says which of them are TLS.
    public var plain: [ListenAddress]
    public var secure: [ListenAddress]
    /// Whether the app would answer for the `Host` of this request's head: what answers in its
    /// place must not say more to a page of another site.
    public var admits: @Sendable (_ head: UnsafeRawBufferPointer) -> Bool = { _ in true }

    public init(
        root: String, environment: [String: String], plain: [ListenAddress],
        secure: [ListenAddress]
    ) {
        self.root = root
        self.environment = environment
        self.plain = plain
        self.secure = secure
    }

    var listenerNames: String {
        (plain.map { _ in "http" } + secure.map { _ in "https" }).joined(separator: ":")
    }
}

/// One run of `mizu dev`. One thread, which must be the process's first, because children die with
/// the thread that started them.
public final class DevSession {
    /// How long a process has to end, when it is replaced and when all ends.
    static let endMilliseconds: UInt64 = 15_000
    private static let beatMilliseconds: UInt64 = 15_000

    let settings: DevSettings
    let report: DevReport
    let listeners: [Listener]
    let page = PageEvents()
    let standIn: StandIn
    var executable = ""
    private let hasTerminal = cl_is_terminal(2) == 1
    private let signals: Signals
    private var poller: Poller
    private var watch: FolderWatch?
    private var rules = PathRules(assets: "Assets")
    private var debounce = Debounce(quiet: 15, longest: 250)
    private var nextBeat = Instant(nanoseconds: 0)

    var build: Build?
    /// The last line of the build, for the progress line.
    var progress = ""
    /// A change came while a build was under way.
    var buildsAgain = false
    var app: AppProcess?
    /// The identity of the executable that was started last.
    var startedStamp: UInt64 = 0
    /// What is started once no process holds the database.
    var startsNext: AppProcess.Program?
    /// The last program that was ready once, to go back to.
    var proven: AppProcess.Program?
    /// A signal asked us to end; children are on their way out.
    var isEnding = false
    private var exitCode: Int32?

    /// Binds the addresses.
    /// - Throws: one line for people.
    public init(_ settings: DevSettings, _ report: DevReport) throws(DevError) {
        self.settings = settings
        self.report = report
        standIn = StandIn(admits: settings.admits)
        var listeners: [Listener] = []
        for address in settings.plain + settings.secure {
            do throws(SystemError) {
                listeners += try Listener.acquire(address, count: 1)
            } catch {
                let hint =
                    error.errno == EADDRINUSE
                    ? "is in use: stop what listens there, or choose another ADDR"
                    : "cannot be bound: \(error.reason)"
                throw DevError("\(address) \(hint)")
            }
        }
        self.listeners = listeners
        do throws(SystemError) {
            signals = try Signals()
            poller = try Poller()
            try poller.registerInput(signals.pollable, data: 0)
        } catch {
            throw DevError("cannot start: \(error)")
        }
    }

    /// Builds, runs and watches until a signal comes.
    /// - Returns: the app's exit code; 128 and more if a signal ended it; 0 if none ran.
    /// - Throws: what keeps it from starting.
    public func run() throws(DevError) -> Int32 {
        guard let package = try describe() else { return 128 + SIGINT }
        executable = try package.executable(settings.target)
        rules = PathRules(assets: assetsFolder, tests: package.tests)
        do throws(SystemError) {
            let rules = rules
            let watch = try FolderWatch(root: settings.root) { rules.follows(folder: $0) }
            try poller.registerInput(watch.pollable, data: 0)
            self.watch = watch
        } catch {
            throw DevError("cannot watch \(settings.root): \(error)")
        }
        tellAddresses()
        reportUnwatched()
        startBuild()
        do throws(SystemError) {
            while exitCode == nil { try turn() }
        } catch {
            throw DevError("cannot wait: \(error)")
        }
        return exitCode ?? 0
    }

    private func tellAddresses() {
        let names = settings.listenerNames.split(separator: ":")
        let addresses = settings.plain + settings.secure
        let bound = zip(zip(names, addresses), listeners).map { ($0.0, $0.1, $1.port) }
        let urls = bound.map { "\($0)://\($1.authority(port: $2))" }
        let reached = bound.map { "\($0)://\($1.reachableAuthority(port: $2))" }
        var words = "\(executable) at \(urls.joined(separator: ", "))"
        if reached != urls { words += ", open \(reached[0])" }
        report.event("listening", words: words) { json in
            for (key, values) in [("urls", urls), ("open", reached)] {
                json.key(key)
                json.beginArray()
                for url in values { json.string(url) }
                json.endArray()
            }
        }
    }

    /// Reports the folders that have no watch, each once, and the remedy.
    private func reportUnwatched() {
        guard let unwatched = watch?.takeUnwatched() else { return }
        let rest = unwatched.count - unwatched.names.count
        let names = unwatched.names.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
        let remedy =
            unwatched.error == nil
            ? "there are over \(FolderWatch.foldersMax) folders: move away those that need no watch"
            : "allow more watches: sudo sysctl fs.inotify.max_user_watches=524288"
        let reason = unwatched.error.map { " (\($0))" } ?? ""
        report.event(
            "unwatched", words: "cannot watch \(names)\(reason); \(remedy)", tone: .bad
        ) { json in
            json.key("count")
            json.int(unwatched.count)
            json.key("paths")
            json.beginArray()
            for name in unwatched.names { json.string(name) }
            json.endArray()
        }
    }

    /// The same folders that `Assets.reading(from:)` looks for.
    private var assetsFolder: String {
        for folder in ["Assets", "Assets/Templates/sync/Assets"]
        where cl_file_kind(settings.root + "/" + folder + "/views") == 1 {
            return folder
        }
        return "Assets"
    }

    func poll(_ descriptor: Int32) {
        // Where it cannot be had, the next turn, half a second later, looks all the same.
        try? poller.registerInput(descriptor, data: 0)
    }

    private func turn() throws(SystemError) {
        try poller.wait(milliseconds: waitMilliseconds(at: .now))
        // All are looked at in each turn: what is not ready says so at once.
        takeSignals()
        let now = Instant.now
        for path in watch?.changes() ?? [] {
            if let change = rules.meaning(of: path) { debounce.note(change, at: now) }
        }
        reportUnwatched()
        turnBuild(at: now)
        turnApp(at: now)
        act(on: debounce.take(at: now))
        // Plain listeners come first.
        if standIn.isBusy { standIn.turn(listeners.prefix(settings.plain.count), at: now) }
        if now >= nextBeat {
            nextBeat = now.adding(milliseconds: Self.beatMilliseconds)
            page.beat()
        }
        page.flush()
    }

    private func waitMilliseconds(at now: Instant) -> Int {
        var milliseconds: UInt64 = build == nil ? 500 : 120
        if let due = debounce.due {
            milliseconds = min(milliseconds, due.milliseconds(since: now) + 1)
        }
        if standIn.isBusy { milliseconds = min(milliseconds, 50) }
        if page.hasUnsent { milliseconds = min(milliseconds, 10) }
        return Int(clamping: milliseconds)
    }

    private func takeSignals() {
        while let signal = signals.next() {
            switch signal {
            case .terminate: end()
            // The terminal has gone: nobody is there any more to see a change.
            case .hangUp where hasTerminal && cl_is_terminal(2) == 0: end()
            case .hangUp: app?.child.signal(SIGHUP)
            case .user1: app?.child.signal(SIGUSR1)
            }
        }
    }

    /// The first call asks everybody to end, a second one does not ask.
    private func end() {
        build?.child.signal(isEnding ? SIGKILL : SIGINT)
        if isEnding {
            app?.child.signal(SIGKILL)
        } else {
            isEnding = true
            report.event("stopping", words: "stopping")
            startsNext = nil
            stopApp()
        }
        if app == nil { finish(0) }
    }

    func finish(_ code: Int32) {
        guard exitCode == nil else { return }
        // What is left of a build must not go on without us.
        build?.child.signal(SIGKILL)
        report.event("stopped", words: "", tone: .plain) { json in
            json.key("code")
            json.int(Int(code))
        }
        exitCode = code
    }

    private func act(on changes: [Change]) {
        guard !changes.isEmpty, !isEnding else { return }
        var (styles, pages, sources): ([String], [String], [String]) = ([], [], [])
        for change in changes {
            switch change {
            case .stylesheet(let path): styles.append(path)
            case .page(let path): pages.append(path)
            case .source(let path): sources.append(path)
            }
        }
        if !pages.isEmpty {
            page.reload(pages + styles)
            tell("page", pages + styles)
        } else if !styles.isEmpty {
            page.styles(styles)
            tell("css", styles)
        }
        guard !sources.isEmpty else { return }
        tell("source", sources)
        startBuild()
    }

    private func tell(_ kind: StaticString, _ paths: [String]) {
        let more = paths.count > 1 ? " and \(paths.count - 1) more" : ""
        report.event("changed", words: "\(paths[0])\(more) changed", tone: .dim) { json in
            json.key("kind")
            json.string(kind)
            json.key("paths")
            json.beginArray()
            for path in paths.prefix(100) { json.string(path) }
            json.endArray()
        }
    }

    /// Runs `swift package describe`; nil if a signal ended it.
    private func describe() throws(DevError) -> PackageDescription? {
        let child: ChildProcess
        let output: CapturedOutput
        do throws(SystemError) {
            output = try CapturedOutput(keeping: 16 << 20)
            child = try ChildProcess(
                ChildSettings(
                    arguments: ["swift", "package", "describe", "--type", "json"],
                    environment: settings.environment, folder: settings.root,
                    output: output.childEnd, error: 2))
        } catch {
            throw DevError("cannot run swift: \(error.reason). Is it in PATH?")
        }
        output.childHasIt()
        poll(output.pollable)
        poll(child.pollable)
        while child.reap() == nil {
            do throws(SystemError) {
                try poller.wait(milliseconds: 500)
            } catch {
                throw DevError("cannot wait: \(error)")
            }
            _ = output.read()
            while let signal = signals.next() {
                guard signal == .terminate else { continue }
                child.signal(SIGKILL)
                return nil
            }
        }
        _ = output.read()
        guard child.exitCode == 0 else {
            throw DevError("swift package describe failed in \(settings.root)")
        }
        return try PackageDescription(json: output.bytes)
    }
}
