// Where a new app's Package.swift finds Mizu: a folder on this machine, or an address with or
// without a version. Makes the line of the manifest and the package's identity, by which products
// are asked for. Asks no network; whether a folder holds Mizu is looked up by who gives it.

public enum MizuLocation: Equatable, Sendable {
    /// An absolute path.
    case folder(String)
    case address(PackageAddress, Version)

    public enum Version: Equatable, Sendable {
        /// From this version on, below the next major one.
        case from(String)
        case branch(String)
        case revision(String)
    }

    /// Reads what `--mizu` was given: a path, or an address and perhaps `@` with a version, a
    /// branch or a commit.
    /// - Throws: `.badOption`.
    public init(_ text: String) throws(ScaffoldError) {
        let isControl = { (scalar: Unicode.Scalar) in scalar.value < 0x20 || scalar.value == 0x7F }
        guard !text.isEmpty, !text.unicodeScalars.contains(where: isControl) else {
            throw ScaffoldError(.badOption, "--mizu takes a path, or an address and a version")
        }
        guard text.contains("://") || text.hasPrefix("git@") else {
            self = .folder(text)
            return
        }
        // Only an @ after the last slash or, in git@host:path, after the colon is ours: the
        // others are a user's or a password's.
        let mark = text.lastIndex(of: "/") ?? text.lastIndex(of: ":")
        let name = mark.map { text[text.index(after: $0)...] } ?? text[...]
        guard let at = name.lastIndex(of: "@") else {
            self = .address(try PackageAddress(text), .branch("main"))
            return
        }
        let address = try PackageAddress(String(text[..<at]))
        self = .address(address, try Self.version(String(text[text.index(after: at)...])))
    }

    private static func version(_ text: String) throws(ScaffoldError) -> Version {
        let plain = text.hasPrefix("v") ? String(text.dropFirst()) : text
        let parts = plain.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count == 3, parts.allSatisfy({ Int($0).map { $0 >= 0 } ?? false }) {
            return .from(plain)
        }
        if text.utf8.count == 40, text.allSatisfy(\.isHexDigit) { return .revision(text) }
        let isName = { (letter: Character) in
            letter.isASCII && (letter.isLetter || letter.isNumber || "._-/".contains(letter))
        }
        guard !text.isEmpty, text.allSatisfy(isName) else {
            throw ScaffoldError(
                .badOption, "\"\(text)\" is not a version, branch or commit",
                hint: "write --mizu https://…/mizu@1.2.3, @main or @ and 40 hexadecimal digits")
        }
        return .branch(text)
    }

    /// The name by which the manifest asks for the package's products.
    public var identity: String {
        guard case .address(let address, _) = self else { return "mizu" }
        return address.identity
    }

    /// The dependency as Package.swift has it, without a comma.
    public var manifestLine: String {
        let at: (String, String) -> String = { kind, text in "\(kind): \(Quoting.swift(text))" }
        switch self {
        case .folder(let path): return ".package(name: \"mizu\", \(at("path", path)))"
        case .address(let address, let version):
            let requirement =
                switch version {
                case .from(let version): at("from", version)
                case .branch(let branch): at("branch", branch)
                case .revision(let revision): at("revision", revision)
                }
            return ".package(\(at("url", address.text)), \(requirement))"
        }
    }

    /// A warning before the location is written into a file that others read; nil if
    /// there is nothing to say.
    public var warning: String? {
        guard case .address(let address, _) = self, address.hasPassword else { return nil }
        return """
            the address of --mizu has a password in it, and Package.swift will show it to \
            everybody who sees the app's sources
            """
    }
}
