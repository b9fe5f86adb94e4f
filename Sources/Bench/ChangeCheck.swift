// Mutations of Mizu's protocol as a load makes them, and what must come of them: results of pushes
// and changes of pulls and deltas, looked at member by member (protocol.md). Pure.

import MizuBytes

struct ChangeCheck: Sendable {
    let name: String
    /// The id of mutation and record.
    let id: MessageTemplate
    let arguments: MessageTemplate

    /// The number of a mutation among its pusher's, and the cursor of its change.
    struct Number: Equatable {
        let sequence: Int
        let cursor: Int
    }

    /// - Parameters:
    ///   - arguments: a template of a JSON object; `{id}` is the mutation's id.
    init(
        name: String, id: String, arguments: String, run: String, size: Int
    ) throws(BenchFailure) {
        self.name = name
        self.id = try MessageTemplate(id, names: [("run", run)])
        let filled = try MessageTemplate.fill(arguments, [("id", id)])
        self.arguments = try MessageTemplate(filled, names: [("run", run)], size: size)
        var sample = ByteBuffer(capacity: 256)
        self.arguments.append(sequence: 0, connection: 0, to: &sample)
        let text = sample.finish()
        guard (try? JSON.parse(text))?.kind == .object else {
            throw .usage("the arguments of a mutation must be a JSON object, not \(text.string)")
        }
    }

    /// Appends one mutation of a push.
    func appendMutation(sequence: Int, connection: Int, to out: inout ByteBuffer) {
        out.append(#"{"id":""# as StaticString)
        id.append(sequence: sequence, connection: connection, to: &out)
        out.append(#"","name":"# as StaticString)
        out.appendJSON(string: name)
        out.append(#","args":"# as StaticString)
        arguments.append(sequence: sequence, connection: connection, to: &out)
        out.append(UInt8(ascii: "}"))
    }

    /// Checks one result of a push: `{"id":"m1","ok":true,"cursor":12,…}`.
    /// - Returns: the cursor.
    func check(
        result: JSONValue, sequence: Int, connection: Int, _ scratch: inout ByteBuffer
    ) throws(Fault) -> Int {
        let text = result.bytes.withUnsafeBytes { excerpt($0, of: 160) }
        guard result.member("ok")?.bool == true else { throw Fault(.refused, "a push: \(text)") }
        guard result.member("duplicate")?.bool != true else {
            throw Fault(.doubled, "a mutation was known before it was sent: \(text)")
        }
        guard let name = result.member("id")?.utf8,
            name.withUnsafeBytes({
                id.matches($0, sequence: sequence, connection: connection, scratch: &scratch)
            })
        else { throw Fault(.wrong, "the result of another mutation: \(text)") }
        guard let cursor = result.member("cursor")?.int else {
            throw Fault(.malformed, "a result without a cursor: \(text)")
        }
        return cursor
    }

    /// Checks one change against the mutation that it names.
    /// - Parameter connection: who pushed it.
    func check(
        change: JSONValue, connection: (ByteSlice) -> Int, _ scratch: inout ByteBuffer
    ) throws(Fault) -> Number {
        let text = change.bytes.withUnsafeBytes { excerpt($0, of: 160) }
        guard let cursor = change.member("cursor")?.int, let name = change.member("mutation")?.utf8
        else { throw Fault(.malformed, "a change without cursor or mutation: \(text)") }
        let number = connection(name)
        guard let sequence = name.withUnsafeBytes({ id.sequence(in: $0) }),
            name.withUnsafeBytes({
                id.matches($0, sequence: sequence, connection: number, scratch: &scratch)
            })
        else { throw Fault(.wrong, "a change of a mutation that is not ours: \(text)") }
        scratch.removeAll()
        arguments.append(sequence: sequence, connection: number, to: &scratch)
        guard let sent = try? JSON.parse(ByteSlice(copying: scratch.readable)),
            let data = change.member("data")
        else { throw Fault(.malformed, "a change without data: \(text)") }
        // A mutator may add members and leave some out; what has the same name must be the same.
        var found = 0
        for (key, value) in sent.members {
            guard let name = key.utf8, let stored = data.member(named: name) else { continue }
            guard stored.bytes == value.bytes else {
                throw Fault(.wrong, "a change does not hold what was pushed: \(text)")
            }
            found += 1
        }
        guard found > 0 else {
            throw Fault(.wrong, "a change holds nothing that was pushed: \(text)")
        }
        return Number(sequence: sequence, cursor: cursor)
    }
}

extension MessageTemplate {
    /// `text` with names filled in, still a text.
    static func fill(
        _ text: String, _ names: [(name: String, value: String)]
    ) throws(BenchFailure) -> String {
        var (filled, rest) = ("", Substring(text))
        while let brace = rest.firstIndex(of: "{") {
            filled += rest[..<brace]
            rest = rest[brace...]
            if let (name, value) = names.first(where: { rest.hasPrefix("{\($0.name)}") }) {
                filled += value
                rest = rest.dropFirst(name.count + 2)
            } else {
                filled += "{"
                rest = rest.dropFirst()
            }
        }
        return filled + rest
    }
}
