// What the command knows of how it was made: its version, the commit, and where Mizu's own sources
// lie, so that an app that `mizu new` makes can be built on them.

import CBuild
import Glibc
import Mizu
import MizuScaffold

enum Checkout {
    static let version = BuildFacts.version

    /// As `git describe` writes it; nil if the build was not told.
    static var commit: String? { text(mizu_build_commit()) }

    /// The compiler, as far as the language lets a program know.
    static var swiftVersion: String {
        #if compiler(>=6.5)
            "6.5 or newer"
        #elseif compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }

    /// Where an app finds Mizu. `--mizu` says it (a path becomes absolute, and Mizu must be there);
    /// else it is the sources that this command was built from while they are there, else the
    /// address that those were cloned from.
    /// - Throws: `.badOption` if Mizu is not there, or nothing is known.
    static func location(given text: String?) throws(ScaffoldError) -> MizuLocation {
        guard let text else { return try ownLocation() }
        let location = try MizuLocation(text)
        guard case .folder(let path) = location else { return location }
        return .folder(try checkout(at: path))
    }

    private static func ownLocation(
        sourceFile: String = #filePath
    ) throws(ScaffoldError) -> MizuLocation {
        let folder = sourceFile.split(separator: "/", omittingEmptySubsequences: false)
            .dropLast(3).joined(separator: "/")
        if isMizu(folder) { return .folder(folder) }
        if let origin = text(mizu_build_origin()) { return try MizuLocation(origin) }
        throw ScaffoldError(
            .badOption, "the sources of Mizu are no longer in \(folder)",
            hint: "say where they are: --mizu PATH, or --mizu ADDRESS@VERSION")
    }

    private static func checkout(at path: String) throws(ScaffoldError) -> String {
        guard let resolved = realpath(path, nil) else {
            throw ScaffoldError(.badOption, "--mizu \(path): there is no such folder")
        }
        defer { free(resolved) }
        let folder = String(cString: resolved)
        guard isMizu(folder) else {
            throw ScaffoldError(
                .badOption, "--mizu \(path): Mizu's Package.swift is not in it",
                hint: "give the folder of a checkout of Mizu")
        }
        return folder
    }

    /// Whether Mizu's manifest and the library that apps use lie there.
    private static func isMizu(_ folder: String) -> Bool {
        access(folder + "/Package.swift", R_OK) == 0
            && access(folder + "/Sources/Mizu/App.swift", R_OK) == 0
    }

    private static func text(_ text: UnsafePointer<CChar>?) -> String? {
        text.map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }
}
