// Reads the package's own text for the tidy tests: files, their lines, and what is code in them.
// Finds the package by this file's path, so it needs no working directory. Foundation is for tests.

import Foundation

/// The package as it lies on disk.
enum SourceTree {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The apps that `mizu new` makes.
    static let templates = names(in: "Assets/Templates")

    /// Swift files of the library, the commands and the templates' apps, by path.
    static let swift =
        files(under: "Sources", ending: ".swift")
        + templates.flatMap { files(under: "Assets/Templates/\($0)/Sources", ending: ".swift") }

    /// C files and headers that people write (not the table that `make assets` writes).
    static let c = (["CShims"] + templates.map { "Assets/Templates/\($0)/CShims" })
        .flatMap { files(under: $0, ending: ".c") + files(under: $0, ending: ".h") }
        .filter {
            !["CTemplates.c", "CAssets.c", "CClient.c"].contains($0.path.split(separator: "/").last)
        }

    static func files(under folder: String, ending suffix: String) -> [SourceFile] {
        paths(under: folder).filter { $0.hasSuffix(suffix) }.map(SourceFile.init)
    }

    /// Paths of regular files relative to the package, sorted by their bytes, without hidden ones.
    static func paths(under folder: String, including isIncluded: HiddenFiles = .not) -> [String] {
        let base = root.appendingPathComponent(folder)
        guard let found = FileManager.default.enumerator(atPath: base.path) else { return [] }
        return found.compactMap { $0 as? String }
            .filter { path in
                var isDirectory: ObjCBool = false
                let full = base.appendingPathComponent(path).path
                _ = FileManager.default.fileExists(atPath: full, isDirectory: &isDirectory)
                return !isDirectory.boolValue
                    && (isIncluded == .all
                        || !path.split(separator: "/").contains { $0.hasPrefix(".") })
            }
            .map { folder + "/" + $0 }
            .sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
    }

    enum HiddenFiles { case not, all }

    static func names(in folder: String) -> [String] {
        let path = root.appendingPathComponent(folder).path
        return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    static func text(_ path: String) -> String {
        (try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)) ?? ""
    }
}

/// One file's lines, and the same lines without comments.
struct SourceFile: Sendable, CustomStringConvertible {
    let path: String
    let lines: [String]
    let code: [String]

    init(path: String) {
        self.path = path
        var text = SourceTree.text(path).split(separator: "\n", omittingEmptySubsequences: false)
            .map(String.init)
        if text.last == "" { text.removeLast() }
        lines = text
        code = text.map(SourceFile.withoutComment)
    }

    var description: String { path }

    /// The room a file belongs to: the folder under Sources, or `sync App` and the like of a
    /// template.
    var room: String {
        let parts = path.split(separator: "/").map(String.init)
        return parts[0] == "Sources" ? parts[1] : parts[2] + " " + parts[4]
    }

    /// `path:line: text` for each line of code that contains `pattern`.
    func matches(_ pattern: String) throws -> [String] {
        let regex = try Regex(pattern)
        return code.enumerated().compactMap { index, line in
            line.firstMatch(of: regex) == nil ? nil : "\(path):\(index + 1): \(line)"
        }
    }

    /// Cuts a line at `//` outside a string. Enough for this package, which has no block comments.
    private static func withoutComment(_ line: String) -> String {
        var isInString = false
        var previous: Character = " "
        for index in line.indices {
            let letter = line[index]
            if letter == "\"", previous != "\\" { isInString.toggle() }
            if letter == "/", previous == "/", !isInString {
                return String(line[..<line.index(before: index)])
            }
            previous = letter
        }
        return line
    }
}
