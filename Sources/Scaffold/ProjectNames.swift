// The names of a new app, all made from one: the module `MyApp`, the program `my-app`, the C
// symbols `my_app`, the title `My App` that people read. In a template each stands where it will
// stand, as the template's own: filling in is replacing one set of four words by another.

/// The four spellings of an app's name.
public struct ProjectNames: Equatable, Sendable {
    public let module: String
    public let command: String
    public let symbol: String
    public let title: String

    static let titleBytesMax = 80

    /// The names of an app in a folder of that name.
    /// - Parameters:
    ///   - folder: the last part of its path.
    ///   - module: nil: made from the folder's.
    ///   - title: nil: made from the folder's, too.
    /// - Throws: `.badName`, `.badOption`.
    public init(folder: String, module: String?, title: String?) throws(ScaffoldError) {
        let name =
            if let module { try ModuleName(module) } else { try ModuleName(fromFolder: folder) }
        let words = Self.words(of: name.text)
        let derived = (module == nil ? ModuleName.words(of: folder) : []).map {
            $0.prefix(1).uppercased() + $0.dropFirst()
        }
        let title = title ?? (derived.isEmpty ? words : derived).joined(separator: " ")
        try Self.checkText(title, "--name")
        self.init(
            module: name.text, command: words.map { $0.lowercased() }.joined(separator: "-"),
            symbol: words.map { $0.lowercased() }.joined(separator: "_"), title: title)
    }

    /// The names of a template, as they stand in its files.
    init(module: String, command: String, symbol: String, title: String) {
        self.module = module
        self.command = command
        self.symbol = symbol
        self.title = title
    }

    /// Refuses characters in texts that go into Swift, C, HTML, Markdown, make and systemd alike,
    /// where each has characters of its own that mean something.
    static func checkText(_ text: String, _ flag: String) throws(ScaffoldError) {
        let marks: Set<Unicode.Scalar> = [
            "\"", "\\", "`", "<", ">", "{", "}", "$", "%", "*", "[", "]", "|",
        ]
        guard text.unicodeScalars.contains(where: { $0.properties.isAlphabetic }) else {
            throw ScaffoldError(.badOption, "\(flag) needs at least one letter, not \"\(text)\"")
        }
        guard text.utf8.count <= titleBytesMax else {
            throw ScaffoldError(
                .badOption, "\(flag) takes at most \(titleBytesMax) bytes, not \(text.utf8.count)")
        }
        for scalar in text.unicodeScalars {
            let isControl =
                scalar.properties.generalCategory == .control
                || scalar.properties.generalCategory == .lineSeparator
                || scalar.properties.generalCategory == .paragraphSeparator
            if isControl || marks.contains(scalar) {
                let what = isControl ? "a control character" : "\(scalar)"
                throw ScaffoldError(
                    .badOption, "\(flag) cannot hold \(what)",
                    hint: "use letters, digits, spaces and . , : ; ! ? ' ( ) & + / # - _")
            }
        }
    }

    /// The words of a name in camel case: `MyHTTPApp2` is my, http, app2. At least one.
    static func words(of name: String) -> [String] {
        var words: [String] = []
        var word = ""
        let letters = Array(name)
        for (index, letter) in letters.enumerated() {
            let before = index > 0 ? letters[index - 1] : nil
            let next = index + 1 < letters.count ? letters[index + 1] : nil
            let begins =
                letter.isUppercase
                && (before.map { $0.isLowercase || $0.isNumber } ?? false
                    || (before?.isUppercase ?? false) && (next?.isLowercase ?? false))
            if begins || letter == "_", !word.isEmpty {
                words.append(word)
                word = ""
            }
            if letter != "_" { word.append(letter) }
        }
        if !word.isEmpty { words.append(word) }
        return words
    }
}
