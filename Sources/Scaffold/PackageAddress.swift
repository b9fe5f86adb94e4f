// The address of a package's repository, as `--mizu` takes it: a URL (RFC 3986) of a scheme that
// git speaks, or git's short form for ssh, `git@host:path`. Anything else is refused, because the
// address becomes part of a program, the app's Package.swift. Asks no network.

import MizuBytes

/// An address that has the form of one, with a last part that names the package.
public struct PackageAddress: Equatable, Sendable {
    public let text: String
    /// Whether a password stands before the host.
    public let hasPassword: Bool
    /// The package's identity as SwiftPM makes it: the last part without `.git`, in small letters.
    public let identity: String

    private static let schemes = ["https", "http", "ssh", "git", "file"]
    private static let bytesMax = 2_000

    /// - Throws: `.badOption`, with what is wrong.
    public init(_ text: String) throws(ScaffoldError) {
        guard text.utf8.count <= Self.bytesMax else { throw Self.refusal(of: text, "is too long") }
        if let wrong = text.unicodeScalars.first(where: { !Self.isAllowed($0) }) {
            throw Self.refusal(of: text, "is not a URL: it cannot hold \(Self.shown(wrong))")
        }
        let path: Substring
        if let mark = text.range(of: "://") {
            let scheme = text[..<mark.lowerBound].lowercased()
            guard Self.schemes.contains(scheme) else {
                throw Self.refusal(of: text, "begins with none of \(Self.schemeNames)")
            }
            let rest = text[mark.upperBound...]
            path = rest.drop { $0 != "/" }
            hasPassword = Self.userInformation(of: rest).contains(":")
            guard scheme == "file" || !Self.host(of: rest).isEmpty else {
                throw Self.refusal(of: text, "names no host")
            }
        } else {
            // git@host:path
            let parts = text.dropFirst("git@".count).split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[0].contains("/") else {
                throw Self.refusal(of: text, "is neither a URL nor git@host:path")
            }
            path = parts[1]
            hasPassword = false
        }
        var name = path.split(separator: "/").last.map(String.init) ?? ""
        if name.hasSuffix(".git") { name.removeLast(4) }
        guard !name.isEmpty, name != ".", name != ".." else {
            throw Self.refusal(of: text, "names no package")
        }
        self.text = text
        identity = name.lowercased()
    }

    // MARK: Parts

    private static func userInformation(of rest: Substring) -> Substring {
        let authority = rest.prefix { $0 != "/" }
        return authority.lastIndex(of: "@").map { authority[..<$0] } ?? ""
    }

    private static func host(of rest: Substring) -> Substring {
        let authority = rest.prefix { $0 != "/" }
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] }
        return (host ?? authority).prefix { $0 != ":" }
    }

    /// The characters of RFC 3986, appendix A, without those of a query and a fragment, which no
    /// repository has.
    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.isASCII else { return false }
        let byte = UInt8(scalar.value)
        return ASCII.isLetter(byte) || ASCII.isDigit(byte)
            || "-._~%:/[]@!$&'()*+,;=".utf8.contains(byte)
    }

    private static func shown(_ scalar: Unicode.Scalar) -> String {
        scalar == " " ? "a space" : "\(scalar)"
    }

    private static var schemeNames: String {
        schemes.map { $0 + "://" }.joined(separator: ", ")
    }

    /// The text itself is not repeated: it may hold a password.
    private static func refusal(of text: String, _ complaint: String) -> ScaffoldError {
        ScaffoldError(
            .badOption, "the address of --mizu \(complaint)",
            hint: "write --mizu https://host/path/mizu@1.2.3, git@host:path/mizu, or a folder")
    }
}

extension String {
    /// The first place of `text`, without Foundation.
    fileprivate func range(of text: String) -> Range<Index>? {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(text) { return at..<index(at, offsetBy: text.count) }
            at = index(after: at)
        }
        return nil
    }
}
