// Carries out a plan, all of it or nothing. First every file is written beside its place under a
// name of its own, where a full disk shows; only then each is renamed into place, in one step, so
// that no reader meets half a file. Whatever goes wrong, what was made is removed again and what
// was replaced comes back. Signals that would end the process wait until then.

import CLinux
import Glibc

public struct PlanWriter {
    private let plan: WritePlan
    private var madeFolders: [String] = []
    /// Written and not yet in place.
    private var waiting: [(temporary: String, step: Int)] = []
    private var placed: [(path: String, backup: String?)] = []

    /// Writes what `plan` says.
    /// - Throws: `.system`, `.exists` (somebody was faster); then everything is as it was.
    public static func write(_ plan: WritePlan) throws(ScaffoldError) {
        var signals = sigset_t()
        var before = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_BLOCK, &signals, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var writer = PlanWriter(plan: plan)
        do throws(ScaffoldError) {
            try writer.run()
        } catch {
            writer.undo()
            throw error
        }
        writer.forgetBackups()
    }

    private init(plan: WritePlan) { self.plan = plan }

    // MARK: Steps

    private mutating func run() throws(ScaffoldError) {
        for folder in plan.newFolders {
            guard mkdir(folder, 0o777) == 0 else { throw Self.failure("make the folder", folder) }
            madeFolders.append(folder)
        }
        for index in plan.steps.indices { try writeAside(index) }
        while let next = waiting.first {
            try place(next.temporary, plan.steps[next.step])
            waiting.removeFirst()
        }
    }

    private mutating func writeAside(_ index: Int) throws(ScaffoldError) {
        let step = plan.steps[index]
        let temporary = Self.aside(plan.root + "/" + step.file.path, ending: "new")
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Self.failure("write", temporary) }
        waiting.append((temporary, index))
        if let mode = step.mode { fchmod(descriptor, mode) }
        let written = step.file.bytes.withUnsafeBytes {
            cl_write(descriptor, $0.baseAddress, $0.count)
        }
        let isClosed = close(descriptor) == 0
        guard written >= 0 else {
            throw Self.failure("write", step.file.path, errno: Int32(-written))
        }
        guard isClosed else { throw Self.failure("write", step.file.path) }
    }

    private mutating func place(
        _ temporary: String, _ step: WritePlan.Step
    ) throws(ScaffoldError) {
        let path = plan.root + "/" + step.file.path
        switch step.action {
        case .create:
            let result = cl_rename_new(temporary, path)
            if result == -EEXIST {
                throw ScaffoldError(.exists, "another program has just made \(path)")
            }
            guard result == 0 else { throw Self.failure("write", path, errno: -result) }
            placed.append((path, nil))
        case .replace:
            let backup = Self.aside(path, ending: "old")
            guard link(path, backup) == 0 else { throw Self.failure("replace", path) }
            guard rename(temporary, path) == 0 else {
                let error = Self.failure("replace", path)
                unlink(backup)
                throw error
            }
            placed.append((path, backup))
        }
    }

    // MARK: The end

    /// Makes everything as it was. What cannot be undone stays, and the error says what began it.
    private mutating func undo() {
        for (path, backup) in placed.reversed() {
            if let backup { rename(backup, path) } else { unlink(path) }
        }
        for (temporary, _) in waiting { unlink(temporary) }
        for folder in madeFolders.reversed() { rmdir(folder) }
    }

    private func forgetBackups() {
        for case (_, let backup?) in placed { unlink(backup) }
    }

    /// A name beside `path` that nobody else uses.
    private static func aside(_ path: String, ending: String) -> String {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let name = path[slash...].dropFirst()
        return "\(path[...slash]).\(name).mizu-\(getpid())-\(ending)"
    }

    private static func failure(
        _ verb: String, _ path: String, errno code: Int32 = errno
    ) -> ScaffoldError {
        let hint: String? =
            switch code {
            case ENOSPC, EDQUOT: "the disk is full; nothing was left behind"
            case EACCES, EPERM, EROFS: "choose a folder that you may write to"
            default: nil
            }
        return ScaffoldError(
            .system, "cannot \(verb) \(path): \(String(cString: cl_error_text(code)))", hint: hint)
    }
}
