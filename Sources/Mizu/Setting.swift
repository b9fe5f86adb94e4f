// One row of the table of settings: what an operator writes, what it means, and which field of a
// `Configuration` it sets. Everything that shows settings reads these rows: the flags of
// `mizu serve`, their help, the table in the guide and the examples in the systemd units.

/// A setting: an environment variable and, for `mizu serve`, a flag of the same name.
public struct Setting: Sendable {
    /// The environment variable, as `DRAIN_TIMEOUT`.
    public let name: String
    /// What to write, in short: `SECONDS`, `on|off`.
    public let placeholder: String
    /// The default in Markdown: what to write for it between back-ticks, or words.
    public let fallback: String
    /// What the setting does, in Markdown. The first sentence stands alone.
    public let help: String
    /// A value that the systemd units show; `{name}` stands for the unit's name. Nil: the units do
    /// not mention the setting.
    public let example: String?
    /// What a shell may complete.
    public let completion: SettingCompletion
    /// Whether the flag takes no value and means `true`.
    public let isSwitch: Bool
    /// Whether the text is a secret: no complaint repeats it, and there is no flag for it, because
    /// every user of the machine can read the flags of a process.
    public let isSecret: Bool
    /// Sets the field, or says what is wrong with the text.
    let apply: @Sendable (inout Configuration, String) throws(SettingComplaint) -> Void

    /// - Parameters:
    ///   - syntax: how the text is read and the default is written.
    ///   - field: what the setting sets.
    ///   - fallback: the default in words if `syntax` cannot write it.
    init<Value>(
        _ name: String, reads syntax: SettingSyntax<Value>,
        into field: WritableKeyPath<Configuration, Value> & Sendable,
        default fallback: String? = nil, example: String? = nil, isSecret: Bool = false,
        help: String
    ) {
        self.name = name
        self.isSecret = isSecret
        placeholder = syntax.placeholder
        self.fallback = fallback ?? "`\(syntax.write(Configuration()[keyPath: field]))`"
        self.help = help
        self.example = example
        completion = syntax.completion
        isSwitch = syntax.isSwitch
        apply = { configuration, text throws(SettingComplaint) in
            configuration[keyPath: field] = try syntax.read(text)
        }
    }

    /// A setting of a field that is nil unless it is set.
    init<Value>(
        _ name: String, reads syntax: SettingSyntax<Value>,
        into field: WritableKeyPath<Configuration, Value?> & Sendable, default fallback: String,
        example: String? = nil, isSecret: Bool = false, help: String
    ) {
        self.init(
            name, reads: syntax.optional, into: field, default: .some(fallback), example: example,
            isSecret: isSecret, help: help)
    }

    /// The help's first sentence.
    public var sentence: String {
        let words = help.split(separator: " ")
        return words.prefix((words.firstIndex { $0.hasSuffix(".") } ?? 0) + 1)
            .joined(separator: " ")
    }

    /// Whether `text` holds a password, as a URL may: `postgres://user:PASSWORD@host`, or
    /// `?password=`; or, where no URL is given, libpq's other form: `host=… password=…`.
    static func holdsPassword(_ text: String) -> Bool {
        guard let start = text.firstRange(of: "://")?.upperBound else {
            return text.lowercased().firstRange(of: "password") != nil
        }
        let rest = text[start...]
        let authority = rest.prefix { !"/?#".contains($0) }
        if let end = authority.lastIndex(of: "@"), authority[..<end].contains(":") { return true }
        return rest.lowercased().firstRange(of: "password=") != nil
    }

    /// `markdown` for a terminal: without back-ticks.
    public static func plain(_ markdown: String) -> String { markdown.filter { $0 != "`" } }
}

/// Settings of one subject, in the order in which people read them.
public struct SettingGroup: Sendable {
    public let title: String
    public let settings: [Setting]

    public init(title: String, settings: [Setting]) {
        self.title = title
        self.settings = settings
    }
}

/// What a shell may offer for a setting's value.
public enum SettingCompletion: Sendable, Equatable {
    case nothing, files, folders
    case oneOf([String])
}

/// What is wrong with the text of a setting, and what to write.
struct SettingComplaint: Error, CustomStringConvertible {
    let description: String
}
