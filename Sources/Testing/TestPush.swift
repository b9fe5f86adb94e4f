// A push with one mutation, as the wire has it (protocol.md, "Push").

import MizuBytes

/// One mutation as a push has it.
struct TestPush {
    let name: String
    let arguments: String
    let scope: String?
    let id: String
    let time: String?

    /// What `/_sync/push` is sent.
    var body: String { "{\(members)}" }

    /// The members of a push, without the braces around them.
    var members: String {
        let time = time.map { #","time":"# + Self.text($0) } ?? ""
        let mutation = """
            {"id":\(Self.text(id)),"name":\(Self.text(name)),"args":\(arguments)\(time)}
            """
        let scope = scope.map { #""scope":"# + Self.text($0) + "," } ?? ""
        return #"\#(scope)"mutations":[\#(mutation)]"#
    }

    private static func text(_ text: String) -> String {
        var writer = JSONWriter()
        writer.string(text)
        return String(decoding: writer.finish().array, as: UTF8.self)
    }
}
