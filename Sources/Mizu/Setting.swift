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
    /// Whether a complaint must not repeat the text: it is a secret, or an address that may hold
    /// one, however it is written.
    let isHidden: Bool
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
        isHidden = isSecret || syntax.mayHoldPassword
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
    /// `?password=`, also where a slash is missing; or, where no URL is given, libpq's other form:
    /// `host=… password=…`.
    public static func holdsPassword(_ text: String) -> Bool {
        let isPath = text.hasPrefix("sqlite:")
        guard let start = text.firstRange(of: "://")?.upperBound else {
            if text.lowercased().firstRange(of: "password") != nil { return true }
            // Behind the scheme's colon and slash, if there are any.
            let rest = text.firstRange(of: ":/").map { text[$0.upperBound...] } ?? text[...]
            return !isPath && holdsUserInfo(rest)
        }
        let rest = text[start...]
        return !isPath && holdsUserInfo(rest)
            || rest.lowercased().firstRange(of: "password=") != nil
    }

    /// Whether there is a colon before the last @.
    private static func holdsUserInfo(_ text: Substring) -> Bool {
        text.lastIndex(of: "@").map { text[..<$0].contains(":") } ?? false
    }

    /// Refuses to take a password from a flag.
    /// - Parameter instead: what to do, after a colon.
    /// - Throws: every user of the machine can read the flags of a process.
    public static func checkFlag(
        _ text: String, instead: String, isSecret: Bool = false
    ) throws(ConfigurationError) {
        guard !isSecret, !holdsPassword(text) else {
            throw ConfigurationError(
                description: "a flag must not hold a password, because every user of this machine "
                    + "can read it: \(instead)")
        }
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
