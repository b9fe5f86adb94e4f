// What a changed file means: a stylesheet that an open page can swap, a page that it must load
// again, source that must be built, or nothing at all. Looks at names alone; touches no disk.

/// A change that somebody should hear of.
public enum Change: Hashable, Sendable {
    /// A file that pages swap while they stay open; its name below the assets.
    case stylesheet(String)
    /// Any other file of the assets; its name below the assets.
    case page(String)
    /// What the executable is built from; its path in the package.
    case source(String)
}

/// Which paths of a package count, and for what. Paths are relative to the package and have no
/// leading slash.
public struct PathRules: Sendable {
    /// Where the app reads its files from in development, with a slash at the end.
    private let assets: String
    /// Folders of test targets: nothing in them is part of the executable.
    private let tests: [String]

    private static let client = "Assets/Client/"
    private static let sources: Set = [
        "swift", "c", "h", "cc", "cpp", "cxx", "hpp", "m", "mm", "s", "S", "modulemap", "inc",
    ]
    /// Written by editors and databases beside the files that people mean.
    private static let leftovers = [
        "~", ".swp", ".swx", ".tmp", ".bak", ".orig", ".rej", ".db", "-wal", "-shm", "-lock",
        "-journal", ".sqlite", ".log", ".pid",
    ]

    public init(assets: String, tests: [String] = []) {
        self.assets = Self.folder(assets)
        self.tests = tests.map(Self.folder)
    }

    private static func folder(_ path: String) -> String {
        path.hasSuffix("/") ? path : path + "/"
    }

    /// Whether what lies in the folder may count: nothing hidden (`.build`, `.git`), no data.
    public func follows(folder path: String) -> Bool {
        if path == "data" { return false }
        let name = path.split(separator: "/").last ?? ""
        return !name.hasPrefix(".") && name != "node_modules"
    }

    /// What a change of the file means; nil: nothing.
    public func meaning(of path: String) -> Change? {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        guard let name = segments.last, !name.isEmpty,
            segments.allSatisfy({ !$0.hasPrefix(".") && $0 != "node_modules" }),
            segments.first != "data" || segments.count == 1,
            !name.hasPrefix("#"), !Self.leftovers.contains(where: { name.hasSuffix($0) })
        else { return nil }
        // Vim tries whether it may write with a file of digits alone.
        guard name.contains(where: { !("0"..."9").contains($0) }) else { return nil }
        if path.hasPrefix(assets) {
            let inside = String(path.dropFirst(assets.count))
            return name.hasSuffix(".css") ? .stylesheet(inside) : .page(inside)
        }
        // Mizu's own checkout: apps read the browser client from there (Mizu/BrowserClient.swift).
        if path.hasPrefix(Self.client), name.hasSuffix(".js") { return .page(path) }
        guard !tests.contains(where: { path.hasPrefix($0) }) else { return nil }
        if path == "Package.swift" || path == "Package.resolved" { return .source(path) }
        guard let dot = name.lastIndex(of: "."),
            Self.sources.contains(String(name[name.index(after: dot)...]))
        else { return nil }
        return .source(path)
    }
}
