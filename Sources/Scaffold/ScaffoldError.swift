// Why nothing was written: what is wrong and where, what to do about it, and a word for programs.
// The command shows all three; nothing else in this room speaks to a person.

/// A refusal, or a failure after which everything is as it was.
public struct ScaffoldError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kind of mistake, for programs; `mizu new --json` prints it.
    public enum Code: String, Sendable {
        /// A flag's text cannot be used: a template, licence, variable or address.
        case badOption = "bad_option"
        /// The name of the module, or one made from the path, cannot be used.
        case badName = "bad_name"
        /// The path cannot be used at all.
        case badPath = "bad_path"
        /// Files that would be written are there already.
        case exists
        /// Something that is not a file, or not a folder, is in the place of one.
        case inTheWay = "in_the_way"
        /// The system refused: no permission, no space.
        case system
    }

    public let code: Code
    /// One sentence without a full stop, or several lines if several files are named.
    public let message: String
    /// Advice in the same form; nil if it is plain what to do.
    public let hint: String?

    public init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    public var description: String { hint.map { "\(message) (\($0))" } ?? message }
}
