// What writing a blueprint would do to the disk: folders to make, files to create or to replace.
// Made by looking only. Everything that can be known to stand in the way is found here, all of it
// at once, so that the writing itself is left with what nobody can foresee.

import CLinux
import Glibc

public struct WritePlan: Sendable {
    /// The absolute path of the app's folder.
    public let root: String
    public let steps: [Step]
    /// Folders that are not there yet, parents first; absolute.
    let newFolders: [String]

    public struct Step: Sendable {
        public enum Action: String, Sendable { case create, replace }
        public let action: Action
        public let file: Blueprint.File
        /// The permission bits of the file that is replaced.
        let mode: mode_t?
    }

    /// Whether existing files may be replaced.
    public enum Existing: Sendable { case keep, replace }

    /// Looks at the disk.
    /// - Parameter root: an absolute path; need not exist.
    /// - Throws: `.exists`, `.inTheWay`, `.system`, naming every path (ten at most).
    public init(
        _ files: [Blueprint.File], under root: String, existing: Existing
    ) throws(ScaffoldError) {
        self.root = root
        var survey = Survey()
        survey.folder(root)
        var steps: [Step] = []
        for file in files {
            var parent = root
            for part in file.path.split(separator: "/").dropLast() {
                parent += "/" + part
                survey.folder(parent)
            }
            let path = root + "/" + file.path
            let found = survey.isNew(parent) ? .nothing : Found.at(path)
            switch found {
            case .nothing: steps.append(Step(action: .create, file: file, mode: nil))
            case .file(let mode):
                if existing == .keep { survey.existing.append(file.path) }
                steps.append(Step(action: .replace, file: file, mode: mode))
            case .folder: survey.inTheWay.append("\(path) is a folder")
            case .other(let what): survey.inTheWay.append("\(path) is \(what)")
            }
        }
        try survey.judge(root)
        self.steps = steps
        newFolders = survey.newFolders
    }

    /// The kind of thing at a path; links are not followed.
    enum Found: Equatable {
        case nothing, folder
        case file(mode_t)
        case other(String)

        static func at(_ path: String) -> Found {
            var status = stat()
            guard lstat(path, &status) == 0 else {
                // ENOTDIR: a file lies in the place of a folder; the survey of folders reports it.
                return errno == ENOENT || errno == ENOTDIR
                    ? .nothing : .other("unreadable: \(String(cString: cl_error_text(errno)))")
            }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: return .folder
            case S_IFREG: return .file(status.st_mode & 0o7777)
            case S_IFLNK: return .other("a link")
            default: return .other("not a regular file")
            }
        }
    }
}

/// The findings of a survey of a tree, so far.
private struct Survey {
    var newFolders: [String] = []
    var existing: [String] = []
    var inTheWay: [String] = []
    private var seen: Set<String> = []
    private var notWritable: [String] = []

    func isNew(_ folder: String) -> Bool { newFolders.contains(folder) }

    /// Looks at a folder and, if it is missing, at its parents.
    mutating func folder(_ path: String) {
        guard seen.insert(path).inserted else { return }
        // The way to the app's folder may lead over links; stat(2) follows them.
        var status = stat()
        if stat(path, &status) == 0 {
            if status.st_mode & S_IFMT != S_IFDIR {
                inTheWay.append("\(path) is not a folder")
            } else if access(path, W_OK | X_OK) != 0 {
                notWritable.append("\(path): \(String(cString: cl_error_text(errno)))")
            }
            return
        }
        let reason = errno
        guard reason == ENOENT, WritePlan.Found.at(path) == .nothing else {
            // A file in the place of a folder is reported already, by its own path.
            if reason == ENOTDIR {
                folder(Self.parent(of: path))
            } else if reason == ENOENT {
                inTheWay.append("\(path) is a link that leads nowhere")
            } else {
                notWritable.append("\(path): \(String(cString: cl_error_text(reason)))")
            }
            return
        }
        folder(Self.parent(of: path))
        newFolders.append(path)
    }

    func judge(_ root: String) throws(ScaffoldError) {
        if !inTheWay.isEmpty {
            throw ScaffoldError(
                .inTheWay, "something is in the way: " + Self.listed(inTheWay),
                hint: "move it away, or choose another path")
        }
        if !notWritable.isEmpty {
            throw ScaffoldError(.system, "cannot write there: " + Self.listed(notWritable))
        }
        if !existing.isEmpty {
            throw ScaffoldError(
                .exists, "\(root) has files of these names: " + Self.listed(existing),
                hint: "choose another path, or let --force replace them")
        }
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    private static func listed(_ lines: [String]) -> String {
        let rest = lines.count - 10
        return lines.prefix(10).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}
