// The app's process, one at a time: a database has one owner, so the new process starts when the
// old one has ended, and whoever connects between waits in the queue of the sockets that we hold.
//
//   starting ──READY=1──► serving ──SIGTERM──► ending ──► gone ──► the next one starts
//      └──ends──► the last program that was ready is started again

import CLinux
import Glibc
import MizuBytes
import MizuEventLoop

/// One process of the app.
final class AppProcess {
    /// An executable, held open: it can be started again after the file was replaced.
    final class Program {
        let path: String
        let held: Descriptor

        init(_ path: String) throws(SystemError) {
            self.path = path
            held = Descriptor(owning: try SystemError.check("open", cl_hold_file(path)))
        }
    }

    enum Phase {
        case starting
        case serving
        /// Killed at the deadline.
        case ending(deadline: Instant)
    }

    let child: ChildProcess
    let program: Program
    let errors: CapturedOutput
    /// Where it says READY=1 (sd_notify(3)).
    let notices: Descriptor
    let begun = Instant.now
    var phase = Phase.starting

    init(
        _ child: ChildProcess, program: Program, errors: CapturedOutput,
        notices: consuming Descriptor
    ) {
        self.child = child
        self.program = program
        self.errors = errors
        self.notices = notices
    }

    /// Whether it has said that it serves. Every process of this machine can send to `notices`, and
    /// the kernel says which one did.
    func saysReady() -> Bool {
        var isReady = false
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            var sender: Int32 = 0
            let count = buffer.withUnsafeMutableBytes {
                cl_receive_datagram(notices.raw, $0.baseAddress, $0.count, &sender)
            }
            // An empty datagram is one, too.
            guard count >= 0 else { return isReady }
            guard sender == child.id else { continue }
            let text = String(decoding: buffer[..<Int(count)], as: UTF8.self)
            if text.split(separator: "\n").contains("READY=1") { isReady = true }
        }
    }
}

extension DevSession {
    /// Starts what was built, as soon as nobody else holds the database.
    func replaceApp() {
        startedStamp = cl_file_stamp(binary)
        do throws(SystemError) {
            startsNext = try AppProcess.Program(binary)
        } catch {
            report.event("start_failed", words: "\(binary) is missing: \(error.reason)", tone: .bad)
            return
        }
        app == nil ? startNext() : stopApp()
    }

    /// Asks the process to end; it is killed after `endMilliseconds`.
    func stopApp() {
        guard let app else { return }
        if case .ending = app.phase { return }
        app.phase = .ending(deadline: Instant.now.adding(milliseconds: Self.endMilliseconds))
        // Pages that wait for events would hold its drain up.
        page.bye()
        app.child.signal(SIGTERM)
    }

    private func startNext() {
        guard let program = startsNext else { return }
        startsNext = nil
        standIn.end()
        // Told before it starts: pages that it renders know of it, older ones load again.
        page.reload([])
        do throws(SystemError) {
            app = try start(program)
            report.event("started", words: "") { json in
                json.key("pid")
                json.int(Int(app?.child.id ?? 0))
            }
        } catch {
            report.event(
                "start_failed", words: "cannot start \(program.path): \(error.reason)", tone: .bad)
        }
    }

    private func start(_ program: AppProcess.Program) throws(SystemError) -> AppProcess {
        let errors = try CapturedOutput(keeping: 8 * 1024)
        let name = "mizu-dev-\(getpid())-\(Instant.now.nanoseconds)"
        let notices = Descriptor(
            owning: try SystemError.check("bind", cl_bind_datagrams(name)))
        let events = Descriptor(owning: try page.connect())
        var environment = settings.environment
        environment["DEV"] = "true"
        environment["DEV_EVENTS_FD"] = String(3 + listeners.count)
        environment["NOTIFY_SOCKET"] = "@" + name
        environment["LISTEN_FDS"] = String(listeners.count)
        environment["LISTEN_FDNAMES"] = settings.listenerNames
        environment["LISTEN_PID"] = "0"
        for variable in ["WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PIDFDID"] {
            environment[variable] = nil
        }
        let child = try ChildProcess(
            ChildSettings(
                arguments: [program.path] + settings.arguments, environment: environment,
                folder: settings.root,
                descriptors: listeners.map(\.pollable) + [events.raw],
                output: report.isJSON ? 2 : 1, error: errors.childEnd,
                program: "/proc/self/fd/\(program.held.raw)"))
        errors.childHasIt()
        poll(child.pollable)
        poll(errors.pollable)
        poll(notices.raw)
        return AppProcess(child, program: program, errors: errors, notices: notices)
    }

    func turnApp(at now: Instant) {
        guard let app else { return }
        report.passOn(app.errors.read())
        if case .starting = app.phase, app.saysReady() { ready(app, at: now) }
        if case .ending(let deadline) = app.phase, now >= deadline {
            report.say("the app did not end within 15 s and is killed", .bad)
            app.child.signal(SIGKILL)
        }
        guard let code = app.child.reap() else { return }
        report.passOn(app.errors.read())
        self.app = nil
        page.disconnect()
        ended(app, with: code)
    }

    private func ready(_ app: AppProcess, at now: Instant) {
        app.phase = .serving
        let milliseconds = Int(now.milliseconds(since: app.begun))
        report.event(
            "ready", words: "the app is serving, \(milliseconds) ms after its start", tone: .good
        ) { json in
            json.key("pid")
            json.int(Int(app.child.id))
            json.key("milliseconds")
            json.int(milliseconds)
        }
        proven = app.program
    }

    private func ended(_ app: AppProcess, with code: Int32) {
        var wasAsked = false
        if case .ending = app.phase { wasAsked = true }
        report.event(
            "exited", words: wasAsked ? "" : "the app ended with \(code)", tone: .bad
        ) { json in
            json.key("pid")
            json.int(Int(app.child.id))
            json.key("code")
            json.int(Int(code))
        }
        // An app that was not up yet ends by the signal that we sent it: nothing has failed.
        if isEnding { return finish(code == 128 + SIGTERM ? 0 : code) }
        if startsNext != nil { return startNext() }
        if !wasAsked { fellOver(app, with: code) }
    }

    /// Shows pages why, through the program before it if there is one.
    private func fellOver(_ app: AppProcess, with code: Int32) {
        let tail = String(decoding: app.errors.bytes, as: UTF8.self)
        let title = "The app ended with \(code)"
        page.state("failed", title: title, text: tail)
        if case .starting = app.phase, let proven, proven !== app.program {
            report.say("starting the previous program again; waiting for a change")
            startsNext = proven
            startNext()
        } else {
            standIn.begin(title: title, nil, text: tail)
            report.say("waiting for a change")
        }
    }
}
