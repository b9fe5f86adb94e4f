// Reads Package.swift's targets as text: name, folder, what each declares to depend on, and what its
// files import. The manifest is ours and plain: `room`, `tests`, `template`, the three kinds of
// target, and the fuzzers' pairs. What is written in another way is not found, and a test says so.

import Foundation
import Testing

/// The package's targets.
enum Manifest {
    struct Target: Sendable, CustomStringConvertible {
        let name: String
        let folder: String
        /// Modules: targets of the package, and products of other packages.
        let dependencies: Set<String>

        var description: String { name }
        var isTest: Bool { folder.hasPrefix("Tests/") || folder.hasSuffix("/Tests/App") }
        /// The folder's name below Sources; nil for what is not a room.
        var room: String? {
            let parts = folder.split(separator: "/")
            return parts.count == 2 && parts[0] == "Sources" ? String(parts[1]) : nil
        }
        var files: [SourceFile] { SourceTree.files(under: folder, ending: ".swift") }

        /// The modules that its files import.
        var imports: Set<String> { Set(files.flatMap(\.imports)) }
    }

    static let targets: [Target] = {
        let text = SourceFile(path: "Package.swift").code.joined(separator: "\n")
        guard let start = text.range(of: "let package = Package(") else { return [] }
        let declared = text[start.lowerBound...]
        var found: [Target] = []
        for call in calls("room", in: declared) {
            let name = strings(in: call)[0]
            found.append(
                Target(
                    name: name == "Mizu" ? name : "Mizu" + name, folder: "Sources/" + name,
                    dependencies: list(after: "[", in: call)))
        }
        for call in calls("tests", in: declared) {
            let name = strings(in: call)[0]
            found.append(
                Target(
                    name: name + "Tests", folder: "Tests/" + name,
                    dependencies: list(after: "[", in: call)))
        }
        for kind in [".target", ".executableTarget", ".testTarget"] {
            for call in calls(kind, in: declared) {
                guard let name = argument("name", of: call), let path = argument("path", of: call)
                else { continue }
                found.append(
                    Target(
                        name: name, folder: path,
                        dependencies: list(after: "dependencies: [", in: call)))
            }
        }
        for call in calls("template", in: declared) {
            let (folder, module) = (strings(in: call)[0], strings(in: call)[1])
            let path = "Assets/Templates/" + folder
            let (assets, server) = ("C" + module + "Assets", module + "Server")
            found += [
                Target(name: module, folder: path + "/Sources/App", dependencies: ["Mizu"]),
                Target(
                    name: server, folder: path + "/Sources/Server",
                    dependencies: [module, "Mizu", assets]),
                Target(
                    name: module + "Tests", folder: path + "/Tests/App",
                    dependencies: [module, server, "MizuTesting", "Mizu"]),
            ]
        }
        for pair in declared.matches(of: /\("(Fuzz\w+)", \[([^\]]*)\]\)/) {
            found.append(
                Target(
                    name: String(pair.1), folder: "Tests/Fuzz/" + pair.1,
                    dependencies: Set(strings(in: pair.2))))
        }
        return found
    }()

    /// The text between the parentheses of each call of `name`.
    private static func calls(_ name: String, in text: Substring) -> [Substring] {
        var found: [Substring] = []
        var rest = text
        while let call = rest.range(of: name + "(") {
            let before = rest[..<call.lowerBound].last
            rest = rest[call.upperBound...]
            // `.target` is also the end of `package.targets`, and `target(` of `executableTarget(`.
            if let before, before.isLetter || (before == "." && !name.hasPrefix(".")) { continue }
            var depth = 1
            let end = rest.firstIndex { letter in
                if letter == "(" { depth += 1 }
                if letter == ")" { depth -= 1 }
                return depth == 0
            }
            found.append(rest[..<(end ?? rest.endIndex)])
        }
        return found
    }

    private static func argument(_ name: String, of call: Substring) -> String? {
        call.range(of: name + ": \"").map { String(call[$0.upperBound...].prefix { $0 != "\"" }) }
    }

    /// The modules of the list that begins with `start`; none if there is no such list.
    private static func list(after start: String, in call: Substring) -> Set<String> {
        guard let start = call.range(of: start) else { return [] }
        var depth = 1
        let text = call[start.upperBound...]
        let end = text.firstIndex { letter in
            if letter == "[" { depth += 1 }
            if letter == "]" { depth -= 1 }
            return depth == 0
        }
        let list = text[..<(end ?? text.endIndex)]
        var modules = Set(strings(in: list))
        if list.firstMatch(of: /\blog\b/) != nil { modules.insert("Logging") }
        if list.firstMatch(of: /\barguments\b/) != nil { modules.insert("ArgumentParser") }
        return modules
    }

    private static func strings(in text: Substring) -> [String] {
        text.matches(of: /"([^"]*)"/).map { String($0.1) }
    }
}

extension SourceFile {
    /// The modules that the file imports, in any of the ways there are.
    var imports: [String] {
        let pattern =
            /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|internal|package|private|fileprivate) )?import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias) )?(\w+)/
        return code.compactMap { line in
            line.contains("import") ? line.firstMatch(of: pattern).map { String($0.1) } : nil
        }
    }
}
