// Builds: one at a time, `swift build` for the one product. A change that comes meanwhile ends the
// build under way and begins another, because its outcome would be about code that is gone.

import CLinux
import Glibc
import MizuBytes
import MizuEventLoop

/// A build under way.
final class Build {
    static let outputBytesMax = 256 * 1024
    let child: ChildProcess
    let output: CapturedOutput
    let begun = Instant.now
    private var line: [UInt8] = []

    init(_ settings: DevSettings, product: String) throws(SystemError) {
        output = try CapturedOutput(keeping: Self.outputBytesMax)
        child = try ChildProcess(
            ChildSettings(
                arguments: ["swift", "build", "--product", product],
                environment: settings.environment, folder: settings.root,
                output: output.childEnd, error: output.childEnd))
        output.childHasIt()
    }

    func seconds(at now: Instant) -> Double { Double(now.milliseconds(since: begun)) / 1000 }

    /// The last whole line that was written, for the progress line.
    func lastLine(of new: [UInt8]) -> String? {
        line += new
        guard let end = line.lastIndex(of: UInt8(ascii: "\n")) else { return nil }
        let start = line[..<end].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        defer { line.removeFirst(end + 1) }
        return String(decoding: line[start..<end], as: UTF8.self)
    }
}

extension DevSession {
    /// Where SwiftPM puts a debug build of the product.
    var binary: String { settings.root + "/.build/debug/" + executable }

    func startBuild() {
        if let build {
            buildsAgain = true
            build.child.signal(SIGINT)
            return
        }
        do throws(SystemError) {
            let build = try Build(settings, product: executable)
            poll(build.output.pollable)
            poll(build.child.pollable)
            self.build = build
            report.event("building", words: "building \(executable)")
            page.state("building", title: "Building \(executable)")
        } catch {
            report.event("build_failed", words: "cannot run swift: \(error.reason)", tone: .bad)
        }
    }

    func turnBuild(at now: Instant) {
        guard let build else { return }
        let new = build.output.read()
        if let line = build.lastLine(of: new) { progress = line }
        report.progress(progress, seconds: build.seconds(at: now), at: now)
        guard let code = build.child.reap() else { return }
        _ = build.output.read()
        self.build = nil
        if isEnding { return }
        if buildsAgain {
            buildsAgain = false
            return startBuild()
        }
        code == 0 ? built(build, at: now) : failed(build, at: now)
    }

    private func built(_ build: Build, at now: Instant) {
        let seconds = build.seconds(at: now)
        report.event("built", words: "built in \(DevReport.tenths(seconds)) s", tone: .good) {
            json in
            json.key("seconds")
            json.double(seconds)
        }
        page.state("ok")
        // The outcome of the build before may have been passed over, so what counts is not whether
        // this one made a new file, but whether the file was started.
        guard app == nil || cl_file_stamp(binary) != startedStamp else { return }
        replaceApp()
    }

    private func failed(_ build: Build, at now: Instant) {
        let diagnostics = Diagnostics(output: build.output.bytes, root: settings.root)
        let count = diagnostics.errors.count
        let title = count == 1 ? "1 error" : count == 0 ? "The build failed" : "\(count) errors"
        report.event(
            "build_failed",
            words: "\(title) after \(DevReport.tenths(build.seconds(at: now))) s"
                + (app == nil ? "; waiting for a change" : "; the old process keeps running"),
            tone: .bad
        ) { json in
            json.key("diagnostics")
            json.beginArray()
            for diagnostic in diagnostics.list { diagnostic.write(into: &json) }
            json.endArray()
            json.key("text")
            json.string(diagnostics.tail)
        }
        report.list(diagnostics)
        let text = count == 0 ? diagnostics.tail : ""
        page.state("failed", title: title, diagnostics, text: text)
        if app == nil { standIn.begin(title: title, diagnostics, text: text) }
    }
}
