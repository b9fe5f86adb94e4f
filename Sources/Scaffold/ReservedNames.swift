// Names that a module of an app cannot have: module names are global in a program, and in a graph
// of packages every target's is. A test holds this list against Package.swift.

enum ReservedNames {
    /// Mizu's own modules begin with it, those of the templates as well.
    static let ownPrefix = "Mizu"

    static let modules: Set<String> = [
        // Mizu's, beside those with the prefix.
        "CArgon2", "CBuild", "CClient", "CDev", "CLinux", "COpenSSL", "CPostgres", "CScan",
        "CSQLite", "CTemplates", "CTLSClient", "CZlib",
        "EchoServer",
        // The modules of the packages that Mizu depends on.
        "ArgumentParser", "ArgumentParserToolInfo", "Logging",
        // Swift's own, and those of its toolchain that a test or an app may import.
        "BlocksRuntime", "Builtin", "CDispatch", "CRT", "CoreFoundation", "Cxx", "CxxStdlib",
        "Dispatch", "Distributed", "Foundation", "FoundationEssentials",
        "FoundationInternationalization", "FoundationNetworking", "FoundationXML", "Glibc",
        "Musl", "Observation", "PackageDescription", "PackagePlugin", "RegexBuilder", "Runtime",
        "Swift", "SwiftGlibc", "SwiftOnoneSupport", "SwiftShims", "Synchronization", "Testing",
        "XCTest", "main",
    ]

    /// Words that the grammar keeps for itself wherever a name may stand.
    static let keywords: Set<String> = [
        "Any", "Protocol", "Self", "Type", "as", "associatedtype", "await", "break", "case",
        "catch", "class", "continue", "default", "defer", "deinit", "do", "else", "enum",
        "extension", "fallthrough", "false", "fileprivate", "for", "func", "guard", "if",
        "import", "in", "init", "inout", "internal", "is", "let", "nil", "operator",
        "precedencegroup", "private", "protocol", "public", "repeat", "rethrows", "return",
        "self", "static", "struct", "subscript", "super", "switch", "throw", "throws", "true",
        "try", "typealias", "var", "where", "while", "_",
    ]
}
