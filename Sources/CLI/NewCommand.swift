// `mizu new`: makes an app of a template. It plans first, shows the plan, and then does all of it
// or nothing. The work is in Sources/Scaffold; here are the flags and what they mean.

import ArgumentParser
import CLinux
import Glibc
import MizuScaffold

struct NewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Make a new app.",
        discussion: """
            The folder's name gives the app its names: 'my-app' becomes the module MyApp, the \
            program my-app and the title My App. Existing files are not overwritten, and if \
            something goes wrong, nothing is left behind.

            Exit codes: 0 done, 1 refused or failed (nothing was written), 64 a flag that cannot \
            be used.

            EXAMPLES
              mizu new my-app
              mizu new my-app --template live --license MIT --var author='Ada Lovelace'
              mizu new 2do --module ToDo --name 'To do'
              mizu new . --dry-run
              mizu new --list
            """)

    @Argument(help: "The app's folder; it is made if it is missing.", completion: .directory)
    var path: String?
    @Option(
        help: "The template to begin with: sync, live or minimal.",
        completion: .list(["sync", "live", "minimal"]))
    var template = "sync"
    @Flag(help: "List the templates and end.")
    var list = false
    @Option(help: "The name that people read (default: made from the path).")
    var name: String?
    @Option(help: "The Swift module's and package's name (default: made from the path).")
    var module: String?
    @Option(
        help: "MIT, Apache-2.0, BSD-3-Clause or none.",
        completion: .list(Licence.allCases.map(\.rawValue)))
    var license = "none"
    @Option(
        name: .customLong("var"),
        help: ArgumentHelp(
            "A text of the template: summary; with a licence author and year. May be repeated.",
            valueName: "key=value"))
    var variables: [String] = []
    @Flag(help: "Replace existing files.")
    var force = false
    @Flag(help: "Show what would be written, and write nothing.")
    var dryRun = false
    @Flag(help: "Print one JSON object on standard output.")
    var json = false
    @Option(
        help: ArgumentHelp(
            "Where the app finds Mizu (default: the checkout that this command was built from).",
            valueName: "path or url[@version]"))
    var mizu: String?

    func validate() throws {
        // What ArgumentParser could not know: the path is needed but for a list.
        if path == nil, !list {
            throw ValidationError("Missing the app's folder, as in: mizu new my-app")
        }
    }

    func run() throws {
        // A file that may not grow is an errno, not the end of the process (SIGXFSZ).
        signal(SIGXFSZ, SIG_IGN)
        do throws(ScaffoldError) {
            let embedded = EmbeddedFiles.all()
            let templates = try AppTemplate.all(in: embedded)
            if list {
                print(json ? NewReport.json(templates) : NewReport.text(templates))
                return
            }
            try make(templates, embedded)
        } catch {
            report(error)
            let isUsage = error.code == .badOption || error.code == .badName
            throw isUsage ? ExitCode(EX_USAGE) : ExitCode.failure
        }
    }

    private func make(
        _ templates: [AppTemplate], _ embedded: [EmbeddedFile]
    ) throws(ScaffoldError) {
        let given = path ?? "."
        let root = try AppFolder.absolute(given)
        let blueprint = try Blueprint(
            template: try AppTemplate.named(template, among: templates),
            names: try ProjectNames(
                folder: AppFolder.name(of: root), module: module, title: name),
            location: try Checkout.location(given: mizu),
            licence: try Licence(named: license), variables: try pairs(),
            year: AppFolder.year(), embedded: embedded)
        let plan = try WritePlan(
            blueprint.files, under: root, existing: force ? .replace : .keep)
        let report = NewReport(
            blueprint: blueprint, plan: plan, given: given, state: dryRun ? .planned : .written)
        if !json { print(report.planText) }
        if let warning = blueprint.location.warning { Terminal.warn(warning) }
        if !dryRun { try PlanWriter.write(plan) }
        print(json ? report.json : report.endText)
    }

    /// `--var key=value`, each key once.
    private func pairs() throws(ScaffoldError) -> [String: String] {
        var result: [String: String] = [:]
        for text in variables {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                throw ScaffoldError(
                    .badOption, "--var takes key=value, not \"\(text)\"",
                    hint: "for instance --var summary='What it is for'")
            }
            let key = String(text[..<equals])
            guard result.updateValue(String(text[text.index(after: equals)...]), forKey: key) == nil
            else { throw ScaffoldError(.badOption, "--var \(key) is given twice") }
        }
        return result
    }

    private func report(_ error: ScaffoldError) {
        if json {
            print(NewReport.json(error))
        } else {
            Terminal.complain(error.message, hint: error.hint)
        }
    }
}

/// The folder that a path means.
enum AppFolder {
    /// The absolute path, without `.` and `..`; links are followed as far as the path exists.
    static func absolute(_ path: String) throws(ScaffoldError) -> String {
        guard !path.isEmpty else { throw ScaffoldError(.badPath, "the path is empty") }
        let isControl = { (scalar: Unicode.Scalar) in scalar.value < 0x20 || scalar.value == 0x7F }
        guard !path.unicodeScalars.contains(where: isControl) else {
            throw ScaffoldError(.badPath, "the path has a control character in it")
        }
        var base = path.hasPrefix("/") ? "/" : try real(".")
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part != ".." {
                parts.append(part)
            } else if !parts.isEmpty {
                parts.removeLast()
            } else {
                base = try real(base + "/..")
            }
        }
        let prefix = base == "/" ? "" : base
        let result = ([prefix] + parts.map(String.init)).joined(separator: "/")
        guard !result.isEmpty else {
            throw ScaffoldError(.badPath, "the root of the file system is no place for an app")
        }
        guard result.utf8.count < 4_000, parts.allSatisfy({ $0.utf8.count <= 255 }) else {
            throw ScaffoldError(.badPath, "the path is longer than the system allows")
        }
        return result
    }

    static func name(of root: String) -> String {
        root.split(separator: "/").last.map(String.init) ?? ""
    }

    /// This year, here.
    static func year() -> Int {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        return Int(parts.tm_year) + 1900
    }

    private static func real(_ path: String) throws(ScaffoldError) -> String {
        guard let resolved = realpath(path, nil) else {
            let reason = String(cString: cl_error_text(errno))
            throw ScaffoldError(.badPath, "cannot tell which folder \(path) is: \(reason)")
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
