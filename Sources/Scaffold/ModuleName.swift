// The name of a Swift module, checked before a compiler meets it: what an identifier may be, which
// words are taken by the language, and which names by modules that will be in the same program.
// Every refusal names the character or the word, and offers a name that would do.

import MizuBytes

/// A name that Swift, SwiftPM and Mizu all accept.
public struct ModuleName: Equatable, Sendable, CustomStringConvertible {
    public let text: String
    public var description: String { text }

    static let bytesMax = 64

    /// Checks a name that a person gave.
    /// - Throws: `.badName`.
    public init(_ text: String) throws(ScaffoldError) {
        try Self.check(spelling: text)
        try Self.check(free: text)
        self.text = text
    }

    /// Makes a name of a folder's: `my todo-app` becomes `MyTodoApp`.
    /// - Throws: `.badName` if nothing usable comes out.
    public init(fromFolder folder: String) throws(ScaffoldError) {
        if let odd = folder.unicodeScalars.first(where: { !$0.isASCII }) {
            throw ScaffoldError(
                .badName,
                "no module can be named after the folder \"\(folder)\": \"\(odd)\" is not ASCII",
                hint: "choose one, for instance --module \(Self.example(for: folder))")
        }
        let words = Self.words(of: folder)
        let name = words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        guard let first = name.utf8.first else {
            throw ScaffoldError(
                .badName, "no module can be named after the folder \"\(folder)\": it has no letter",
                hint: "choose one, for instance --module MyApp")
        }
        guard !ASCII.isDigit(first) else {
            throw ScaffoldError(
                .badName,
                "no module can be named after the folder \"\(folder)\": a name cannot begin with "
                    + "the digit \(name.prefix(1))",
                hint: "choose one, for instance --module \(Self.example(for: folder))")
        }
        do throws(ScaffoldError) {
            try self.init(name)
        } catch {
            throw ScaffoldError(
                .badName, "no module can be named after the folder \"\(folder)\": \(error.message)",
                hint: error.hint)
        }
    }

    // MARK: Rules

    private static func check(spelling text: String) throws(ScaffoldError) {
        guard let first = text.utf8.first else {
            throw ScaffoldError(.badName, "the module needs a name", hint: "--module MyApp")
        }
        guard text.utf8.count <= bytesMax else {
            throw ScaffoldError(
                .badName, "a module's name has at most \(bytesMax) letters, not \(text.utf8.count)")
        }
        for (index, scalar) in text.unicodeScalars.enumerated() where !isAllowed(scalar) {
            throw ScaffoldError(
                .badName,
                "\"\(text)\" cannot name a module: character \(index + 1) is \(name(of: scalar))",
                hint: "for instance --module \(example(for: text))")
        }
        guard !ASCII.isDigit(first) else {
            throw ScaffoldError(
                .badName,
                "\"\(text)\" cannot name a module: a name cannot begin with the digit "
                    + text.prefix(1),
                hint: "for instance --module \(example(for: text))")
        }
        guard text.utf8.contains(where: { $0 != UInt8(ascii: "_") }) else {
            throw ScaffoldError(.badName, "\"\(text)\" cannot name a module: it has no letter")
        }
    }

    private static func check(free text: String) throws(ScaffoldError) {
        let hint = "for instance --module \(text.prefix(1).uppercased() + text.dropFirst())App"
        if ReservedNames.keywords.contains(text) {
            throw ScaffoldError(
                .badName, "\"\(text)\" cannot name a module: it is a Swift keyword", hint: hint)
        }
        // In lower case it would still give the program the command's name.
        if text.hasPrefix(ReservedNames.ownPrefix) || text.lowercased() == "mizu" {
            throw ScaffoldError(
                .badName,
                "\"\(text)\" cannot name a module: names that begin with Mizu are Mizu's own",
                hint: "for instance --module MyApp")
        }
        // The targets beside the module have names of their own, made from it.
        for name in [text, text + "Server", "C" + text + "Assets", text + "Tests"]
        where ReservedNames.modules.contains(name) {
            let which = name == text ? "there is" : "its target \(name) would meet"
            throw ScaffoldError(
                .badName,
                "\"\(text)\" cannot name a module: \(which) a module of that name already",
                hint: hint)
        }
    }

    // MARK: Parts

    /// Runs of letters and digits.
    static func words(of text: String) -> [Substring] {
        text.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
    }

    /// A name near to `text` that would pass.
    private static func example(for text: String) -> String {
        let name = words(of: text).map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        // The rest of a word in another script is not worth proposing.
        guard let first = name.utf8.first, name.utf8.count <= 40,
            text.unicodeScalars.allSatisfy(\.isASCII)
        else { return "MyApp" }
        let usable = ASCII.isDigit(first) ? "App" + name : name
        return (try? ModuleName(usable))?.text ?? "MyApp"
    }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        guard let byte = UInt8(exactly: scalar.value) else { return false }
        return byte == UInt8(ascii: "_") || ASCII.isLetter(byte) || ASCII.isDigit(byte)
    }

    private static func name(of scalar: Unicode.Scalar) -> String {
        switch scalar {
        case " ": "a space"
        case "-": "a dash"
        case "/": "a slash"
        case _ where scalar.value < 0x20 || scalar.value == 0x7F: "a control character"
        default: "\"\(scalar)\"\(scalar.isASCII ? "" : ", which is not ASCII")"
        }
    }
}
